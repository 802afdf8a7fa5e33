/* SPDX-License-Identifier: MIT
 *
 * Machine memory: one sparse memfd, sealed against changes of size, and
 * weir-hv's own mapping of it.  Frame m is at offset m * 4096.
 *
 * The mapping is one page off a 2 MiB border and never of huge pages: a huge
 * page would let one page-table entry show 511 foreign frames, and would keep
 * a pinned frame from being cut loose by a hole punch.
 */
#ifndef WEIR_HYPERVISOR_MEMORY_H
#define WEIR_HYPERVISOR_MEMORY_H

#include "ring/port.h"

struct hv_memory {
    int fd;
    uint8_t *base;
    uint64_t bytes;
    uint8_t *reserved; /* the reservation base lies in */
    uint64_t reserved_bytes;
    bool locked; /* populated frames can't be swapped out */
};

int hv_memory_init(struct hv_memory *m, uint64_t bytes);
void hv_memory_fini(struct hv_memory *m);

/* Put zeroed memory behind frames that have none.  Any thread.  -ENOMEM. */
int hv_memory_populate(struct hv_memory *m, mfn_t first, uint64_t count);
/* Take the memory away from under frames: a hole, which also cuts loose pages
 * that device I/O still holds.  Any thread; without the machine's lock. */
int hv_memory_discard(struct hv_memory *m, mfn_t first, uint64_t count);

static inline void *hv_memory_at(const struct hv_memory *m, mfn_t frame)
{
    return m->base + (frame << WEIR_PAGE_SHIFT);
}

#endif
