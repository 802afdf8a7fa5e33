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

static struct weir_blk_slot *new_slot(struct weir_blk_queue *q)
{
    struct weir_blk_slot *s = q->free;

    q->free = s->next;
    s->big = NULL;
    s->short_since = 0;
    s->seg = s->own_seg;
    s->pin = s->own_pin;
    s->iov = s->own_iov;
    return s;
}

static void use_big(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    s->big = q->free_big;
    q->free_big = s->big->next;
    s->seg = s->big->seg;
    s->pin = s->big->pin;
    s->iov = s->big->iov;
}

static bool throttle(struct weir_blk_queue *q)
{
    struct weir_vbd *v = q->vbd;
    uint64_t now, a, b;

    if (!v->limited)
        return false;
    now = q->port->ops->now_ns(q->port);
    weir_spin_lock(&v->limit_lock);
    a = weir_limit_wait(&v->iops, now);
    b = weir_limit_wait(&v->bps, now);
    weir_spin_unlock(&v->limit_lock);
    q->throttle_ns = a > b ? a : b;
    q->throttled = q->throttle_ns != 0;
    return q->throttled;
}

static void charge(struct weir_blk_queue *q, const struct weir_blk_request *r)
{
    struct weir_vbd *v = q->vbd;
    uint64_t now, bytes;

    if (!v->limited)
        return;
    bytes =
        r->op == WEIR_BLK_DISCARD ? 0 : r->nsectors << WEIR_BLKIF_SECTOR_SHIFT;
    /* An indirect request's length is in pages not read yet: its most. */
    if (r->indirect)
        bytes = (uint64_t)r->nsegs * WEIR_PAGE_SIZE;
    now = q->port->ops->now_ns(q->port);
    weir_spin_lock(&v->limit_lock);
    weir_limit_take(&v->iops, 1, now);
    weir_limit_take(&v->bps, bytes, now);
    weir_spin_unlock(&v->limit_lock);
}

/* May no further request be taken, although the ring may have some? */
static bool blocked(const struct weir_blk_queue *q)
{
    return q->barrier != NULL || q->free_big == NULL || q->throttled ||
           q->retry.head != NULL;
}

/* Has everything before the barrier ended, and is it time to try it? */
static bool barrier_due(const struct weir_blk_queue *q)
{
    return q->barrier != NULL && q->engine.inflight == 0 && q->queued == 0 &&
           (q->barrier->short_since == 0 || q->retry_due);
}

static int broken(struct weir_blk_queue *q, const char *reason)
{
    if (!q->broken) {
        q->broken = true;
        weir_backend_fail(&q->vbd->back, reason);
    }
    return -EPROTO;
}

/* One request out of the ring: 1 with *s for the batch, 2 dealt with, 0 none,
 * negative broken. */
static int take_one(struct weir_blk_queue *q, struct weir_blk_slot **out)
{
    union weir_blkif_request wire;
    struct weir_blk_slot *s;
    int err = weir_blkif_back_get(&q->ring, &wire);

    if (err <= 0)
        return err;
    s = new_slot(q);
    err = weir_blk_parse(&wire, &q->lim, &s->req, s->seg);
    if (err != 0) {
        q->delta[WEIR_STAT_VBD_REFUSED]++;
        s->req.nsegs = 0; /* nothing is mapped */
        weir_blk_queue_finish(q, s, err);
        return 2;
    }
    charge(q, &s->req);
    if (s->req.indirect)
        use_big(q, s);
    if (s->req.op == WEIR_BLK_DISCARD) {
        weir_blk_queue_discard(q, s);
        return 2;
    }
    if (s->req.op == WEIR_BLK_BARRIER) {
        q->barrier = s;
        return 2;
    }
    *out = s;
    return 1;
}

static int take(struct weir_blk_queue *q)
{
    struct weir_blk_slot *batch[WEIR_BLK_BATCH];
    unsigned n = 0;
    int took = 0;

    q->throttled = false;
    q->lim.sectors = weir_load_relaxed64(&q->vbd->sectors);
    while (took < WEIR_BLK_BATCH && !blocked(q) && !throttle(q)) {
        int got = take_one(q, &batch[n]);

        if (got < 0)
            return broken(q, "the frontend's ring index is impossible");
        if (got == 0)
            break;
        took++;
        n += got == 1;
    }
    if (took > 0)
        q->spurious_run = 0;
    if (n > 0)
        weir_blk_queue_batch(q, batch, n);
    return took;
}

static int again(struct weir_blk_queue *q)
{
    struct weir_blk_slot *batch[WEIR_BLK_BATCH];
    unsigned n = 0;

    if (!q->retry_due || q->retry.head == NULL)
        return 0;
    q->retry_due = false;
    while (n < WEIR_BLK_BATCH && q->retry.head != NULL) {
        batch[n++] = weir_blk_pop(&q->retry);
        q->queued--;
    }
    weir_blk_queue_batch(q, batch, n);
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

/* Pages first: once the response is out the frontend takes them back. */
static void publish(struct weir_blk_queue *q)
{
    weir_blk_grants_unmap(q->grants);
    q->unpushed = 0;
    if (weir_blkif_back_push(&q->ring)) {
        q->delta[WEIR_STAT_VBD_KICKS_OUT]++;
        q->port->ops->evtchn_notify(q->port, q->evtchn);
    }
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
    did += again(q);
    if (barrier_due(q))
        weir_blk_queue_barrier(q);
    got = take(q);
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
    if (!blocked(q)) {
        int more = weir_blkif_back_arm(&q->ring);

        if (more < 0)
            broken(q, "the frontend's ring index is impossible");
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
        if (!blocked(q) && weir_blkif_back_available(&q->ring) == 0)
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
