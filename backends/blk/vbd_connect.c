/* SPDX-License-Identifier: MIT
 *
 * A device's connections: what the frontend says, or a predecessor's log of
 * what it said; the queues.
 */
#include "backends/blk/vbd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "backends/blk/grants.h"
#include "backends/blk/queue.h"
#include "ring/blkif_ring.h"

_Static_assert(WEIR_BLK_LOG_QUEUES >= WEIR_BLK_QUEUES, "all have a log");
_Static_assert(WEIR_BLK_LOG_REFS >= 1u << WEIR_BLK_RING_ORDER, "all pages");

#define ROOM_TRIES  20 /* of mapping a ring in a shortage */
#define ROOM_NAP_NS 1000000

static struct weir_vbd *vbd_of(struct weir_back_dev *dev)
{
    return (struct weir_vbd *)(void *)dev; /* back is its first */
}

/* ---- the log's memory ---- */

static void free_log(struct weir_vbd *v)
{
    if (v->log == NULL)
        return;
    for (unsigned i = 0; i < WEIR_BLK_QUEUES; i++)
        weir_kept_close(&v->back, v->entries[i], 1u << v->log->order);
    memset(v->entries, 0, sizeof(v->entries));
    weir_kept_close(&v->back, v->log, 1);
    v->log = NULL;
}

static int new_entries(struct weir_vbd *v, unsigned i)
{
    unsigned order = v->log->order;
    uint64_t key =
        weir_blk_log_key_queue(v->back.frontend, v->back.devid, i, order);

    return weir_kept_open(&v->back, key, 1u << order, "requests",
                          (void **)&v->entries[i]);
}

/* ---- what the frontend says ---- */

static int check_protocol(struct weir_vbd *v)
{
    struct weir_back_dev *d = &v->back;
    char proto[32];
    int err = weir_xs_read_key(d->xs, 0, d->frontend_path, "protocol", proto,
                               sizeof(proto));

    if (err >= 0 && strcmp(proto, WEIR_BLKIF_PROTOCOL) != 0)
        return weir_vbd_refuse(v, -EINVAL, "frontend's protocol is not %s",
                               WEIR_BLKIF_PROTOCOL);
    if (err < 0 && err != -ENOENT)
        return weir_vbd_refuse(v, err, "frontend's protocol node: %s",
                               strerror(-err));
    return 0;
}

static int read_config(struct weir_vbd *v)
{
    struct weir_back_dev *d = &v->back;
    uint64_t queues, order, persistent;
    int err = check_protocol(v);

    if (err == 0)
        err = weir_peer_read_or(d, NULL, "multi-queue-num-queues",
                                weir_vbd_max_queues(v), 1, &queues);
    if (err != 0)
        return err;
    if (queues == 0)
        return weir_vbd_refuse(v, -EINVAL, "frontend wants no queue");
    err = weir_peer_read_or(d, NULL, "ring-page-order", WEIR_BLK_RING_ORDER, 0,
                            &order);
    if (err != 0)
        return err;
    err = weir_peer_read_or(d, NULL, "feature-persistent", 1, 0, &persistent);
    v->log->queues = (uint32_t)queues;
    v->log->order = (uint32_t)order;
    v->log->persistent = (uint32_t)persistent;
    return err;
}

static int read_queue(struct weir_vbd *v, unsigned i)
{
    struct weir_blk_log_queue *w = &v->log->queue[i];
    char dir[24];
    const char *at = v->log->queues > 1 ? dir : NULL;
    int err;

    snprintf(dir, sizeof(dir), "queue-%u", i);
    err = weir_peer_read_refs(&v->back, at, "ring-ref", 1u << v->log->order,
                              w->ref);
    if (err == 0)
        err = weir_peer_read_evtchn(&v->back, at, "event-channel", &w->evtchn);
    return err;
}

/* From the frontend's nodes into a new log. */
static int begin_log(struct weir_vbd *v)
{
    int err = read_config(v);

    for (unsigned i = 0; err == 0 && i < v->log->queues; i++) {
        err = read_queue(v, i);
        if (err == 0)
            err = new_entries(v, i);
        WEIR_CRASH_POINT();
    }
    if (err == 0) {
        weir_kept_head_set(&v->log->head, WEIR_BLK_LOG_MAGIC,
                           WEIR_BLK_LOG_VERSION, sizeof(*v->log));
        weir_kept_ready(&v->log->head);
        WEIR_CRASH_POINT();
    }
    return err;
}

/* From a predecessor's log, which is this domain's own memory; the frontend's
 * nodes may say anything by now. */
static int take_log(struct weir_vbd *v)
{
    int err = weir_blk_log_check(v->log, weir_vbd_max_queues(v));

    if (err != 0) {
        return weir_vbd_refuse(v, err,
                               "the log of requests in flight contradicts "
                               "itself: connect the frontend again");
    }
    for (unsigned i = 0; err == 0 && i < v->log->queues; i++)
        err = new_entries(v, i);
    return err;
}

static int open_log(struct weir_vbd *v)
{
    struct weir_back_dev *d = &v->back;
    int err = weir_kept_open(d, weir_blk_log_key_page(d->frontend, d->devid), 1,
                             "requests", (void **)&v->log);

    if (err != 0)
        return err;
    return d->resume ? take_log(v) : begin_log(v);
}

/* ---- queues ---- */

/* Other queues' idle pages go first. */
static int map_ring(struct weir_vbd *v, struct weir_blk_queue_config *cfg,
                    struct weir_qthread *t)
{
    const struct timespec nap = {0, ROOM_NAP_NS};
    int err;

    for (unsigned i = 0;; i++) {
        err = weir_peer_map(&v->back, cfg->words->ref, 1u << v->log->order,
                            false, &cfg->ring);
        if (!weir_blk_grants_shortage(err) || i == ROOM_TRIES)
            return err;
        weir_fetch_add32(cfg->shortages, 1);
        weir_qthread_kick_others(t);
        nanosleep(&nap, NULL);
    }
}

static int open_ring(struct weir_vbd *v, struct weir_blk_queue_config *cfg,
                     struct weir_qthread *t)
{
    int err = map_ring(v, cfg, t);

    if (err != 0)
        return err;
    err = weir_peer_bind(&v->back, cfg->words->evtchn, &cfg->port);
    if (err != 0)
        weir_peer_unmap(&cfg->ring);
    return err;
}

static int make_queue(struct weir_vbd *v, unsigned i, struct weir_qthread *t)
{
    struct weir_back_dev *d = &v->back;
    struct weir_blk_options *o = weir_backend_cfg(d->be)->context;
    struct weir_blk_queue_config cfg = {.vbd = v,
                                        .persistent = v->log->persistent != 0,
                                        .words = &v->log->queue[i],
                                        .log = v->entries[i],
                                        .resume = d->resume,
                                        .room_wait_ns = o->room_wait_ns,
                                        .shortages = &o->shortages,
                                        .aio = weir_qthread_engine(t),
                                        .faults = o->faults};
    struct weir_blk_queue *q;
    int err = open_ring(v, &cfg, t);

    if (err != 0)
        return err;
    err = weir_blk_queue_new(&cfg, &q);
    if (err != 0) {
        d->port->ops->evtchn_close(d->port, cfg.port);
        weir_peer_unmap(&cfg.ring);
        return weir_vbd_refuse(v, err, "%s: %s",
                               d->resume ? "log of requests in flight"
                                         : "frontend's ring",
                               strerror(-err));
    }
    WEIR_CRASH_POINT();
    err = weir_blk_queue_listen(q, t);
    if (err != 0) {
        weir_blk_queue_stop(q);
        weir_blk_queue_free(q);
        return weir_vbd_refuse(v, err, "queue thread: %s", strerror(-err));
    }
    v->queue[v->nqueues++] = q;
    return 0;
}

int weir_vbd_connect(struct weir_back_dev *dev)
{
    struct weir_vbd *v = vbd_of(dev);
    struct weir_qpool *pool = weir_backend_cfg(dev->be)->pool;
    int err;

    if (dev->resume && v->mem != NULL)
        return weir_vbd_refuse(v, -ENODEV,
                               "a device in memory ends with its driver "
                               "domain's program");
    err = open_log(v);
    for (unsigned i = 0; err == 0 && i < v->log->queues; i++) {
        struct weir_qthread *t = weir_qpool_take(pool);

        if (t == NULL)
            return weir_vbd_refuse(
                v, -EBUSY,
                "all queue threads are in use: start weir-blkback with more "
                "--queues");
        err = make_queue(v, i, t);
        if (err != 0)
            weir_qpool_put(pool, t);
    }
    return err;
}

void weir_vbd_go(struct weir_back_dev *dev)
{
    const struct weir_blk_options *o = weir_backend_cfg(dev->be)->context;
    struct weir_vbd *v = vbd_of(dev);

    WEIR_CRASH_POINT();
    for (unsigned i = 0; i < v->nqueues; i++)
        weir_blk_queue_go(v->queue[i], o->spin_ns);
}

void weir_vbd_disconnect(struct weir_back_dev *dev)
{
    struct weir_vbd *v = vbd_of(dev);
    struct weir_qpool *pool = weir_backend_cfg(dev->be)->pool;

    for (unsigned i = 0; i < v->nqueues; i++) {
        struct weir_qthread *t = weir_blk_queue_stop(v->queue[i]);

        if (t != NULL)
            weir_qpool_put(pool, t);
        weir_blk_queue_free(v->queue[i]);
        v->queue[i] = NULL;
    }
    v->nqueues = 0;
    free_log(v);
}
