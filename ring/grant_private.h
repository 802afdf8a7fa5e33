/* SPDX-License-Identifier: MIT
 *
 * What the parts of the grant library share.
 */
#ifndef WEIR_RING_GRANT_PRIVATE_H
#define WEIR_RING_GRANT_PRIVATE_H

#include "ring/compiler.h"
#include "ring/grant.h"

enum weir_gnttab_ref_state {
    WEIR_REF_UNKNOWN = 0, /* reserved by the ABI, or filled by a builder */
    WEIR_REF_FREE,
    WEIR_REF_RESERVED, /* in a pool */
    WEIR_REF_GRANTED,
    WEIR_REF_ENDING, /* in the deferred list */
};

struct weir_gnttab_ref {
    uint32_t next; /* in the list its state says */
    uint32_t state;
    void *page; /* ENDING */
    weir_gnttab_page_fn done;
    void *context;
};

/* Pages of private memory for one frame of the table. */
#define WEIR_GNTTAB_CHUNK_PAGES                                                \
    ((WEIR_GRANTS_PER_FRAME * sizeof(struct weir_gnttab_ref) +                 \
      WEIR_PAGE_SIZE - 1) /                                                    \
     WEIR_PAGE_SIZE)

/* All with the lock held but call_ready. */

static inline struct weir_gnttab_ref *
weir_gnttab_ref_(const struct weir_gnttab *gt, grant_ref_t ref)
{
    return &gt->chunk[ref / WEIR_GRANTS_PER_FRAME][ref % WEIR_GRANTS_PER_FRAME];
}

/* Compare-exchange the entry to nothing: 0 or -WEIR_EBUSY. */
int weir_gnttab_revoke_(struct weir_gnttab *gt, grant_ref_t ref);
/* Into the free list. */
void weir_gnttab_release_(struct weir_gnttab *gt, grant_ref_t ref);
/* Waiters, in order, that can be served; out of the queue, chained by next. */
struct weir_gnttab_waiter *weir_gnttab_take_ready_(struct weir_gnttab *gt);
void weir_gnttab_call_ready_(struct weir_gnttab *gt,
                             struct weir_gnttab_waiter *ready);

#endif
