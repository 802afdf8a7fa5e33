/* SPDX-License-Identifier: MIT
 *
 * The way of a request into a queue: out of the ring or a predecessor's log,
 * past limits and barriers.
 */
#include "backends/blk/queue_priv.h"

static void reset_slot(struct weir_blk_slot *s)
{
    s->big = NULL;
    s->short_since = 0;
    s->seg = s->own_seg;
    s->pin = s->own_pin;
    s->iov = s->own_iov;
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

bool weir_blk_queue_blocked(const struct weir_blk_queue *q)
{
    return q->barrier != NULL || q->free_big == NULL || q->throttled ||
           q->retry.head != NULL || (q->free == NULL && q->replay.head == NULL);
}

/* The next request, its copy in the log: 1, 0 none, negative broken. */
static int next(struct weir_blk_queue *q, struct weir_blk_slot **out)
{
    struct weir_blk_slot *s = weir_blk_pop(&q->replay);

    if (s == NULL) {
        int got = weir_blkif_back_get(&q->ring, &q->free->entry->wire);

        if (got <= 0)
            return got;
        s = q->free;
        q->free = s->next;
        weir_blk_log_take(&q->log, s->entry);
    }
    reset_slot(s);
    *out = s;
    return 1;
}

/* 1 with *s for the batch, 2 dealt with, 0 none, negative broken. */
static int take_one(struct weir_blk_queue *q, struct weir_blk_slot **out)
{
    struct weir_blk_slot *s;
    int err = next(q, &s);

    if (err <= 0)
        return err;
    err = weir_blk_parse(&s->entry->wire, &q->lim, &s->req, s->seg);
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

int weir_blk_queue_take(struct weir_blk_queue *q)
{
    struct weir_blk_slot *batch[WEIR_BLK_BATCH];
    unsigned n = 0;
    int took = 0;

    q->throttled = false;
    q->lim.sectors = weir_load_relaxed64(&q->vbd->sectors);
    while (took < WEIR_BLK_BATCH && !weir_blk_queue_blocked(q) &&
           !throttle(q)) {
        int got = take_one(q, &batch[n]);

        if (got < 0)
            return weir_blk_queue_broken(
                q, "the frontend's ring index is impossible");
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
