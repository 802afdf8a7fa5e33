/* SPDX-License-Identifier: MIT
 *
 * Registry: one client's connection; bytes in, messages out.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

void xs_mark_ready(struct weir_store_conn *c)
{
    if (c->ready)
        return;
    c->ready = true;
    c->next_ready = c->s->ready;
    c->s->ready = c;
}

void weir_store_set_user(struct weir_store_conn *c, void *user)
{
    c->user = user;
}

void *weir_store_next_ready(struct weir_store *s)
{
    struct weir_store_conn *c = s->ready;

    if (!c)
        return NULL;
    s->ready = c->next_ready;
    c->ready = false;
    return c->user;
}

static void unready(struct weir_store_conn *c)
{
    struct weir_store_conn **p = &c->s->ready;

    if (!c->ready)
        return;
    while (*p != c)
        p = &(*p)->next_ready;
    *p = c->next_ready;
}

struct weir_store_conn *weir_store_connect(struct weir_store *s, domid_t domid,
                                           void *user)
{
    struct xs_domain *d = xs_domain_get(s, domid);
    struct weir_store_conn *c = d ? calloc(1, sizeof(*c)) : NULL;

    if (!c)
        return NULL;
    c->s = s;
    c->d = d;
    c->user = user;
    c->privileged = domid == 0;
    c->out_tail = &c->out;
    c->next = s->conns;
    s->conns = c;
    return c;
}

void weir_store_reset(struct weir_store_conn *c)
{
    xs_watch_free_all(c);
    xs_tx_free_all(c);
    xs_out_free(c);
    c->in_off = c->in_len = 0;
    c->dead = 0;
}

void weir_store_disconnect(struct weir_store_conn *c)
{
    struct weir_store_conn **p = &c->s->conns;

    weir_store_reset(c);
    xs_j_conn_end(c, XS_REC_CLOSE);
    if (c->kept)
        c->s->extra_bytes -= XS_J_CONN;
    unready(c);
    while (*p != c)
        p = &(*p)->next;
    *p = c->next;
    xs_domain_put(c->s, c->d);
    free(c);
}

/* A domain may reconnect and break its connection as often as it likes; the
 * log does not grow with that. */
static void tell_end(struct weir_store_conn *c, const char *why)
{
    struct xs_domain *d = c->d;

    if (!xs_may_log(c->s, &d->ended_ns)) {
        d->ended++;
        return;
    }
    xs_log(c->s, WEIR_LOG_WARN,
           "domain %u: connection ended: %s (%u before it not told)", d->domid,
           why, d->ended);
    d->ended = 0;
}

void xs_kill(struct weir_store_conn *c, int err, const char *why)
{
    if (c->dead)
        return;
    tell_end(c, why);
    weir_store_reset(c);
    c->dead = err;
    xs_j_conn(c); /* broken: it is told of nothing from here on */
    xs_mark_ready(c);
}

int weir_store_dead(const struct weir_store_conn *c)
{
    return c->dead;
}

size_t weir_store_space(struct weir_store_conn *c, void **at)
{
    if (c->dead)
        return 0;
    if (c->in_off) {
        c->in_len -= c->in_off;
        memmove(c->in, c->in + c->in_off, c->in_len);
        c->in_off = 0;
    }
    *at = c->in + c->in_len;
    return IN_SIZE - c->in_len;
}

void weir_store_fed(struct weir_store_conn *c, size_t len)
{
    xs_j_in(c, c->in + c->in_len, len);
    c->in_len += (uint32_t)len;
    c->in_pos += (uint32_t)len;
    if (c->kept)
        xs_j_commit(c->s);
}

static bool blocked(const struct weir_store_conn *c)
{
    uint64_t limit =
        c->privileged ? PRIV_REPLIES : c->d->quota[WEIR_QUOTA_OUTSTANDING];

    return (limit && c->replies >= limit) ||
           (c->kept && c->reply_bytes >= XS_J_REPLIES);
}

bool weir_store_pending(const struct weir_store_conn *c)
{
    uint32_t have = c->in_len - c->in_off;
    struct weir_xs_header h;

    if (c->dead || blocked(c) || have < WEIR_XS_HDR_SIZE)
        return false;
    return weir_xs_hdr_get(&h, c->in + c->in_off) ||
           have >= WEIR_XS_HDR_SIZE + h.len;
}

int weir_store_run(struct weir_store_conn *c, unsigned max)
{
    unsigned n = 0;

    while (n < max && weir_store_pending(c)) {
        const uint8_t *msg = c->in + c->in_off;
        char payload[WEIR_XS_PAYLOAD_MAX + 1];

        if (weir_xs_hdr_get(&c->hdr, msg)) {
            xs_kill(c, -EPROTO, "message longer than 4096 bytes");
            break;
        }
        memcpy(payload, msg + WEIR_XS_HDR_SIZE, c->hdr.len);
        payload[c->hdr.len] = '\0';
        c->in_off += WEIR_XS_HDR_SIZE + c->hdr.len;
        c->quota_hit = NULL;
        c->answer = NULL;
        xs_request(c, payload);
        if (!c->dead)
            xs_j_done(c, WEIR_XS_HDR_SIZE + c->hdr.len, c->answer);
        xs_j_commit(c->s);
        n++;
    }
    return c->dead ? c->dead : (int)n;
}
