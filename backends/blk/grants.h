/* SPDX-License-Identifier: MIT
 *
 * The frontend's pages as one queue has them mapped.
 *
 * want() collects references, map() maps what was not there in one batch;
 * release() collects what is no longer needed, unmap() unmaps it in one batch
 * (before the response is published: the frontend may end access then).
 *
 * With persistent grants each page stays mapped after its first use, at most
 * WEIR_BLK_PERSISTENT pages a queue, the least recently used making room.  A
 * page in use (direct I/O by the device) is never the victim.
 */
#ifndef WEIR_BACKENDS_BLK_GRANTS_H
#define WEIR_BACKENDS_BLK_GRANTS_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/common/stats_abi.h"
#include "ring/port.h"

#define WEIR_BLK_PERSISTENT 1056 /* pages a queue: what Linux asks for */

struct weir_blk_grants;

/* One page in use. */
struct weir_blk_pin {
    uint8_t *addr; /* valid when status is 0 */
    uint32_t handle;
    uint16_t entry; /* of the persistent table, or none */
    int16_t status; /* 0 or -errno */
};

struct weir_blk_grants *weir_blk_grants_new(struct weir_port *port, domid_t dom,
                                            bool persistent,
                                            struct weir_dev_stats *stats);
/* Unmaps everything; nothing may be in use. */
void weir_blk_grants_free(struct weir_blk_grants *g);

/* pin lives until released; readonly is ignored with persistent grants. */
void weir_blk_grants_want(struct weir_blk_grants *g, struct weir_blk_pin *pin,
                          grant_ref_t ref, bool readonly);
/* Then every wanted pin has its status. */
void weir_blk_grants_map(struct weir_blk_grants *g);
/* A pin whose status is an error needs no release, and may have one. */
void weir_blk_grants_release(struct weir_blk_grants *g,
                             struct weir_blk_pin *pin);
void weir_blk_grants_unmap(struct weir_blk_grants *g);

/* Is status a want of room (try again later), not a bad reference? */
bool weir_blk_grants_shortage(int status);
/* Give back up to n idle pages: somebody else is short of them. */
unsigned weir_blk_grants_shrink(struct weir_blk_grants *g, unsigned n);

#endif
