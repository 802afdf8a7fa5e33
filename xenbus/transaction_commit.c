/* SPDX-License-Identifier: MIT
 *
 * Registry: what a transaction wrote, put into the present tree.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

static bool conflicts(struct weir_store *s, const struct xs_tx *tx)
{
    if (tx->base == s->top)
        return false;
    for (uint32_t i = 0; i < tx->n; i++) {
        const struct xs_tx_entry *e = &tx->entries[i];
        const struct weir_node *was = weir_tree_find(tx->base, e->path);
        const struct weir_node *is = weir_tree_find(s->top, e->path);

        if (was == is)
            continue;
        if (!was || !is)
            return true;
        if ((e->what & DEP_NODE && was->gen != is->gen) ||
            (e->what & DEP_LIST && was->listgen != is->listgen))
            return true;
    }
    return false;
}

static struct xs_domain *touch(struct weir_store *s, const struct weir_node *n)
{
    struct xs_domain *d = xs_domain_get(s, xs_owner(n));

    if (d && !d->touched) {
        d->touched = true;
        d->next_touched = s->touched;
        s->touched = d;
    }
    return d;
}

/* What the transaction changes, per domain, in delta_nodes, delta_memory. */
static int deltas(struct weir_store *s, const struct xs_tx *tx)
{
    for (uint32_t i = 0; i < tx->n; i++) {
        const struct xs_tx_entry *e = &tx->entries[i];

        if (!(e->what & TX_WRITTEN))
            continue;
        for (int sign = -1; sign <= 1; sign += 2) {
            struct weir_node *top = sign < 0 ? s->top : tx->top;
            const struct weir_node *n = weir_tree_find(top, e->path);
            struct xs_domain *d = n ? touch(s, n) : NULL;

            if (n && !d)
                return -ENOMEM;
            if (!d)
                continue;
            d->delta_nodes += sign;
            d->delta_memory += sign * (int64_t)weir_node_bytes(n);
        }
    }
    return 0;
}

static void settle(struct weir_store *s, bool keep)
{
    while (s->touched) {
        struct xs_domain *d = s->touched;

        s->touched = d->next_touched;
        d->touched = false;
        if (keep) {
            s->tree_bytes = (size_t)((int64_t)s->tree_bytes + d->delta_memory);
            d->nodes = (uint32_t)(d->nodes + d->delta_nodes);
            d->memory = (size_t)((int64_t)d->memory + d->delta_memory);
        }
        d->delta_nodes = d->delta_memory = 0;
    }
}

static int too_much(struct weir_store_conn *c, const struct xs_tx *tx)
{
    const struct xs_domain *d = c->d;
    int64_t sum = 0;

    for (const struct xs_domain *t = c->s->touched; t; t = t->next_touched)
        sum += t->delta_memory;
    if (sum > 0 && xs_j_full(c, (size_t)sum))
        return -ENOSPC;

    if (d->delta_nodes > 0 &&
        xs_over(c, WEIR_QUOTA_NODES, d->nodes, (uint64_t)d->delta_nodes))
        return -ENOSPC;
    /* the transaction's own charge ends with it */
    if (d->delta_memory > 0 &&
        xs_over(c, WEIR_QUOTA_MEMORY, d->memory - tx->memory,
                (uint64_t)d->delta_memory))
        return -ENOMEM;
    return 0;
}

static int by_path(const void *a, const void *b)
{
    const struct xs_tx_entry *x = a, *y = b;

    return strcmp(x->path, y->path);
}

/* Makes path in the present tree what it is in the transaction's. */
static int put_node(struct weir_store *s, const struct weir_node *from,
                    const char *path)
{
    struct weir_node *n = weir_tree_own(&s->top, path);
    bool fresh = !n;

    if (fresh) {
        char up[WEIR_XS_PATH_MAX + 1];
        struct weir_node *parent;

        if (weir_tree_find(s->top, path) || !weir_path_parent_copy(path, up))
            return -ENOMEM;
        parent = weir_tree_own(&s->top, up);
        n = parent ? weir_node_new(from->total, from->name, from->name_len)
                   : NULL;
        if (!n)
            return -ENOMEM;
        n->listgen = ++s->gen;
        if (weir_node_add(parent, n)) {
            weir_node_unref(n);
            return -ENOMEM;
        }
        parent->listgen = ++s->gen;
    }
    if (weir_node_set_value(n, from->value, from->value_len) ||
        weir_node_set_perms(n, from->perms, from->nperms))
        return -ENOMEM;
    n->gen = ++s->gen;
    return 0;
}

static int apply(struct weir_store *s, struct xs_tx *tx)
{
    struct xs_tx_entry *sorted;
    int r = 0;

    if (tx->base == s->top) {
        weir_node_unref(s->top);
        s->top = weir_node_ref(tx->top);
        return 0;
    }
    if (!tx->n)
        return 0;
    sorted = malloc(tx->n * sizeof(*sorted)); /* parents before children */
    if (!sorted)
        return -ENOMEM;
    memcpy(sorted, tx->entries, tx->n * sizeof(*sorted));
    qsort(sorted, tx->n, sizeof(*sorted), by_path);
    for (uint32_t i = 0; !r && i < tx->n; i++) {
        const char *path = sorted[i].path;
        const struct weir_node *from;

        if (!(sorted[i].what & TX_WRITTEN))
            continue;
        from = weir_tree_find(tx->top, path);
        if (from)
            r = put_node(s, from, path);
        else if (weir_tree_find(s->top, path))
            r = weir_tree_remove(&s->top, path, ++s->gen);
    }
    free(sorted);
    return r;
}

int xs_tx_commit(struct weir_store_conn *c, struct xs_tx *tx)
{
    struct weir_store *s = c->s;
    struct weir_node *before;
    int r;

    if (tx->failed)
        return tx->failed;
    if (tx->doomed)
        return -EAGAIN;
    if (conflicts(s, tx))
        return -EAGAIN;
    r = deltas(s, tx);
    if (!r)
        r = too_much(c, tx);
    before = weir_node_ref(s->top);
    if (!r)
        r = apply(s, tx);
    if (r) { /* back to what was, as if nothing had been */
        weir_node_unref(s->top);
        s->top = before;
        settle(s, false);
        return r;
    }
    settle(s, true);
    xs_j_tx_done(s, tx);
    for (uint32_t i = 0; i < tx->n; i++) {
        const struct xs_tx_entry *e = &tx->entries[i];

        if (e->what & TX_REMOVED)
            xs_fire_removed(s, e->path, before);
        else if (e->what & TX_CHANGED)
            xs_fire(s, e->path, before);
    }
    weir_node_unref(before);
    return 0;
}
