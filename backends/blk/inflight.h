/* SPDX-License-Identifier: MIT
 *
 * The log of requests in flight: what a successor needs to go on with a ring
 * whose backend died at any instruction.  A ring alone does not tell: responses
 * lie over requests, in another order (ring_abi.h).
 *
 * A queue has one entry for each slot of its ring, and one commit word.  A
 * request is copied out of the ring once, into its entry, which no other domain
 * can reach; the copy is what is parsed.
 *
 *   take      wire; seq; answer = 0          (the last is the commit)
 *   finish    answer = number of its response
 *   publish   answered = number of the last response; then the ring's index
 *
 * Live: seq != 0 and (answer == 0 or answer > answered).  Requests are counted
 * from 1 since the connection came up, as are responses, so those taken are
 * answered + the live ones.  An entry is used again only when its response is
 * published.
 *
 * Where nothing can be kept the same words are ordinary memory.  No I/O here;
 * one thread uses a log.
 */
#ifndef WEIR_BACKENDS_BLK_INFLIGHT_H
#define WEIR_BACKENDS_BLK_INFLIGHT_H

#include "backends/common/crash_point.h"
#include "backends/common/kept.h"
#include "ring/barrier.h"
#include "ring/blkif_abi.h"

#define WEIR_BLK_LOG_MAGIC   0x4c4b4c42u /* "BLKL" */
#define WEIR_BLK_LOG_VERSION 1
#define WEIR_BLK_LOG_QUEUES  8
#define WEIR_BLK_LOG_REFS    16
#define WEIR_BLK_LOG_SLOTS   512 /* of the longest ring */

struct weir_blk_log_entry {
    union weir_blkif_request wire;
    volatile uint64_t seq;
    volatile uint64_t answer;
};
_Static_assert(sizeof(struct weir_blk_log_entry) == 128, "two cache lines");

/* A queue's part of the device's page. */
struct weir_blk_log_queue {
    volatile uint64_t answered;
    uint32_t first; /* the ring's index when the connection came up */
    uint32_t evtchn;
    grant_ref_t ref[WEIR_BLK_LOG_REFS]; /* of the ring's pages */
    uint8_t pad[48];                    /* each queue has its own lines */
};
_Static_assert(sizeof(struct weir_blk_log_queue) == 128, "two cache lines");

/* What a frontend said when it connected: its nodes may say otherwise later. */
struct weir_blk_log_page {
    struct weir_kept_head head;
    uint32_t queues, order, persistent;
    uint8_t pad[100];
    struct weir_blk_log_queue queue[WEIR_BLK_LOG_QUEUES];
};

struct weir_blk_log {
    struct weir_blk_log_entry *entry;
    struct weir_blk_log_queue *words;
    uint32_t n;              /* entries */
    uint64_t taken, replied; /* so far */
};

/* Does what a predecessor left tell of a connection?  max_queues: of the
 * device.  0, -EPROTO. */
int weir_blk_log_check(const struct weir_blk_log_page *page,
                       unsigned max_queues);

/* log->entry, words, n are set and hold what a predecessor left.  order gets
 * the live entries' numbers, as they were taken; log goes on behind them.
 * 0, or -EPROTO: it contradicts itself. */
int weir_blk_log_resume(struct weir_blk_log *log,
                        uint16_t order[WEIR_BLK_LOG_SLOTS], unsigned *live);

/* Keys of a device's runs (kept.h): its page, and the entries of a queue, in as
 * many pages as the ring has. */
uint64_t weir_blk_log_key_page(domid_t frontend, uint32_t devid);
uint64_t weir_blk_log_key_queue(domid_t frontend, uint32_t devid,
                                unsigned queue, unsigned order);

/* The ring's request was copied into e->wire. */
static inline void weir_blk_log_take(struct weir_blk_log *log,
                                     struct weir_blk_log_entry *e)
{
    WEIR_CRASH_POINT();
    weir_store_release64(&e->seq, ++log->taken);
    WEIR_CRASH_POINT();
    weir_store_release64(&e->answer, 0);
    WEIR_CRASH_POINT();
}

static inline void weir_blk_log_finish(struct weir_blk_log *log,
                                       struct weir_blk_log_entry *e)
{
    WEIR_CRASH_POINT();
    weir_store_release64(&e->answer, ++log->replied);
    WEIR_CRASH_POINT();
}

/* All responses that were put are in the ring's slots. */
static inline void weir_blk_log_publish(struct weir_blk_log *log)
{
    WEIR_CRASH_POINT();
    weir_store_release64(&log->words->answered, log->replied);
    WEIR_CRASH_POINT();
}

#endif
