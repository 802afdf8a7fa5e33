/* SPDX-License-Identifier: MIT
 *
 * A queue's memory, engine and thread: coming and going.
 */
#include "backends/blk/queue_priv.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_WAIT_NS 30000000000u

static int make_slots(struct weir_blk_queue *q)
{
    q->slots = calloc(q->log.n, sizeof(*q->slots));
    q->bigs = calloc(WEIR_BLK_BIG, sizeof(*q->bigs));
    if (q->slots == NULL || q->bigs == NULL ||
        posix_memalign((void **)&q->bounce, 4096, WEIR_BLK_BOUNCE) != 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < q->log.n; i++)
        q->slots[i].entry = &q->log.entry[i];
    for (unsigned i = WEIR_BLK_BIG; i-- > 0;) {
        q->bigs[i].next = q->free_big;
        q->free_big = &q->bigs[i];
    }
    return 0;
}

/* Slots whose entries tell of requests in flight are taken before the ring's
 * next, in their order; the others are free. */
static void list_slots(struct weir_blk_queue *q, const uint16_t *order,
                       unsigned live)
{
    bool listed[WEIR_BLK_LOG_SLOTS] = {false};

    for (unsigned i = 0; i < live; i++) {
        weir_blk_push_back(&q->replay, &q->slots[order[i]]);
        listed[order[i]] = true;
    }
    for (uint32_t i = q->log.n; i-- > 0;)
        if (!listed[i]) {
            q->slots[i].next = q->free;
            q->free = &q->slots[i];
        }
}

static int attach_ring(struct weir_blk_queue *q, bool resume)
{
    uint16_t order[WEIR_BLK_LOG_SLOTS];
    unsigned live = 0;
    int err;

    if (!resume) {
        err = weir_blkif_back_init(&q->ring, q->pages.addr, q->pages.n);
        q->log.words->first = q->ring.r.rsp_prod;
    } else {
        err = weir_blk_log_resume(&q->log, order, &live);
        if (err == 0)
            err = weir_blkif_back_attach(
                &q->ring, q->pages.addr, q->pages.n,
                q->log.words->first + (uint32_t)q->log.taken,
                q->log.words->first + (uint32_t)q->log.replied);
        q->resumed = true;
    }
    if (err == 0)
        list_slots(q, order, live);
    return err;
}

static void make_engine(struct weir_blk_queue *q,
                        const struct weir_blk_queue_config *cfg)
{
    struct weir_blk_engine *e = cfg->faults != NULL ? &q->inner : &q->engine;
    struct weir_vbd *v = cfg->vbd;

    if (v->mem != NULL)
        weir_blk_engine_memory(e, v->mem, v->mem_size);
    else if (cfg->aio != NULL && v->back.res.vbd.engine == WEIR_VBD_LIBAIO)
        weir_blk_engine_aio(e, cfg->aio, v->fd, true);
    else
        weir_blk_engine_sync(e, v->fd);
    if (cfg->faults != NULL) {
        q->faults = *cfg->faults;
        weir_blk_engine_fault(&q->engine, &q->inner, &q->faults);
    }
}

int weir_blk_queue_new(const struct weir_blk_queue_config *cfg,
                       struct weir_blk_queue **out)
{
    struct weir_blk_queue *q = calloc(1, sizeof(*q));
    int err;

    if (q == NULL)
        return -ENOMEM;
    q->vbd = cfg->vbd;
    q->port = cfg->vbd->back.port;
    q->lim = cfg->vbd->lim;
    q->pages = cfg->ring;
    q->evtchn = cfg->port;
    q->room_wait_ns = cfg->room_wait_ns != 0 ? cfg->room_wait_ns : ROOM_WAIT_NS;
    q->shortages = cfg->shortages;
    q->shortages_seen = weir_load_relaxed32(q->shortages);
    q->log.entry = cfg->log;
    q->log.words = cfg->words;
    q->log.n = weir_blkif_ring_slots(q->pages.n);
    err = make_slots(q);
    if (err == 0)
        err = attach_ring(q, cfg->resume);
    if (err == 0) {
        q->grants = weir_blk_grants_new(q->port, cfg->vbd->back.frontend,
                                        cfg->persistent, cfg->vbd->back.stats);
        err = q->grants != NULL ? 0 : -ENOMEM;
    }
    if (err != 0) {
        q->pages.n = 0; /* the caller's still */
        weir_blk_queue_free(q);
        return err;
    }
    make_engine(q, cfg);
    *out = q;
    return 0;
}

int weir_blk_queue_listen(struct weir_blk_queue *q, struct weir_qthread *t)
{
    int fd = q->port->ops->evtchn_fd != NULL
                 ? q->port->ops->evtchn_fd(q->port, q->evtchn)
                 : -EOPNOTSUPP;
    int err = fd < 0 ? fd : weir_qthread_add_fd(t, fd, WEIR_BLK_TAG_RING);

    if (err == 0 && q->engine.event_fd >= 0)
        err = weir_qthread_add_fd(t, q->engine.event_fd, WEIR_BLK_TAG_ENGINE);
    if (err == 0)
        q->thread = t;
    return err;
}

void weir_blk_queue_go(struct weir_blk_queue *q, uint64_t spin_ns)
{
    /* A predecessor may have died before it notified of a response. */
    if (q->resumed)
        q->port->ops->evtchn_notify(q->port, q->evtchn);
    weir_qthread_start(q->thread, &weir_blk_queue_ops, q, spin_ns);
}

/* What the device never took lets go of its pages. */
static void drop_ready(struct weir_blk_queue *q)
{
    struct weir_blk_slot *s;

    while ((s = weir_blk_pop(&q->ready)) != NULL)
        for (unsigned i = 0; i < s->req.nsegs; i++)
            weir_blk_grants_release(q->grants, &s->pin[i]);
}

struct weir_qthread *weir_blk_queue_stop(struct weir_blk_queue *q)
{
    struct weir_qthread *t = q->thread;

    if (t != NULL) {
        weir_qthread_stop(t);
        weir_qthread_del_fd(t, q->port->ops->evtchn_fd(q->port, q->evtchn));
        if (q->engine.event_fd >= 0)
            weir_qthread_del_fd(t, q->engine.event_fd);
    }
    while (!weir_blk_queue_ops.drain(q))
        ;
    drop_ready(q);
    weir_blk_queue_show(q);
    weir_blk_grants_free(q->grants);
    q->grants = NULL;
    q->thread = NULL;
    if (q->pages.n > 0) {
        weir_peer_unmap(&q->pages);
        q->port->ops->evtchn_close(q->port, q->evtchn);
    }
    return t;
}

void weir_blk_queue_free(struct weir_blk_queue *q)
{
    weir_blk_grants_free(q->grants);
    free(q->bounce);
    free(q->slots);
    free(q->bigs);
    free(q);
}
