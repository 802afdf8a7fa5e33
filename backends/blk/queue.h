/* SPDX-License-Identifier: MIT
 *
 * One ring of a device: takes requests, at most 16 at a time, maps their pages
 * in one batch, submits them in one call, and publishes responses together.
 * Everything a request needs later is in private memory of its slot.
 */
#ifndef WEIR_BACKENDS_BLK_QUEUE_H
#define WEIR_BACKENDS_BLK_QUEUE_H

#include "backends/blk/inflight.h"
#include "backends/blk/vbd.h"
#include "backends/common/peer.h"
#include "backends/common/qthread.h"

struct weir_blk_queue_config {
    struct weir_vbd *vbd;
    struct weir_peer_pages ring; /* mapped; the queue's from then on */
    evtchn_port_t port;          /* bound; the queue's from then on */
    bool persistent;
    struct weir_blk_log_queue *words; /* stay the caller's */
    struct weir_blk_log_entry *log;   /* one a slot; the caller's too */
    bool resume;                      /* they are a predecessor's */
    uint64_t room_wait_ns;            /* see weir_blk_options */
    volatile uint32_t *shortages;     /* the same */
    void *aio; /* engine context of the thread, or NULL */
    const struct weir_blk_faults *faults; /* NULL: none */
};

/* On failure ring and port stay the caller's.  -EPROTO with resume: the log or
 * the ring's indexes contradict themselves. */
int weir_blk_queue_new(const struct weir_blk_queue_config *cfg,
                       struct weir_blk_queue **out);
/* The thread will hear of its events; it sleeps until go. */
int weir_blk_queue_listen(struct weir_blk_queue *q, struct weir_qthread *t);
void weir_blk_queue_go(struct weir_blk_queue *q, uint64_t spin_ns);
/* Joins the thread when it was started; gives ring and port back. */
struct weir_qthread *weir_blk_queue_stop(struct weir_blk_queue *q);
void weir_blk_queue_free(struct weir_blk_queue *q);

/* The thread's work, for tests without one: ctx is the queue. */
extern const struct weir_qthread_ops weir_blk_queue_ops;

#endif
