/* SPDX-License-Identifier: MIT
 *
 * Registry: transactions.
 *
 * A transaction holds a reference to the tree as it was (base) and works on
 * its own copy-on-write version of it (top).  It notes per path what it relied
 * on.  At its end each noted path must be in the present tree what it was in
 * base (existence, generation of the node, generation of its children); then
 * what it wrote is put into the present tree.  Two transactions that make
 * different children of one node do not disturb each other, unless one of
 * them listed the children.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

#define TX_RECORD 16u /* bytes of an open one in the journal's snapshot */

struct xs_tx *xs_tx_find(struct weir_store_conn *c, uint32_t id)
{
    struct xs_tx *tx = c->txs;

    while (tx && tx->id != id)
        tx = tx->next;
    return tx;
}

static int tx_charge(struct weir_store_conn *c, struct xs_tx *tx, size_t bytes)
{
    if (xs_over(c, WEIR_QUOTA_MEMORY, c->d->memory, bytes))
        return -ENOMEM;
    c->d->memory += bytes;
    tx->memory += bytes;
    return 0;
}

int xs_tx_note(struct weir_store_conn *c, struct xs_tx *tx, const char *path,
               uint32_t what, size_t bytes)
{
    struct xs_tx_entry *e;
    uint32_t hash;
    int r;

    if (!tx)
        return 0;
    hash = xs_hash(path, strlen(path));
    for (uint32_t i = 0; i < tx->n; i++) {
        e = &tx->entries[i];
        if (e->hash == hash && !strcmp(e->path, path)) {
            e->what |= what;
            return bytes ? tx_charge(c, tx, bytes) : 0;
        }
    }
    if (xs_over(c, WEIR_QUOTA_TX_NODES, tx->n, 1))
        return -ENOSPC;
    if (tx->n == tx->room) {
        uint32_t room = tx->room ? tx->room * 2 : 16;

        e = realloc(tx->entries, room * sizeof(*e));
        if (!e)
            return -ENOMEM;
        tx->entries = e;
        tx->room = room;
    }
    r = tx_charge(c, tx, bytes + strlen(path) + sizeof(*e));
    if (r)
        return r;
    e = &tx->entries[tx->n];
    e->path = strdup(path);
    if (!e->path)
        return -ENOMEM;
    e->hash = hash;
    e->what = what;
    tx->n++;
    return 0;
}

static void tx_free(struct weir_store_conn *c, struct xs_tx *tx)
{
    for (uint32_t i = 0; i < tx->n; i++)
        free(tx->entries[i].path);
    free(tx->entries);
    weir_node_unref(tx->base);
    weir_node_unref(tx->top);
    c->d->memory -= tx->memory;
    c->d->transactions--;
    c->s->extra_bytes -= TX_RECORD;
    free(tx);
}

void xs_tx_free_all(struct weir_store_conn *c)
{
    while (c->txs) {
        struct xs_tx *tx = c->txs;

        c->txs = tx->next;
        tx_free(c, tx);
    }
}

static size_t tree_bytes(const struct weir_node *n)
{
    size_t sum = weir_node_bytes(n) + n->room * sizeof(*n->children);

    for (uint32_t i = 0; i < n->nchildren; i++)
        sum += tree_bytes(n->children[i]);
    return sum;
}

/* The oldest open transaction not yet failed; unprivileged ones first. */
static struct xs_tx *oldest(struct weir_store *s, bool privileged)
{
    struct xs_tx *old = NULL;

    for (struct weir_store_conn *c = s->conns; c; c = c->next)
        for (struct xs_tx *tx = c->txs; tx; tx = tx->next)
            if (c->privileged == privileged && !tx->failed &&
                (!old || tx->started < old->started))
                old = tx;
    return old;
}

/* A transaction nobody ends keeps the tree of its start alive, and with it
 * what others change meanwhile.  When that is too much the oldest fails: all
 * that is asked in it, its end too, is answered EAGAIN. */
void xs_tx_bound_snapshots(struct weir_store *s)
{
    while (s->node_bytes > s->live_bytes + SNAPSHOT_MAX) {
        struct xs_tx *tx;

        s->live_bytes = tree_bytes(s->top);
        if (s->node_bytes <= s->live_bytes + SNAPSHOT_MAX)
            return;
        tx = oldest(s, false);
        if (!tx)
            tx = oldest(s, true);
        if (!tx)
            return;
        if (xs_may_log(s, &s->snapshot_ns))
            xs_log(s, WEIR_LOG_WARN, "transaction %u failed: open for too long",
                   tx->id);
        tx->failed = -EAGAIN;
        weir_node_unref(tx->base);
        weir_node_unref(tx->top);
        tx->base = tx->top = NULL;
    }
}

static struct xs_tx *begin(struct weir_store_conn *c, uint32_t id)
{
    struct xs_tx *tx = calloc(1, sizeof(*tx));

    if (!tx)
        return NULL;
    tx->id = id;
    tx->base = weir_node_ref(c->s->top);
    tx->top = weir_node_ref(c->s->top);
    tx->started = ++c->s->tx_started;
    tx->next = c->txs;
    c->txs = tx;
    c->d->transactions++;
    c->s->extra_bytes += TX_RECORD;
    return tx;
}

/* What was read and written in it is lost.  It goes on, on the tree as it is
 * now, because clients expect EAGAIN of its end only. */
int xs_tx_doomed(struct weir_store_conn *c, uint32_t id)
{
    struct xs_tx *tx;

    if (!id || xs_tx_find(c, id))
        return -EBADMSG;
    tx = begin(c, id);
    if (!tx)
        return -ENOMEM;
    tx->doomed = true;
    if ((int32_t)(id - c->next_tx) > 0)
        c->next_tx = id;
    return 0;
}

void xs_tx_doomed_start(struct weir_store *s)
{
    for (struct weir_store_conn *c = s->conns; c; c = c->next)
        for (struct xs_tx *tx = c->txs; tx; tx = tx->next) {
            weir_node_unref(tx->base);
            weir_node_unref(tx->top);
            tx->base = weir_node_ref(s->top);
            tx->top = weir_node_ref(s->top);
        }
}

int xs_tx_drop(struct weir_store_conn *c, uint32_t id)
{
    struct xs_tx **at = &c->txs, *tx;

    while (*at && (*at)->id != id)
        at = &(*at)->next;
    tx = *at;
    if (!tx)
        return -ENOENT;
    *at = tx->next;
    tx_free(c, tx);
    return 0;
}

int xs_do_tx_start(struct weir_store_conn *c, const char *p, size_t len)
{
    uint32_t number = c->next_tx;
    struct xs_tx *tx;
    char id[12];

    (void)p;
    if (len > 1)
        return -EINVAL;
    if (c->hdr.tx_id)
        return -EBUSY;
    if (xs_over(c, WEIR_QUOTA_TRANSACTIONS, c->d->transactions, 1))
        return -ENOSPC;
    if (xs_j_full(c, TX_RECORD))
        return -ENOSPC;
    do {
        number++;
    } while (!number || xs_tx_find(c, number));
    tx = begin(c, number);
    if (!tx)
        return -ENOMEM;
    c->next_tx = number;
    xs_j_number(c, XS_REC_TX, number);
    snprintf(id, sizeof(id), "%u", tx->id);
    return xs_reply(c, id, strlen(id) + 1);
}

int xs_do_tx_end(struct weir_store_conn *c, const char *p, size_t len)
{
    struct xs_tx **at = &c->txs, *tx;
    int r = 0;

    if (len != 2 || (p[0] != 'T' && p[0] != 'F') || p[1])
        return -EINVAL;
    while (*at && (*at)->id != c->hdr.tx_id)
        at = &(*at)->next;
    tx = *at;
    if (!tx)
        return -ENOENT;
    xs_j_number(c, XS_REC_TX_END, tx->id);
    *at = tx->next; /* an event of the commit may end the connection */
    if (p[0] == 'T')
        r = xs_tx_commit(c, tx);
    tx_free(c, tx);
    return r ? r : xs_reply_ok(c);
}
