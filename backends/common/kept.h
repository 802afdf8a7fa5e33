/* SPDX-License-Identifier: MIT
 *
 * Pages that outlive this program (ring/port.h, keep): what a backend leaves
 * to a successor that is started in its place, so that connections go on.
 *
 * A connection makes its runs when it is connected afresh, writes them while it
 * lives, and frees them when it ends in order; so a successor finds runs of
 * connections that were up alone.  What it finds was written by a program of
 * the same kind that may have died at any instruction: check all of it.
 *
 * Words that a successor relies on are stored with a release (ring/barrier.h)
 * after what they stand for.  A dead program's stores are all there, in order.
 */
#ifndef WEIR_BACKENDS_COMMON_KEPT_H
#define WEIR_BACKENDS_COMMON_KEPT_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/port.h"

#define WEIR_KEPT_STATS 0u /* the key of the statistics page */

/* The part that is a device's page of configuration; queues have the numbers
 * below. */
#define WEIR_KEPT_PAGE 0xffu

/* First words of a run that has a layout of its own. */
struct weir_kept_head {
    uint32_t magic, version;
    uint32_t bytes;          /* of the layout: another build's may differ */
    volatile uint32_t ready; /* 1: filled; written last */
};

/* part names one of a device's runs, and its size where that varies: a key has
 * one size. */
static inline uint64_t weir_kept_key(uint32_t cls, domid_t frontend,
                                     uint32_t devid, uint8_t part)
{
    return (uint64_t)cls << 56 | (uint64_t)frontend << 40 |
           (uint64_t)devid << 8 | part;
}

/* For a fresh connection: zeroed, whether it was there or not.  *out is NULL
 * where nothing can be kept.  0, -ENOMEM. */
int weir_kept_make(struct weir_port *port, uint64_t key, unsigned pages,
                   void **out);
/* For one that is resumed: a predecessor's, or -ENOENT. */
int weir_kept_find(struct weir_port *port, uint64_t key, unsigned pages,
                   void **out);
/* first may be NULL. */
void weir_kept_free(struct weir_port *port, void *first, unsigned pages);

struct weir_back_dev;

/* A run of a device's log: for a connection that is resumed its predecessor's,
 * else a fresh one; ordinary memory where nothing can be kept.  what: is in
 * flight.  On failure dev->error says why. */
int weir_kept_open(struct weir_back_dev *dev, uint64_t key, unsigned pages,
                   const char *what, void **out);
/* run may be NULL. */
void weir_kept_close(struct weir_back_dev *dev, void *run, unsigned pages);

/* All but ready, which weir_kept_ready sets. */
void weir_kept_head_set(struct weir_kept_head *h, uint32_t magic,
                        uint32_t version, uint32_t bytes);
void weir_kept_ready(struct weir_kept_head *h);
bool weir_kept_head_ok(const struct weir_kept_head *h, uint32_t magic,
                       uint32_t version, uint32_t bytes);

#endif
