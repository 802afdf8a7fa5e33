/* SPDX-License-Identifier: MIT
 *
 * Journal: a predecessor's ring connections.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

static struct weir_store_conn *find(struct weir_store *s, domid_t domid)
{
    struct weir_store_conn *c = s->conns;

    while (c && !(c->kept && c->d->domid == domid))
        c = c->next;
    return c;
}

static int load_begin(struct weir_store *s, domid_t domid, struct xs_input *in)
{
    const void *p = xs_in_take(in, sizeof(struct xs_rec_conn));
    struct weir_store_conn *c = find(s, domid);
    struct xs_rec_conn v;

    if (!p || in->left || !domid)
        return -EBADMSG;
    memcpy(&v, p, sizeof(v));
    if (!c)
        c = weir_store_connect(s, domid, NULL);
    if (!c)
        return -ENOMEM;
    weir_store_reset(c);
    weir_store_keep(c, v.port, v.in_pos, v.out_pos, v.broken != 0);
    c->next_tx = v.next_tx;
    return 0;
}

/* A string with its NUL. */
static const char *take_string(struct xs_input *in)
{
    const uint8_t *end = in->left ? memchr(in->at, '\0', in->left) : NULL;

    return end ? xs_in_take(in, (size_t)(end - in->at) + 1) : NULL;
}

static int load_watch(struct weir_store_conn *c, enum xs_rec_type type,
                      struct xs_input *in)
{
    const void *h = xs_in_take(in, sizeof(struct xs_rec_watch));
    const char *path = take_string(in), *token = take_string(in);
    struct xs_rec_watch v;
    int r;

    if (!h || !path || !token || in->left)
        return -EBADMSG;
    memcpy(&v, h, sizeof(v));
    if ((path[0] != '/' && path[0] != '@') ||
        weir_xs_path_check(path, strlen(path), true) ||
        strlen(path) + strlen(token) + 2 > WEIR_XS_PAYLOAD_MAX ||
        v.prefix > strlen(path) || v.depth < -1 || v.depth > WEIR_XS_PATH_MAX)
        return -EBADMSG;
    if (type == XS_REC_UNWATCH)
        return xs_watch_end(c, path, token) ? -EBADMSG : 0;
    r = xs_watch_begin(c, path, token, v.prefix, v.depth);
    return r == -EEXIST ? -EBADMSG : r;
}

static int load_number(struct weir_store_conn *c, enum xs_rec_type type,
                       struct xs_input *in)
{
    const void *p = xs_in_take(in, sizeof(uint32_t));
    uint32_t id;

    if (!p || in->left)
        return -EBADMSG;
    memcpy(&id, p, sizeof(id));
    if (type == XS_REC_TX)
        return xs_tx_doomed(c, id);
    return xs_tx_drop(c, id) ? -EBADMSG : 0;
}

static int load_in(struct weir_store_conn *c, struct xs_input *in)
{
    void *at = NULL;
    size_t room = weir_store_space(c, &at), len = in->left;

    if (len > room)
        return -EBADMSG;
    memcpy(at, xs_in_take(in, len), len);
    weir_store_fed(c, len);
    return 0;
}

static int load_done(struct weir_store_conn *c, struct xs_input *in)
{
    const void *p = xs_in_take(in, sizeof(uint32_t));
    struct weir_xs_header h;
    const uint8_t *msg;
    uint32_t used;

    if (!p)
        return -EBADMSG;
    memcpy(&used, p, sizeof(used));
    if (used > c->in_len - c->in_off)
        return -EBADMSG;
    c->in_off += used;
    if (!in->left)
        return 0;
    msg = xs_in_take(in, WEIR_XS_HDR_SIZE);
    if (!msg || weir_xs_hdr_get(&h, msg) || h.len != in->left)
        return -EBADMSG;
    return xs_out_reply(c, &h, in->at);
}

/* Replies that went out, and the message that half did. */
int xs_load_out(struct weir_store_conn *c, const struct xs_rec_out *at)
{
    struct xs_rec_out o;

    memcpy(&o, at, sizeof(o));
    c->out_pos = o.pos + o.len;
    if (o.told)
        c->late = false;
    if (c->out && c->out->event)
        xs_out_pop(c);
    for (; o.replies; o.replies--) {
        if (!c->out)
            return -EBADMSG;
        xs_out_pop(c);
    }
    if (o.tail == 0)
        return 0;
    if (o.tail == 2) {
        const uint8_t *msg = (const uint8_t *)at + sizeof(o);
        struct weir_xs_header h;
        int r;

        /* its length was checked when the record was read */
        if (weir_xs_hdr_get(&h, msg))
            return -EBADMSG;
        r = xs_out_event_first(c, &h, msg + WEIR_XS_HDR_SIZE);
        if (r)
            return r;
    }
    if (!c->out || !o.tail_done || o.tail_done >= c->out->len)
        return -EBADMSG;
    c->out->done = o.tail_done;
    return 0;
}

static int load_out(struct xs_journal *j, struct weir_store_conn *c,
                    struct xs_input *in)
{
    const void *p = xs_in_take(in, sizeof(struct xs_rec_out));
    struct weir_xs_header h;
    struct xs_rec_out o;

    if (!p)
        return -EBADMSG;
    memcpy(&o, p, sizeof(o));
    if (o.tail > 2 || o.len > WEIR_XS_RING_SIZE)
        return -EBADMSG;
    if (o.tail != 2
            ? in->left != 0
            : in->left < WEIR_XS_HDR_SIZE || weir_xs_hdr_get(&h, in->at) ||
                  h.len != in->left - WEIR_XS_HDR_SIZE)
        return -EBADMSG;
    j->maybe = c;
    j->maybe_out = p;
    return 0;
}

int xs_load_conn(struct weir_store *s, struct xs_journal *j,
                 const struct xs_rec *r, struct xs_input *in)
{
    struct weir_store_conn *c;

    if (r->type == XS_REC_CONN)
        return load_begin(s, r->domid, in);
    c = find(s, r->domid);
    if (!c)
        return -EBADMSG;
    switch (r->type) {
    case XS_REC_CLOSE:
        weir_store_disconnect(c);
        return 0;
    case XS_REC_WATCH:
    case XS_REC_UNWATCH:
        return load_watch(c, r->type, in);
    case XS_REC_FORGET:
        xs_watch_free_all(c);
        xs_tx_free_all(c);
        return 0;
    case XS_REC_TX:
    case XS_REC_TX_END:
        return load_number(c, r->type, in);
    case XS_REC_IN:
        return load_in(c, in);
    case XS_REC_DONE:
        return load_done(c, in);
    case XS_REC_OUT:
        return load_out(j, c, in);
    case XS_REC_LATE:
        c->late = true;
        return in->left ? -EBADMSG : 0;
    default:
        return -EBADMSG;
    }
}
