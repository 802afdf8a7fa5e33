/* SPDX-License-Identifier: MIT
 *
 * The pre-granted buffer pool of one queue: which of the frontend's grant
 * references are mapped here for good (ADD_GREF_MAPPING), and where.  Bounded:
 * WEIR_POOL_MAX entries, whatever the frontend asks.
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
};

struct weir_pool {
    uint32_t count;
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
/* Unmaps those of e[0..n-1] that are in use. */
void weir_pool_unmap(const struct weir_pool_entry *e, uint32_t n,
                     struct weir_port *port);
/* Unmaps everything. */
void weir_pool_clear(struct weir_pool *p, struct weir_port *port);

#endif
