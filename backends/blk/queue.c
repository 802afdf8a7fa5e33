/* SPDX-License-Identifier: MIT
 *
 * The queue's thread: ring in, ring out, sleep.
 */
#include "backends/blk/queue_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "backends/common/stats.h"

#define PUBLISH_AT 4       /* responses held back while there is work */
#define SHOW_AT    16      /* publications counted together meanwhile */
#define RETRY_NS   1000000 /* without an event that could have made room */

/* Wake-ups in a row that brought nothing before the thread stops listening for
 * a while; a storm then costs one look a pause. */
#define STORM_RUN      8u
#define STORM_PAUSE_NS 100000
#define STORM_MAX      6u /* doublings of the pause */

/* Has everything before the barrier ended, and is it time to try it? */
static bool barrier_due(const struct weir_blk_queue *q)
{
    return q->barrier != NULL && q->engine.inflight == 0 && q->queued == 0 &&
           (q->barrier->short_since == 0 || q->retry_due);
}

int weir_blk_queue_broken(struct weir_blk_queue *q, const char *reason)
{
    if (!q->broken) {
        q->broken = true;
        weir_backend_fail(&q->vbd->back, reason);
    }
    return -EPROTO;
}

/* Another queue is short of room: it gets that of pages kept for later. */
static void make_room(struct weir_blk_queue *q)
{
    uint32_t n = weir_load_relaxed32(q->shortages);

    if (n == q->shortages_seen)
        return;
    q->shortages_seen = n;
    weir_blk_grants_shrink(q->grants, WEIR_BLK_SHRINK);
}

/* One by one: a large request that finds no room must not leave small ones
 * without any.  New ones wait meanwhile, so that in the end it is alone. */
static int again(struct weir_blk_queue *q)
{
    unsigned n = 0;

    if (!q->retry_due || q->retry.head == NULL)
        return 0;
    q->retry_due = false;
    for (struct weir_blk_slot *s = q->retry.head; s != NULL; s = s->next)
        n++;
    while (n-- > 0) {
        struct weir_blk_slot *s = weir_blk_pop(&q->retry);

        q->queued--;
        weir_blk_queue_batch(q, &s, 1);
    }
    return 0; /* only a response counts as work: see qthread.h */
}

void weir_blk_queue_show(struct weir_blk_queue *q)
{
    struct weir_dev_stats *st = q->vbd->back.stats;
    uint64_t inflight = q->engine.inflight;

    q->unshown = 0;
    for (unsigned i = 0; i < WEIR_STATS_WORDS; i++)
        if (q->delta[i] != 0) {
            weir_stats_add(st, i, q->delta[i]);
            q->delta[i] = 0;
        }
    if (inflight != q->inflight_shown) {
        weir_stats_add(st, WEIR_STAT_VBD_INFLIGHT,
                       inflight - q->inflight_shown);
        q->inflight_shown = inflight;
    }
}

/* Now their entries in the log may be used again. */
static void free_done(struct weir_blk_queue *q)
{
    if (q->done.head == NULL)
        return;
    q->done.tail->next = q->free;
    q->free = q->done.head;
    q->done.head = NULL;
}

/* Pages first: once the response is out the frontend takes them back. */
static void publish(struct weir_blk_queue *q)
{
    bool notify;

    weir_blk_grants_unmap(q->grants);
    q->unpushed = 0;
    weir_blk_log_publish(&q->log);
    notify = weir_blkif_back_push(&q->ring);
    WEIR_CRASH_POINT();
    if (notify) {
        q->delta[WEIR_STAT_VBD_KICKS_OUT]++;
        q->port->ops->evtchn_notify(q->port, q->evtchn);
    }
    free_done(q);
    /* The counters' cache lines are shared with the device's other queues. */
    if (q->engine.inflight == 0 || ++q->unshown >= SHOW_AT)
        weir_blk_queue_show(q);
}

static int work(void *ctx)
{
    struct weir_blk_queue *q = ctx;
    int did, got;

    if (q->ready.head != NULL)
        weir_blk_queue_submit(q);
    did = (int)weir_blk_queue_reap(q);
    make_room(q);
    did += again(q);
    if (barrier_due(q))
        weir_blk_queue_barrier(q);
    got = weir_blk_queue_take(q);
    if (got < 0)
        return got;
    did += got;
    if (got > 0)
        did += (int)weir_blk_queue_reap(q);
    if (q->unpushed >= PUBLISH_AT ||
        (q->unpushed > 0 && (did == 0 || q->engine.inflight == 0))) {
        publish(q);
        did++;
    }
    if (did == 0)
        q->delta[WEIR_STAT_VBD_POLLS]++;
    return did;
}

static bool arm(void *ctx)
{
    struct weir_blk_queue *q = ctx;
    uint64_t nap = 0;

    weir_blk_queue_show(q);
    if (q->throttled)
        nap = q->throttle_ns;
    else if (q->retry.head != NULL || q->barrier != NULL)
        nap = RETRY_NS;
    if (!weir_blk_queue_blocked(q)) {
        int more = weir_blkif_back_arm(&q->ring);

        if (more < 0)
            weir_blk_queue_broken(q, "the frontend's ring index is impossible");
        if (more > 0)
            return true;
    }
    if (q->engine.inflight > 0) {
        uint64_t engine_nap;

        if (q->engine.ops->arm(&q->engine, &engine_nap))
            return true;
        if (engine_nap != 0 && (nap == 0 || engine_nap < nap))
            nap = engine_nap;
    }
    if (q->ready.head != NULL && q->engine.inflight == 0)
        return true; /* the engine refused and nothing will wake us */
    if (nap != 0)
        weir_qthread_timer(q->thread, nap);
    return false;
}

/* A frontend that notifies for nothing delays nobody but itself. */
static void spurious(struct weir_blk_queue *q)
{
    struct timespec ts = {0, 0};
    uint32_t more;

    q->delta[WEIR_STAT_VBD_SPURIOUS]++;
    if (q->spurious_run++ < STORM_RUN)
        return;
    more = q->spurious_run - STORM_RUN;
    if (more >= STORM_MAX) {
        more = STORM_MAX;
        q->spurious_run = STORM_RUN + STORM_MAX;
    }
    ts.tv_nsec = STORM_PAUSE_NS << more;
    nanosleep(&ts, NULL);
}

static void woke(void *ctx, uint32_t tags)
{
    struct weir_blk_queue *q = ctx;

    /* Readiness is taken away in any case, or the drain of a broken queue
     * would not sleep. */
    if ((tags & (1u << WEIR_BLK_TAG_ENGINE)) != 0)
        q->engine.ops->woke(&q->engine);
    if ((tags & (1u << WEIR_BLK_TAG_RING)) != 0)
        q->port->ops->evtchn_clear(q->port, q->evtchn);
    if (q->broken)
        return;
    if ((tags & (1u << WEIR_BLK_TAG_RING)) != 0) {
        q->delta[WEIR_STAT_VBD_KICKS_IN]++;
        if (!weir_blk_queue_blocked(q) &&
            weir_blkif_back_available(&q->ring) == 0)
            spurious(q);
    }
    weir_blkif_back_quiet(&q->ring);
    q->retry_due = true;
}

/* Direct I/O writes into the frontend's pages until it has ended. */
static bool drain(void *ctx)
{
    struct weir_blk_queue *q = ctx;
    uint64_t nap;

    weir_blk_queue_reap(q);
    if (q->engine.inflight == 0)
        return true;
    q->engine.ops->arm(&q->engine, &nap);
    return false;
}

const struct weir_qthread_ops weir_blk_queue_ops = {
    .work = work,
    .arm = arm,
    .woke = woke,
    .drain = drain,
};
