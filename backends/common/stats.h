/* SPDX-License-Identifier: MIT
 *
 * Slots of the statistics page (stats_abi.h).  The control thread claims and
 * releases slots.  A device without a slot (all 24 in use) counts into its
 * own spare words, so that callers need no test.
 */
#ifndef WEIR_BACKENDS_COMMON_STATS_H
#define WEIR_BACKENDS_COMMON_STATS_H

#include "backends/common/stats_abi.h"
#include "ring/barrier.h"
#include "ring/port.h"

void weir_stats_init(struct weir_stats_page *page, uint64_t now_ns);
/* The page of this program, one at a time: kept where that can be.  *shown:
 * others may be told of it.  What a predecessor left may stand in the way of
 * that; then it is ordinary memory, for devices come first. */
struct weir_stats_page *weir_stats_open(struct weir_port *port, bool *shown);
/* A page that may be a predecessor's, whose counters then go on. */
void weir_stats_take_over(struct weir_stats_page *page, uint64_t now_ns);
/* The slot a predecessor had for this device, or a new one; NULL when all
 * slots are taken. */
struct weir_dev_stats *weir_stats_claim(struct weir_stats_page *page,
                                        uint32_t cls, uint32_t frontend,
                                        uint32_t devid);
void weir_stats_release(struct weir_dev_stats *s);

/* Word w may be counted by several queue threads of the device. */
static inline void weir_stats_add(struct weir_dev_stats *s, unsigned w,
                                  uint64_t n)
{
    weir_fetch_add64(&s->word[w], n);
}

static inline void weir_stats_sub(struct weir_dev_stats *s, unsigned w,
                                  uint64_t n)
{
    weir_fetch_sub64(&s->word[w], n);
}

#endif
