/* SPDX-License-Identifier: MIT
 *
 * The pre-granted buffer pool of one queue: which of the frontend's grant
 * references are mapped here for good (ADD_GREF_MAPPING), and where.  Bounded:
 * WEIR_POOL_MAX entries, whatever the frontend asks.
 *
 * A successor of this program maps the same references again: each has a word
 * among those kept.  What one control request adds and removes counts when it
 * is settled; before that a successor takes it back, and the request is carried
 * out again as if it had not been begun.
 *
 * The caller serialises: lookups may run at the same time as each other, add
 * and remove only alone.
 */
#ifndef WEIR_BACKENDS_NET_POOL_H
#define WEIR_BACKENDS_NET_POOL_H

#include "ring/port.h"

#define WEIR_POOL_MAX   1024u /* mappings a queue; GET_GREF_MAPPING_SIZE */
#define WEIR_POOL_SLOTS (WEIR_POOL_MAX * 2)

struct weir_pool_entry {
    uint8_t *addr; /* NULL: free */
    grant_ref_t ref;
    uint32_t handle;
    bool readonly;
    uint16_t at; /* its kept word; the pool's */
};

struct weir_pool {
    uint32_t count;
    uint32_t next;           /* where to look for a free word */
    volatile uint64_t *kept; /* WEIR_POOL_MAX words */
    struct weir_pool_entry slot[WEIR_POOL_SLOTS];
};

static inline uint32_t weir_pool_hash(grant_ref_t ref)
{
    return ref & (WEIR_POOL_SLOTS - 1);
}

/* References of a frontend are handed out in runs, so nearly every lookup
 * hits its first slot; a chain cannot be longer than the pool. */
static inline const struct weir_pool_entry *
weir_pool_find(const struct weir_pool *p, grant_ref_t ref)
{
    uint32_t i = weir_pool_hash(ref);
    while (p->slot[i].addr) {
        if (p->slot[i].ref == ref)
            return &p->slot[i];
        i = (i + 1) & (WEIR_POOL_SLOTS - 1);
    }
    return NULL;
}

/* -EEXIST, -ENOSPC. */
int weir_pool_add(struct weir_pool *p, const struct weir_pool_entry *e);
/* *out gets what was there; -ENOENT. */
int weir_pool_remove(struct weir_pool *p, grant_ref_t ref,
                     struct weir_pool_entry *out);
/* The control request behind what was added and removed is done, or (false)
 * was never begun. */
void weir_pool_settle(volatile uint64_t *kept, bool done);
/* An empty pool whose words are settled: maps what they name.  What cannot be
 * mapped is forgotten. */
void weir_pool_restore(struct weir_pool *p, struct weir_port *port,
                       domid_t dom);
/* Unmaps those of e[0..n-1] that are in use. */
void weir_pool_unmap(const struct weir_pool_entry *e, uint32_t n,
                     struct weir_port *port);
/* Unmaps everything; what is kept stays. */
void weir_pool_clear(struct weir_pool *p, struct weir_port *port);

#endif
