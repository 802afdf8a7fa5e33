/* SPDX-License-Identifier: MIT
 *
 * Registry: accounting and structure, recomputed and compared.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenbus/store_int.h"

struct report {
    char *line;
    size_t size;
};

/* Order, permissions, references; adds to the owners' scratch. */
static int check_node(struct weir_store *s, const struct weir_node *n,
                      struct report *r)
{
    struct xs_domain *d = xs_domain_find(s, xs_owner(n));

    if (!d || !n->nperms || !n->refs) {
        snprintf(r->line, r->size, "node '%.60s': owner %u, %u permissions",
                 n->name, xs_owner(n), n->nperms);
        return -EIO;
    }
    d->delta_nodes++;
    d->delta_memory += (int64_t)weir_node_bytes(n);
    for (uint32_t i = 0; i < n->nchildren; i++) {
        if (i && strcmp(n->children[i - 1]->name, n->children[i]->name) >= 0) {
            snprintf(r->line, r->size, "children of '%.60s' out of order",
                     n->name);
            return -EIO;
        }
        if (check_node(s, n->children[i], r))
            return -EIO;
    }
    return 0;
}

struct held {
    uint32_t watches, transactions;
};

/* What the domain's connections hold. */
static struct held add_conns(struct weir_store *s, struct xs_domain *d)
{
    struct held h = {0};

    for (struct weir_store_conn *c = s->conns; c; c = c->next) {
        if (c->d != d)
            continue;
        d->delta_memory += (int64_t)c->event_bytes;
        for (const struct xs_watch *w = c->watches; w; w = w->next) {
            d->delta_memory +=
                (int64_t)(sizeof(*w) + strlen(w->path) + strlen(w->token));
            h.watches++;
        }
        for (const struct xs_tx *x = c->txs; x; x = x->next) {
            d->delta_memory += (int64_t)x->memory;
            h.transactions++;
        }
    }
    return h;
}

static int check_domain(struct weir_store *s, struct xs_domain *d,
                        struct report *r)
{
    struct held h = add_conns(s, d);

    if (d->nodes == d->delta_nodes && (int64_t)d->memory == d->delta_memory &&
        d->watches == h.watches && d->transactions == h.transactions)
        return 0;
    snprintf(r->line, r->size,
             "domain %u: charged %u nodes, %zu bytes, %u watches, %u "
             "transactions; found %lld, %lld, %u, %u",
             d->domid, d->nodes, d->memory, d->watches, d->transactions,
             (long long)d->delta_nodes, (long long)d->delta_memory, h.watches,
             h.transactions);
    return -EIO;
}

int weir_store_check(struct weir_store *s, char *line, size_t size)
{
    struct report report = {line, size};
    struct xs_domain *d;
    int r = check_node(s, s->top, &report);
    int64_t tree = 0;

    for (d = xs_domain_next(s, NULL); d; d = xs_domain_next(s, d)) {
        tree += r ? 0 : d->delta_memory;
        if (!r)
            r = check_domain(s, d, &report);
        d->delta_nodes = d->delta_memory = 0;
    }
    if (!r && tree != (int64_t)s->tree_bytes) {
        snprintf(line, size, "tree: counted %zu bytes, found %lld",
                 s->tree_bytes, (long long)tree);
        r = -EIO;
    }
    return r;
}
