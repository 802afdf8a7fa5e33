/* SPDX-License-Identifier: MIT
 *
 * Private to the queue: its slots and lists.
 */
#ifndef WEIR_BACKENDS_BLK_QUEUE_PRIV_H
#define WEIR_BACKENDS_BLK_QUEUE_PRIV_H

#include "backends/blk/grants.h"
#include "backends/blk/queue.h"
#include "ring/blkif_ring.h"

#define WEIR_BLK_TAG_RING   0 /* of descriptors in woke: see qthread.h */
#define WEIR_BLK_TAG_ENGINE 1

#define WEIR_BLK_BATCH  16
#define WEIR_BLK_SHRINK 256 /* idle pages given back in a shortage */
#define WEIR_BLK_BIG   64 /* requests with more than 11 segments at a time */

struct weir_blk_big {
    struct weir_blk_seg seg[WEIR_BLK_MAX_INDIRECT];
    struct weir_blk_pin pin[WEIR_BLK_MAX_INDIRECT];
    struct iovec iov[WEIR_BLK_MAX_INDIRECT];
    struct weir_blk_big *next;
};

/* A request between its copy out of the ring and its response. */
struct weir_blk_slot {
    struct weir_blk_io io;
    struct weir_blk_request req;
    struct weir_blk_log_entry *entry; /* always the same one */
    struct weir_blk_seg *seg;         /* here or in big */
    struct weir_blk_pin *pin;
    struct iovec *iov;
    struct weir_blk_big *big;
    struct weir_blk_slot *next; /* of the one list it is on */
    uint64_t short_since; /* no room for its pages since then; 0: not short */
    struct weir_blk_pin table[WEIR_BLK_INDIRECT_PAGES]; /* of segments */
    struct weir_blk_seg own_seg[WEIR_BLKIF_MAX_SEGMENTS];
    struct weir_blk_pin own_pin[WEIR_BLKIF_MAX_SEGMENTS];
    struct iovec own_iov[WEIR_BLKIF_MAX_SEGMENTS];
};

struct weir_blk_list {
    struct weir_blk_slot *head, *tail;
};

struct weir_blk_queue {
    struct weir_vbd *vbd;
    struct weir_port *port;
    struct weir_blkif_back_ring ring;
    struct weir_blk_grants *grants;
    struct weir_blk_engine engine;
    struct weir_blk_limits lim; /* with the sectors of this batch */
    struct weir_blk_log log;
    struct weir_blk_slot *free;
    struct weir_blk_big *free_big;
    struct weir_blk_list done;     /* response put, not published */
    struct weir_blk_list replay;   /* a predecessor's, before the ring's */
    struct weir_blk_list ready;    /* pages mapped, engine full */
    struct weir_blk_list retry;    /* waits for grants or frames */
    struct weir_blk_slot *barrier; /* waits for everything before it */
    unsigned unpushed;             /* responses put, not published */
    unsigned queued;               /* on ready or retry */
    bool retry_due, broken, throttled, resumed;
    uint64_t log_since;
    uint32_t log_lines;    /* since then */
    uint32_t spurious_run; /* wake-ups by the frontend that brought nothing */
    uint64_t throttle_ns, room_wait_ns;
    volatile uint32_t *shortages; /* of all queues: see vbd.h */
    uint32_t shortages_seen;
    uint64_t asked_ns; /* when the others were asked for room */
    uint64_t delta[WEIR_STATS_WORDS]; /* counted, not yet in the page */
    uint64_t inflight_shown;
    unsigned unshown; /* publications since delta was shown */
    /* cold */
    struct weir_blk_engine inner; /* of the fault engine */
    struct weir_blk_faults faults;
    struct weir_qthread *thread;
    struct weir_peer_pages pages;
    evtchn_port_t evtchn;
    uint8_t *bounce;
    struct weir_blk_slot *slots;
    struct weir_blk_big *bigs;
};

/* queue.c: what was counted, into the statistics page. */
void weir_blk_queue_show(struct weir_blk_queue *q);
int weir_blk_queue_broken(struct weir_blk_queue *q, const char *reason);

/* queue_take.c */
/* Take in up to a batch of requests: how many, or negative: broken. */
int weir_blk_queue_take(struct weir_blk_queue *q);
/* May no further request be taken, although there may be some? */
bool weir_blk_queue_blocked(const struct weir_blk_queue *q);

/* queue_io.c */
/* Map the pages of n requests and send them to the engine. */
void weir_blk_queue_batch(struct weir_blk_queue *q, struct weir_blk_slot **s,
                          unsigned n);
void weir_blk_queue_submit(struct weir_blk_queue *q);
/* Reap what the engine has finished; how many. */
unsigned weir_blk_queue_reap(struct weir_blk_queue *q);
void weir_blk_queue_discard(struct weir_blk_queue *q, struct weir_blk_slot *s);
void weir_blk_queue_barrier(struct weir_blk_queue *q);
/* The request is over: its pages are released, its response put. */
void weir_blk_queue_finish(struct weir_blk_queue *q, struct weir_blk_slot *s,
                           int err);

static inline void weir_blk_push_back(struct weir_blk_list *l,
                                      struct weir_blk_slot *s)
{
    s->next = NULL;
    *(l->head != NULL ? &l->tail->next : &l->head) = s;
    l->tail = s;
}

static inline struct weir_blk_slot *weir_blk_pop(struct weir_blk_list *l)
{
    struct weir_blk_slot *s = l->head;

    if (s != NULL)
        l->head = s->next;
    return s;
}

#endif
