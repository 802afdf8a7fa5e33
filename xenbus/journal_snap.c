/* SPDX-License-Identifier: MIT
 *
 * Journal: everything, as the records of a run.
 */
#include "xenbus/journal.h"

static void conn(struct weir_store_conn *c)
{
    const struct xs_msg *m;

    xs_j_conn(c);
    for (const struct xs_watch *w = c->watches; w; w = w->next)
        xs_j_watch(c, w, XS_REC_WATCH);
    for (const struct xs_tx *x = c->txs; x; x = x->next)
        xs_j_number(c, XS_REC_TX, x->id);
    xs_j_in(c, c->in + c->in_off, c->in_len - c->in_off);
    for (m = c->out; m; m = m->next)
        if (!m->event)
            xs_j_done(c, 0, m);
    if (c->unread)
        xs_j_late(c);
    if (c->out && c->out->done)
        xs_j_out(c, 0);
}

void xs_j_snapshot(struct weir_store *s)
{
    const struct xs_domain *d = NULL;

    xs_j_defaults(s);
    while ((d = xs_domain_next(s, d)))
        xs_j_domain(s, d);
    for (struct weir_store_conn *c = s->conns; c; c = c->next)
        if (c->kept)
            conn(c);
    xs_j_tree(s->journal, s->top, 0);
}
