/* SPDX-License-Identifier: MIT
 *
 * One queue: what waits, what is on the ring, what came back.
 */
#include "frontends/blk/blkfront_priv.h"

#include "ring/checked.h"

static struct weir_bf_req *pop_free(struct weir_bf_queue *q)
{
    struct weir_bf_req *r;

    if (q->free_req == WEIR_BF_NONE)
        return NULL;
    r = &q->req[q->free_req];
    q->free_req = r->next;
    return r;
}

static void push_free(struct weir_bf_queue *q, struct weir_bf_req *r)
{
    r->state = WEIR_BF_FREE;
    r->io = NULL;
    r->generation++; /* a second answer to this one is seen */
    r->next = q->free_req;
    q->free_req = (uint16_t)(r - q->req);
}

static void send(struct weir_bf_queue *q, struct weir_bf_req *r)
{
    /* id lies at the same place in all request layouts. */
    r->wire.rw.id = (uint64_t)r->generation << 16 | (uint64_t)(r - q->req);
    r->state = WEIR_BF_SENT;
    (void)weir_blkif_front_put(&q->ring, &r->wire); /* pump saw room */
}

/* As much onto the ring as there is room for. */
static void pump(struct weir_bf_queue *q)
{
    while (q->ring_up && weir_blkif_front_free(&q->ring) > 0) {
        struct weir_blkfront_io *io = q->head;
        struct weir_bf_req *r;

        if (q->again_head != WEIR_BF_NONE) {
            r = &q->req[q->again_head];
            q->again_head = r->next;
            send(q, r);
            continue;
        }
        if (io == NULL || (r = pop_free(q)) == NULL)
            return;
        if (weir_bf_build(q, r, io) == 0) {
            push_free(q, r);
            return;
        }
        io->pending++;
        send(q, r);
        if (io->sent == io->len) {
            q->head = io->next;
            if (q->head == NULL)
                q->tail = NULL;
        }
    }
}

static void push(struct weir_bf_queue *q)
{
    if (q->ring_up && weir_blkif_front_push(&q->ring))
        q->bf->port->ops->evtchn_notify(q->bf->port, q->evtchn);
}

/* Range and shape of reads and writes; finds out whether to copy. */
static int check_data(struct weir_blkfront *bf, struct weir_blkfront_io *io)
{
    uint64_t len = 0;

    io->bounce = false;
    for (unsigned i = 0; i < io->nvec; i++) {
        const struct weir_blkfront_vec *v = &io->vec[i];

        if (v->len % WEIR_BLKIF_SECTOR_SIZE != 0 ||
            !weir_add_u64(len, v->len, &len))
            return -WEIR_EINVAL;
        if (v->len > 0 && ((uintptr_t)v->data % WEIR_BLKIF_SECTOR_SIZE != 0 ||
                           weir_bf_find(bf, v->data, v->len) == NULL))
            io->bounce = true;
    }
    io->len = len;
    io->nsectors = len >> WEIR_BLKIF_SECTOR_SHIFT;
    if (len == 0 || (io->op == WEIR_BLKFRONT_WRITE && bf->info.readonly))
        return -WEIR_EINVAL;
    return 0;
}

static int check(struct weir_blkfront *bf, struct weir_blkfront_io *io)
{
    uint64_t mask = bf->info.sector_size / WEIR_BLKIF_SECTOR_SIZE - 1;
    int err;

    io->len = 1; /* of requests without data: one thing to send */
    switch (io->op) {
    case WEIR_BLKFRONT_FLUSH:
        return bf->info.flush ? 0 : -WEIR_EOPNOTSUPP;
    case WEIR_BLKFRONT_DISCARD:
        if (!bf->info.discard || (io->secure && !bf->info.secure))
            return -WEIR_EOPNOTSUPP;
        if (io->nsectors == 0 || bf->info.readonly)
            return -WEIR_EINVAL;
        break;
    case WEIR_BLKFRONT_READ:
    case WEIR_BLKFRONT_WRITE:
        err = check_data(bf, io);
        if (err != 0)
            return err;
        break;
    default:
        return -WEIR_EINVAL;
    }
    if (!weir_in_range(io->sector, io->nsectors, bf->info.sectors) ||
        ((io->sector | io->nsectors) & mask) != 0)
        return -WEIR_EINVAL;
    return 0;
}

static int enqueue(struct weir_bf_queue *q, struct weir_blkfront_io *io)
{
    struct weir_blkfront *bf = q->bf;
    int err;

    if (bf->closed)
        return -WEIR_ENOTCONN;
    if ((unsigned)(q - bf->queue) >= bf->info.queues)
        return -WEIR_EINVAL; /* the backend does not serve it */
    err = check(bf, io);
    if (err != 0)
        return err;
    io->next = NULL;
    io->sent = 0;
    io->pending = 0;
    io->status = 0;
    io->vec_at = 0;
    io->vec_off = 0;
    if (q->tail != NULL)
        q->tail->next = io;
    else
        q->head = io;
    q->tail = io;
    q->outstanding++;
    return 0;
}

int weir_blkfront_submit_many(struct weir_blkfront *bf, unsigned queue,
                              struct weir_blkfront_io *const *io, unsigned n)
{
    struct weir_bf_queue *q;
    int err = 0;
    unsigned i;

    if (queue >= bf->nqueues)
        return -WEIR_EINVAL;
    q = &bf->queue[queue];
    weir_spin_lock(&q->lock);
    for (i = 0; i < n && err == 0; i++)
        err = enqueue(q, io[i]);
    if (err != 0)
        i--;
    if (!q->hold) {
        pump(q);
        push(q);
    }
    weir_spin_unlock(&q->lock);
    return i > 0 ? (int)i : err;
}

int weir_blkfront_submit(struct weir_blkfront *bf, unsigned queue,
                         struct weir_blkfront_io *io)
{
    int n = weir_blkfront_submit_many(bf, queue, &io, 1);

    return n < 0 ? n : 0;
}

static int status_of(int16_t wire)
{
    if (wire == WEIR_BLKIF_RSP_OKAY)
        return 0;
    return wire == WEIR_BLKIF_RSP_EOPNOTSUPP ? -WEIR_EOPNOTSUPP : -WEIR_EIO;
}

/* The request that an answer is to, or NULL: no such one is outstanding. */
static struct weir_bf_req *match(struct weir_bf_queue *q,
                                 const struct weir_blkif_response *rsp)
{
    struct weir_bf_req *r;
    uint32_t i = (uint32_t)(rsp->id & 0xffff);

    if (i >= q->nreq)
        return NULL;
    r = &q->req[i];
    if (r->state != WEIR_BF_SENT || rsp->id >> 16 != r->generation ||
        (rsp->operation != weir_blkif_answered(&r->wire) &&
         rsp->operation != r->wire.rw.operation)) /* some echo INDIRECT */
        return NULL;
    return r;
}

static void give_back(struct weir_bf_queue *q, struct weir_bf_req *r)
{
    weir_bf_pool_put(&q->bounce, r->bounce);
    weir_bf_pool_put(&q->tables, r->table);
    push_free(q, r);
}

/* io's request r is over; true when io is. */
bool weir_bf_end_req(struct weir_bf_queue *q, struct weir_bf_req *r, int status)
{
    struct weir_blkfront_io *io = r->io;

    if (status == 0 && r->bounce != WEIR_BF_NONE &&
        io->op == WEIR_BLKFRONT_READ)
        weir_bf_copy_back(q, r);
    if (status != 0 && io->status == 0)
        io->status = status;
    give_back(q, r);
    io->pending--;
    return io->pending == 0 && io->sent == io->len;
}

static int reap(struct weir_bf_queue *q, struct weir_bf_done *done)
{
    struct weir_blkif_response rsp;
    int got;

    while (q->ring_up && (got = weir_blkif_front_get(&q->ring, &rsp)) != 0) {
        struct weir_bf_req *r = got > 0 ? match(q, &rsp) : NULL;
        struct weir_blkfront_io *io;

        if (r == NULL) {
            q->ring_up = false;
            weir_front_fail(&q->bf->dev,
                            got < 0 ? "the backend's ring index is impossible"
                                    : "the backend answered what was not "
                                      "asked");
            return -WEIR_EPROTO;
        }
        io = r->io;
        if (weir_bf_end_req(q, r, status_of(rsp.status))) {
            io->next = NULL;
            *done->tail = io;
            done->tail = &io->next;
        }
    }
    return 0;
}

int weir_bf_call_done(struct weir_bf_queue *q, struct weir_bf_done *done)
{
    struct weir_blkfront_io *io = done->head;
    int n = 0;

    while (io != NULL) {
        struct weir_blkfront_io *next = io->next;

        weir_spin_lock(&q->lock);
        q->outstanding--;
        weir_spin_unlock(&q->lock);
        io->done(io, io->status);
        io = next;
        n++;
    }
    return n;
}

int weir_blkfront_poll(struct weir_blkfront *bf, unsigned queue)
{
    struct weir_bf_done done = {NULL, &done.head};
    struct weir_bf_queue *q;
    int err, n;

    if (queue >= bf->nqueues)
        return -WEIR_EINVAL;
    q = &bf->queue[queue];
    weir_spin_lock(&q->lock);
    err = bf->closed ? -WEIR_ENOTCONN : reap(q, &done);
    q->hold = done.head != NULL;
    if (!q->hold) {
        pump(q);
        push(q);
    }
    weir_spin_unlock(&q->lock);
    if (done.head == NULL)
        return err;
    n = weir_bf_call_done(q, &done);
    weir_spin_lock(&q->lock);
    q->hold = false;
    pump(q);
    push(q);
    weir_spin_unlock(&q->lock);
    return n;
}

unsigned weir_blkfront_outstanding(struct weir_blkfront *bf, unsigned queue)
{
    return queue < bf->nqueues ? bf->queue[queue].outstanding : 0;
}

evtchn_port_t weir_blkfront_evtchn(struct weir_blkfront *bf, unsigned queue)
{
    return queue < bf->nqueues ? bf->queue[queue].evtchn : 0;
}

int weir_blkfront_arm(struct weir_blkfront *bf, unsigned queue)
{
    struct weir_bf_queue *q;
    int more = 0;

    if (queue >= bf->nqueues)
        return -WEIR_EINVAL;
    q = &bf->queue[queue];
    weir_spin_lock(&q->lock);
    if (q->ring_up)
        more = weir_blkif_front_arm(&q->ring);
    weir_spin_unlock(&q->lock);
    return more != 0; /* broken: poll tells */
}

void weir_bf_queue_start(struct weir_bf_queue *q)
{
    weir_spin_lock(&q->lock);
    q->ring_up = true;
    pump(q);
    push(q);
    weir_spin_unlock(&q->lock);
}
