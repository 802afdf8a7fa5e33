/* SPDX-License-Identifier: MIT
 *
 * Registry: messages to a client, replies and events.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

void xs_out_free(struct weir_store_conn *c)
{
    while (c->out) {
        struct xs_msg *m = c->out;

        c->out = m->next;
        free(m);
    }
    c->out_tail = &c->out;
    c->replies = 0;
    c->reply_bytes = 0;
    c->answer = NULL;
    c->d->memory -= c->event_bytes;
    c->event_bytes = 0;
    c->unread = 0;
    c->late = false; /* a CONN record follows, or a CLOSE */
    memset(c->events, 0, sizeof(c->events));
}

static struct xs_msg *message(const struct weir_xs_header *h,
                              const void *payload)
{
    struct xs_msg *m = malloc(sizeof(*m) + WEIR_XS_HDR_SIZE + h->len);

    if (!m)
        return NULL;
    memset(m, 0, sizeof(*m));
    weir_xs_hdr_put(m->data, h);
    if (h->len)
        memcpy(m->data + WEIR_XS_HDR_SIZE, payload, h->len);
    m->len = WEIR_XS_HDR_SIZE + h->len;
    return m;
}

static void queue(struct weir_store_conn *c, struct xs_msg *m)
{
    *c->out_tail = m;
    c->out_tail = &m->next;
    xs_mark_ready(c);
}

static void send_reply(struct weir_store_conn *c, uint32_t type, const void *p,
                       size_t len)
{
    struct weir_xs_header h = c->hdr;
    struct xs_msg *m;

    if (c->dead)
        return;
    h.type = type;
    h.len = (uint32_t)len;
    m = message(&h, p);
    if (!m) {
        xs_kill(c, -ENOMEM, "out of memory");
        return;
    }
    queue(c, m);
    c->replies++;
    c->reply_bytes += m->len;
    c->answer = m;
}

int xs_out_reply(struct weir_store_conn *c, const struct weir_xs_header *h,
                 const void *payload)
{
    c->hdr = *h;
    send_reply(c, h->type, payload, h->len);
    return c->dead;
}

int xs_reply(struct weir_store_conn *c, const void *payload, size_t len)
{
    if (len > WEIR_XS_PAYLOAD_MAX)
        return -E2BIG;
    send_reply(c, c->hdr.type, payload, len);
    return 0;
}

int xs_reply_ok(struct weir_store_conn *c)
{
    return xs_reply(c, "OK", 3);
}

/* The name of the error; behind its NUL, where old clients do not look, the
 * quota that was hit. */
void xs_reply_error(struct weir_store_conn *c, int err)
{
    char text[64];
    size_t n = 0;
    const char *parts[2] = {weir_xs_error_name(err), c->quota_hit};

    for (unsigned i = 0; i < 2 && parts[i]; i++) {
        size_t len = strlen(parts[i]) + 1;

        memcpy(text + n, parts[i], len);
        n += len;
    }
    send_reply(c, WEIR_XS_ERROR, text, n);
}

uint32_t xs_hash(const char *p, size_t len)
{
    uint32_t h = 2166136261u;

    while (len--)
        h = (h ^ (uint8_t)*p++) * 16777619u;
    return h;
}

static bool queued(struct weir_store_conn *c, uint32_t hash, const char *p,
                   uint32_t len)
{
    const struct xs_msg *m = c->events[hash % EVENT_BUCKETS];

    for (; m; m = m->hash_next)
        if (m->hash == hash && m->len == WEIR_XS_HDR_SIZE + len && !m->done &&
            !memcmp(m->data + WEIR_XS_HDR_SIZE, p, len))
            return true;
    return false;
}

/* May the connection have cost more bytes of unread events? */
static bool event_fits(struct weir_store_conn *c, size_t cost)
{
    bool over;

    if (c->privileged)
        return c->event_bytes + cost <= PRIV_EVENTS_MAX;
    over = xs_over(c, WEIR_QUOTA_MEMORY, c->d->memory, cost);
    c->quota_hit = NULL; /* not what its request, if any, fails by */
    return !over;
}

static struct xs_msg *event(struct weir_store_conn *c,
                            const struct weir_xs_header *h, const void *payload,
                            uint32_t hash)
{
    struct xs_msg *m = message(h, payload);

    if (!m)
        return NULL;
    m->event = true;
    c->unread++;
    m->hash = hash;
    m->queued_ns = xs_now(c->s);
    m->hash_next = c->events[hash % EVENT_BUCKETS];
    c->events[hash % EVENT_BUCKETS] = m;
    c->event_bytes += sizeof(*m) + m->len;
    c->d->memory += sizeof(*m) + m->len;
    return m;
}

static void queue_event(struct weir_store_conn *c, const char *payload,
                        uint32_t len, uint32_t hash)
{
    struct weir_xs_header h = {.type = WEIR_XS_WATCH_EVENT, .len = len};
    struct xs_msg *m = event(c, &h, payload, hash);

    if (!m) {
        xs_kill(c, -ENOMEM, "out of memory");
        return;
    }
    queue(c, m);
    if (!c->late)
        xs_j_late(c);
}

int xs_out_event_first(struct weir_store_conn *c,
                       const struct weir_xs_header *h, const void *payload)
{
    struct xs_msg *m = event(c, h, payload, xs_hash(payload, h->len));

    if (!m)
        return -ENOMEM;
    m->next = c->out;
    c->out = m;
    if (!m->next)
        c->out_tail = &m->next;
    return 0;
}

/* Who changes many nodes another domain watches must not end that domain's
 * connection by it: when there is no room for more events, one on the watch's
 * own path stands for all of them, and there is one of those for each watch. */
void xs_event(struct weir_store_conn *c, const struct xs_watch *w,
              const char *path)
{
    const char *own = w->path + w->prefix;
    size_t plen = strlen(path) + 1, tlen = strlen(w->token) + 1;
    char payload[WEIR_XS_PAYLOAD_MAX];
    uint32_t hash;

    if (c->dead || c->s->loading)
        return;
    if (plen + tlen > sizeof(payload) ||
        (strcmp(path, own) &&
         !event_fits(c,
                     sizeof(struct xs_msg) + WEIR_XS_HDR_SIZE + plen + tlen))) {
        path = own;
        plen = strlen(own) + 1;
    }
    memcpy(payload, path, plen);
    memcpy(payload + plen, w->token, tlen);
    hash = xs_hash(payload, plen + tlen);
    if (!queued(c, hash, payload, (uint32_t)(plen + tlen)))
        queue_event(c, payload, (uint32_t)(plen + tlen), hash);
}

static void message_sent(struct weir_store_conn *c, struct xs_msg *m)
{
    c->out = m->next;
    if (!c->out)
        c->out_tail = &c->out;
    if (m->event) {
        struct xs_msg **p = &c->events[m->hash % EVENT_BUCKETS];

        while (*p != m)
            p = &(*p)->hash_next;
        *p = m->hash_next;
        c->unread--;
        c->event_bytes -= sizeof(*m) + m->len;
        c->d->memory -= sizeof(*m) + m->len;
    } else {
        c->replies--;
        c->reply_bytes -= m->len;
    }
    free(m);
}

void xs_out_pop(struct weir_store_conn *c)
{
    message_sent(c, c->out);
}

size_t weir_store_peek(struct weir_store_conn *c, void *buf, size_t len)
{
    uint8_t *to = buf;
    size_t n = 0;

    for (const struct xs_msg *m = c->out; m && n < len; m = m->next) {
        size_t part = m->len - m->done;

        if (part > len - n)
            part = len - n;
        memcpy(to + n, m->data + m->done, part);
        n += part;
    }
    return n;
}

void weir_store_sending(struct weir_store_conn *c, size_t len)
{
    const struct xs_journal *j = c->kept ? c->s->journal : NULL;

    if (!j)
        return;
    xs_j_out(c, len);
    if (j->overflow || j->next[0]) { /* a snapshot knows nothing of it */
        xs_j_switch(c->s);
        xs_j_out(c, len);
    }
    xs_j_commit(c->s);
}

void weir_store_sent(struct weir_store_conn *c, size_t len)
{
    c->out_pos += (uint32_t)len;
    while (len && c->out) {
        struct xs_msg *m = c->out;
        size_t part = m->len - m->done;

        if (part > len)
            part = len;
        m->done += (uint32_t)part;
        len -= part;
        if (m->done == m->len)
            message_sent(c, m);
    }
}
