/* SPDX-License-Identifier: MIT
 *
 * Journal: its records.
 */
#include <string.h>

#include "xenbus/journal.h"

static uint8_t *add(uint8_t *to, const void *p, size_t len)
{
    if (len)
        memcpy(to, p, len);
    return to + len;
}

static void put_node(struct xs_journal *j, enum xs_rec_type type,
                     const struct weir_node *n, const char *name, size_t len,
                     unsigned depth)
{
    const struct xs_rec_node h = {
        .name_len = (uint16_t)len,
        .nperms = n->nperms,
        .depth = (uint16_t)depth,
        .value_len = n->value_len,
    };
    uint8_t *to =
        xs_j_put(j, type, 0, sizeof(h) + len + 4u * n->nperms + n->value_len);

    if (!to)
        return;
    to = add(to, &h, sizeof(h));
    to = add(to, name, len);
    for (unsigned i = 0; i < n->nperms; i++) {
        const struct weir_xs_perm *p = &n->perms[i];
        uint8_t e[4] = {(uint8_t)p->domid, (uint8_t)(p->domid >> 8), p->mask};

        to = add(to, e, sizeof(e));
    }
    add(to, n->value, n->value_len);
}

void xs_j_tree(struct xs_journal *j, const struct weir_node *n, unsigned depth)
{
    put_node(j, XS_REC_TREE, n, n->name, n->name_len, depth);
    for (uint32_t i = 0; i < n->nchildren; i++)
        xs_j_tree(j, n->children[i], depth + 1);
}

void xs_j_node(struct weir_store *s, const char *path)
{
    const struct weir_node *n;

    if (!s->journal)
        return;
    n = weir_tree_find(s->top, path);
    if (n)
        put_node(s->journal, XS_REC_NODE, n, path, strlen(path), 0);
}

void xs_j_rm(struct weir_store *s, const char *path)
{
    size_t len = strlen(path);
    void *to;

    if (!s->journal)
        return;
    to = xs_j_put(s->journal, XS_REC_RM, 0, len);
    if (to)
        memcpy(to, path, len);
}

void xs_j_gone(struct weir_store *s, domid_t domid)
{
    if (s->journal)
        xs_j_put(s->journal, XS_REC_GONE, domid, 0);
}

/* What each written node is now: in any order, as a node's record makes what
 * is missing above it, which has a record of its own. */
void xs_j_tx_done(struct weir_store *s, const struct xs_tx *tx)
{
    for (uint32_t i = 0; s->journal && i < tx->n; i++) {
        const char *path = tx->entries[i].path;

        if (!(tx->entries[i].what & TX_WRITTEN))
            continue;
        if (!weir_tree_find(s->top, path))
            xs_j_rm(s, path);
    }
    for (uint32_t i = 0; s->journal && i < tx->n; i++)
        if (tx->entries[i].what & TX_WRITTEN)
            xs_j_node(s, tx->entries[i].path);
}

static void put_domain(struct xs_journal *j, enum xs_rec_type type,
                       domid_t domid, const struct xs_rec_domain *r)
{
    void *to = xs_j_put(j, type, domid, sizeof(*r));

    if (to)
        memcpy(to, r, sizeof(*r));
}

void xs_j_domain(struct weir_store *s, const struct xs_domain *d)
{
    struct xs_rec_domain r = {
        .features = d->features,
        .target = d->target,
        .introduced = d->introduced,
        .configured = d->configured,
    };

    memcpy(r.quota, d->quota, sizeof(r.quota));
    if (s->journal)
        put_domain(s->journal, XS_REC_DOMAIN, d->domid, &r);
}

void xs_j_defaults(struct weir_store *s)
{
    struct xs_rec_domain r = {.target = -1};

    memcpy(r.quota, s->quota, sizeof(r.quota));
    if (s->journal)
        put_domain(s->journal, XS_REC_DEFAULTS, 0, &r);
}

static struct xs_journal *of(const struct weir_store_conn *c)
{
    return c->kept ? c->s->journal : NULL;
}

void xs_j_conn(struct weir_store_conn *c)
{
    const struct xs_rec_conn r = {
        .port = c->port,
        .in_pos = c->in_pos - (c->in_len - c->in_off),
        .out_pos = c->out_pos,
        .broken = c->broken || c->dead,
        .next_tx = c->next_tx,
    };
    void *to =
        of(c) ? xs_j_put(of(c), XS_REC_CONN, c->d->domid, sizeof(r)) : NULL;

    if (to)
        memcpy(to, &r, sizeof(r));
}

void xs_j_conn_end(struct weir_store_conn *c, enum xs_rec_type type)
{
    if (of(c))
        xs_j_put(of(c), type, c->d->domid, 0);
}

void xs_j_watch(struct weir_store_conn *c, const struct xs_watch *w,
                enum xs_rec_type type)
{
    const struct xs_rec_watch h = {w->prefix, w->depth};
    size_t path = strlen(w->path) + 1, token = strlen(w->token) + 1;
    uint8_t *to;

    if (!of(c))
        return;
    to = xs_j_put(of(c), type, c->d->domid, sizeof(h) + path + token);
    if (to)
        add(add(add(to, &h, sizeof(h)), w->path, path), w->token, token);
}

void xs_j_number(struct weir_store_conn *c, enum xs_rec_type type, uint32_t n)
{
    void *to = of(c) ? xs_j_put(of(c), type, c->d->domid, sizeof(n)) : NULL;

    if (to)
        memcpy(to, &n, sizeof(n));
}

void xs_j_in(struct weir_store_conn *c, const void *p, size_t len)
{
    void *to =
        of(c) && len ? xs_j_put(of(c), XS_REC_IN, c->d->domid, len) : NULL;

    if (to)
        memcpy(to, p, len);
}

void xs_j_done(struct weir_store_conn *c, uint32_t used,
               const struct xs_msg *reply)
{
    size_t len = reply ? reply->len : 0;
    uint8_t *to;

    if (!of(c))
        return;
    to = xs_j_put(of(c), XS_REC_DONE, c->d->domid, sizeof(used) + len);
    if (to)
        add(add(to, &used, sizeof(used)), len ? reply->data : NULL, len);
}

void xs_j_out(struct weir_store_conn *c, size_t len)
{
    struct xs_rec_out o = {.pos = c->out_pos, .len = (uint32_t)len};
    const struct xs_msg *m = c->out, *event = NULL;
    uint32_t events = 0;
    uint8_t *to;

    if (!of(c))
        return;
    for (; m && len >= m->len - m->done; m = m->next) {
        len -= m->len - m->done;
        o.replies += !m->event;
        events += m->event;
    }
    if (m && (len || m->done)) {
        o.tail = m->event ? 2 : 1;
        o.tail_done = m->done + (uint32_t)len;
        event = m->event ? m : NULL;
    }
    o.told = events + (event != NULL) == c->unread;
    c->late = !o.told;
    to = xs_j_put(of(c), XS_REC_OUT, c->d->domid,
                  sizeof(o) + (event ? event->len : 0));
    if (to)
        add(add(to, &o, sizeof(o)), event ? event->data : NULL,
            event ? event->len : 0);
}

/* What is queued is queued with the change it tells of: one commit. */
void xs_j_late(struct weir_store_conn *c)
{
    if (!of(c))
        return;
    c->late = true;
    xs_j_put(of(c), XS_REC_LATE, c->d->domid, 0);
}
