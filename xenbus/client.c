/* SPDX-License-Identifier: MIT
 *
 * Registry client: one request at a time over a transport.
 */
#include <string.h>

#include "ring/error.h"
#include "xenbus/client.h"
#include "xenbus/client_call.h"

#define DEFAULT_DEADLINE_NS 10000000000ull

int weir_xs_open(struct weir_xs *xs, const struct weir_xs_transport *t,
                 void *context, struct weir_port *port)
{
    memset(xs, 0, sizeof(*xs));
    xs->transport = t;
    xs->context = context;
    xs->port = port;
    xs->fd = -1;
    xs->deadline_ns = DEFAULT_DEADLINE_NS;
    return 0;
}

static int broken(struct weir_xs *xs, int err)
{
    if (!xs->broken)
        xs->broken = err;
    return xs->broken;
}

static bool same(const char *a, const char *b)
{
    while (*a && *a == *b)
        a++, b++;
    return *a == *b;
}

static void copy_cut(char *to, size_t size, const char *from)
{
    size_t n = 0;

    while (n + 1 < size && from[n]) {
        to[n] = from[n];
        n++;
    }
    to[n] = '\0';
}

/* A watch event is in xs->in.  Events are hints: equal ones are merged. */
static int take_event(struct weir_xs *xs, uint32_t len)
{
    struct weir_xs_event ev;
    const char *argv[2];
    char *payload = (char *)xs->in + WEIR_XS_HDR_SIZE;

    if (weir_xs_split(payload, len, argv, 2, false) < 2)
        return broken(xs, -WEIR_EPROTO);
    copy_cut(ev.path, sizeof(ev.path), argv[0]);
    copy_cut(ev.token, sizeof(ev.token), argv[1]);
    for (uint32_t i = 0; i < xs->ev_count; i++) {
        const struct weir_xs_event *q =
            &xs->events[(xs->ev_head + i) % WEIR_XS_EVENTS];

        if (same(q->path, ev.path) && same(q->token, ev.token))
            return 0;
    }
    if (xs->ev_count == WEIR_XS_EVENTS) {
        xs->overflow = true;
        return 0;
    }
    xs->events[(xs->ev_head + xs->ev_count++) % WEIR_XS_EVENTS] = ev;
    return 0;
}

/* Receives until a message that is no event is complete (1, *h and the payload
 * in xs->in), or nothing more is there (0). */
static int pump(struct weir_xs *xs, struct weir_xs_header *h)
{
    for (;;) {
        uint32_t want = WEIR_XS_HDR_SIZE;
        int n;

        if (xs->in_len >= WEIR_XS_HDR_SIZE) {
            if (weir_xs_hdr_get(h, xs->in))
                return broken(xs, -WEIR_EPROTO);
            want += h->len;
            if (xs->in_len == want) {
                xs->in_len = 0;
                xs->in[want] = 0;
                if (h->type != WEIR_XS_WATCH_EVENT)
                    return 1;
                n = take_event(xs, h->len);
                if (n)
                    return n;
                continue;
            }
        }
        n = xs->transport->recv(xs, xs->in + xs->in_len, want - xs->in_len);
        if (n < 0)
            return broken(xs, n);
        if (!n)
            return 0;
        xs->in_len += (uint32_t)n;
    }
}

static uint64_t now(struct weir_xs *xs)
{
    if (xs->transport->now_ns)
        return xs->transport->now_ns(xs);
    return xs->port ? xs->port->ops->now_ns(xs->port) : 0;
}

static int wait_for(struct weir_xs *xs, bool sending, uint64_t end)
{
    uint64_t t = now(xs);
    int r;

    if (t >= end)
        return broken(xs, -WEIR_ETIMEDOUT);
    r = xs->transport->wait(xs, sending, end - t);
    return r ? broken(xs, r) : 0;
}

static int send_all(struct weir_xs *xs, uint64_t end)
{
    struct weir_xs_header h;
    uint32_t done = 0;

    while (done < xs->out_len) {
        int n = xs->transport->send(xs, xs->out + done, xs->out_len - done);

        if (n < 0)
            return broken(xs, n);
        done += (uint32_t)n;
        if (n)
            continue;
        /* The server may be waiting for us to take its events. */
        n = pump(xs, &h);
        if (n)
            return n < 0 ? n : broken(xs, -WEIR_EPROTO);
        n = wait_for(xs, true, end);
        if (n)
            return n;
    }
    return 0;
}

void weir_xs_begin(struct weir_xs *xs)
{
    xs->out_len = WEIR_XS_HDR_SIZE;
}

void weir_xs_put_bytes(struct weir_xs *xs, const void *p, size_t len)
{
    if (xs->out_len > sizeof(xs->out) || len > sizeof(xs->out) - xs->out_len) {
        xs->out_len = sizeof(xs->out) + 1; /* weir_xs_call refuses it */
        return;
    }
    memcpy(xs->out + xs->out_len, p, len);
    xs->out_len += (uint32_t)len;
}

void weir_xs_put_str(struct weir_xs *xs, const char *s)
{
    weir_xs_put_bytes(xs, s, weir_xs_strlen(s) + 1);
}

void weir_xs_put_u64(struct weir_xs *xs, uint64_t v)
{
    char digits[21];

    weir_xs_format_u64(v, digits);
    weir_xs_put_str(xs, digits);
}

int weir_xs_call(struct weir_xs *xs, enum weir_xs_type type, weir_xs_tx tx,
                 const char **reply)
{
    struct weir_xs_header req = {.type = type, .tx_id = tx}, h;
    uint64_t t, end;
    int r;

    if (xs->broken)
        return xs->broken;
    if (xs->out_len > sizeof(xs->out))
        return -WEIR_E2BIG;
    t = now(xs);
    end = t + xs->deadline_ns < t ? UINT64_MAX : t + xs->deadline_ns;
    req.req_id = ++xs->next_req_id;
    req.len = xs->out_len - WEIR_XS_HDR_SIZE;
    weir_xs_hdr_put(xs->out, &req);
    r = send_all(xs, end);
    while (!r) {
        r = pump(xs, &h);
        if (!r)
            r = wait_for(xs, false, end);
    }
    if (r < 0)
        return r;
    if (h.req_id != req.req_id || (h.type != type && h.type != WEIR_XS_ERROR))
        return broken(xs, -WEIR_EPROTO);
    *reply = (const char *)xs->in + WEIR_XS_HDR_SIZE;
    if (h.type == WEIR_XS_ERROR)
        return -weir_xs_error_code(*reply, h.len);
    return (int)h.len;
}

int weir_xs_next_event(struct weir_xs *xs, struct weir_xs_event *ev)
{
    struct weir_xs_header h;

    if (!xs->broken && pump(xs, &h) > 0)
        broken(xs, -WEIR_EPROTO); /* a reply to nothing */
    if (xs->overflow) {
        xs->overflow = false;
        return WEIR_XS_OVERFLOW;
    }
    if (!xs->ev_count)
        return xs->broken;
    *ev = xs->events[xs->ev_head];
    xs->ev_head = (xs->ev_head + 1) % WEIR_XS_EVENTS;
    xs->ev_count--;
    return 1;
}
