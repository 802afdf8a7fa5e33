/* SPDX-License-Identifier: MIT
 *
 * The way of a request through a queue: pages, device, response.
 */
#include "backends/blk/queue_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define ASK_NS        1000000 /* before and between calls for others' idle pages */
#define LOG_PERIOD_NS 1000000000u
#define LOG_LINES     5 /* of a queue, in a period; all are counted */

static void respond(struct weir_blk_queue *q, const struct weir_blk_slot *s,
                    int16_t status)
{
    struct weir_blkif_response rsp = {
        .id = s->req.id, .operation = s->req.operation, .status = status};

    weir_blk_log_finish(&q->log, s->entry);
    /* Cannot fail: each request taken is answered once. */
    (void)weir_blkif_back_put(&q->ring, &rsp);
    q->unpushed++;
}

/* A guest whose I/O fails must not use up the lines of the others. */
static bool may_log(struct weir_blk_queue *q)
{
    uint64_t now = q->port->ops->now_ns(q->port);

    if (now - q->log_since >= LOG_PERIOD_NS) {
        q->log_since = now;
        q->log_lines = 0;
    }
    return q->log_lines++ < LOG_LINES;
}

static void log_error(struct weir_blk_queue *q, const struct weir_blk_slot *s,
                      int err)
{
    static const char *const verb[] = {"read", "write", "flush", "barrier",
                                       "discard"};
    char line[240];

    if (!may_log(q))
        return;
    snprintf(
        line, sizeof(line),
        "vbd of domain %u, device %u, %s: %s of %llu sectors at %llu: %s%s",
        q->vbd->back.frontend, q->vbd->back.devid, q->vbd->back.res.label,
        verb[s->req.op], (unsigned long long)s->req.nsectors,
        (unsigned long long)s->req.sector, strerror(-err),
        err == -ENOSPC ? ": make room on the host's file system" : "");
    q->port->ops->log(q->port, WEIR_LOG_WARN, line);
}

static void count(struct weir_blk_queue *q, const struct weir_blk_slot *s)
{
    uint64_t bytes = s->req.nsectors << WEIR_BLKIF_SECTOR_SHIFT;

    switch (s->req.op) {
    case WEIR_BLK_READ:
        q->delta[WEIR_STAT_RD_REQ]++;
        q->delta[WEIR_STAT_RD_BYTES] += bytes;
        break;
    case WEIR_BLK_WRITE:
        q->delta[WEIR_STAT_WR_REQ]++;
        q->delta[WEIR_STAT_WR_BYTES] += bytes;
        break;
    case WEIR_BLK_FLUSH:
    case WEIR_BLK_BARRIER:
        q->delta[WEIR_STAT_FLUSH]++;
        q->delta[WEIR_STAT_WR_BYTES] += bytes;
        break;
    case WEIR_BLK_DISCARD:
        q->delta[WEIR_STAT_DISCARD]++;
        break;
    }
}

static void release_pins(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    for (unsigned i = 0; i < s->req.nsegs; i++)
        weir_blk_grants_release(q->grants, &s->pin[i]);
}

/* s->pin[] is all valid or all in error: see want_data. */
void weir_blk_queue_finish(struct weir_blk_queue *q, struct weir_blk_slot *s,
                           int err)
{
    int16_t status = WEIR_BLKIF_RSP_OKAY;

    if (err == 0) {
        count(q, s);
    } else {
        status = err == -EOPNOTSUPP ? WEIR_BLKIF_RSP_EOPNOTSUPP
                                    : WEIR_BLKIF_RSP_ERROR;
        q->delta[WEIR_STAT_VBD_ERRORS]++;
    }
    release_pins(q, s);
    respond(q, s, status);
    if (s->big != NULL) {
        s->big->next = q->free_big;
        q->free_big = s->big;
        s->big = NULL;
    }
    weir_blk_push_back(&q->done, s);
    q->retry_due = true; /* its pages may be what another waits for */
}

static void refuse(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    q->delta[WEIR_STAT_VBD_REFUSED]++;
    weir_blk_queue_finish(q, s, -EINVAL);
}

/* The quota is one for all queues: what idles in others is asked for too. */
static void ask_others(struct weir_blk_queue *q, uint64_t now)
{
    if (q->thread == NULL || now - q->asked_ns < ASK_NS)
        return;
    q->asked_ns = now;
    q->shortages_seen = weir_fetch_add32(q->shortages, 1) + 1;
    weir_qthread_kick_others(q->thread);
}

/* Others may give pages back; but what cannot ever be had ends in time. */
static void wait_for_room(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    uint64_t now = q->port->ops->now_ns(q->port);

    release_pins(q, s);
    if (s->short_since == 0)
        s->short_since = now | 1; /* not 0 */
    if (now > s->short_since && now - s->short_since >= q->room_wait_ns) {
        log_error(q, s, -ENOBUFS);
        weir_blk_queue_finish(q, s, -ENOBUFS);
        return;
    }
    if (now > s->short_since && now - s->short_since >= ASK_NS)
        ask_others(q, now); /* own idle pages were not enough */
    weir_blk_push_back(&q->retry, s);
    q->queued++;
    q->retry_due = false;
}

static void want_data(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    for (unsigned i = 0; i < s->req.nsegs; i++)
        weir_blk_grants_want(q->grants, &s->pin[i], s->seg[i].gref,
                             s->req.op != WEIR_BLK_READ);
}

static void no_pins(struct weir_blk_slot *s)
{
    for (unsigned i = 0; i < s->req.nsegs; i++)
        s->pin[i].status = -EAGAIN;
}

static int table_status(const struct weir_blk_slot *s)
{
    for (unsigned i = 0; i < s->req.nindirect; i++)
        if (s->table[i].status != 0)
            return s->table[i].status;
    return 0;
}

/* The segments of an indirect request, copied once out of the frontend's
 * pages; the copy is what is checked and used. */
static int read_table(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    struct weir_blkif_segment wire[WEIR_BLK_MAX_INDIRECT];
    unsigned n = s->req.nsegs;

    memcpy(wire, s->table[0].addr, n * sizeof(wire[0]));
    weir_compiler_barrier();
    return weir_blk_parse_indirect(&s->req, wire, &q->lim, s->seg);
}

_Static_assert(WEIR_BLK_INDIRECT_PAGES == 1, "read_table reads one page");

/* False: the request is over, or waits. */
static bool take_table(struct weir_blk_queue *q, struct weir_blk_slot *s,
                       bool *shortage)
{
    int err = table_status(s);

    if (err == 0)
        err = read_table(q, s);
    for (unsigned i = 0; i < s->req.nindirect; i++)
        weir_blk_grants_release(q->grants, &s->table[i]);
    if (err == 0) {
        s->req.indirect = false; /* resolved: a retry needs the table no more */
        return true;
    }
    if (weir_blk_grants_shortage(err)) {
        wait_for_room(q, s);
        *shortage = true;
    } else {
        refuse(q, s);
    }
    return false;
}

static int pin_status(const struct weir_blk_slot *s)
{
    int worst = 0;

    for (unsigned i = 0; i < s->req.nsegs; i++) {
        int status = s->pin[i].status;

        if (status != 0 && (worst == 0 || !weir_blk_grants_shortage(status)))
            worst = status;
    }
    return worst;
}

/* Neighbouring pages become one buffer. */
static unsigned build_iov(struct weir_blk_slot *s)
{
    unsigned n = 0;

    for (unsigned i = 0; i < s->req.nsegs; i++) {
        uint8_t *p = s->pin[i].addr + s->seg[i].offset;
        struct iovec *last = n > 0 ? &s->iov[n - 1] : NULL;

        if (last != NULL && (uint8_t *)last->iov_base + last->iov_len == p) {
            last->iov_len += s->seg[i].len;
        } else {
            s->iov[n].iov_base = p;
            s->iov[n++].iov_len = s->seg[i].len;
        }
    }
    return n;
}

/* A flush with data is a flush, then the data, as a journal's commit record
 * wants it, and the data is stable too: a barrier that waits for nothing. */
static void run_slow(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    uint64_t offset = s->req.sector << WEIR_BLKIF_SECTOR_SHIFT;
    bool flush = s->req.op == WEIR_BLK_BARRIER || s->req.op == WEIR_BLK_FLUSH;
    int err = 0;

    if (flush)
        err = weir_vbd_flush(q->vbd);
    if (err == 0 && s->io.niov > 0)
        err = weir_vbd_slow_rw(q->vbd, s->req.op != WEIR_BLK_READ, s->iov,
                               s->io.niov, offset, q->bounce);
    WEIR_CRASH_POINT();
    if (err == 0 && flush)
        err = weir_vbd_flush(q->vbd);
    if (err != 0)
        log_error(q, s, err);
    weir_blk_queue_finish(q, s, err);
}

/* The pages are mapped: on to the device. */
static void send(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    struct weir_blk_io *io = &s->io;

    io->offset = s->req.sector << WEIR_BLKIF_SECTOR_SHIFT;
    io->len = s->req.nsectors << WEIR_BLKIF_SECTOR_SHIFT;
    io->iov = s->iov;
    io->niov = build_iov(s);
    if (s->req.op == WEIR_BLK_FLUSH && s->req.nsegs == 0)
        io->op = WEIR_BLK_IO_SYNC;
    else
        io->op =
            s->req.op == WEIR_BLK_READ ? WEIR_BLK_IO_READ : WEIR_BLK_IO_WRITE;
    if (s->req.op == WEIR_BLK_BARRIER ||
        (s->req.op == WEIR_BLK_FLUSH && s->req.nsegs > 0) ||
        !weir_vbd_aligned(q->vbd, s->iov, io->niov, io->offset)) {
        run_slow(q, s);
        return;
    }
    weir_blk_push_back(&q->ready, s);
    q->queued++;
}

void weir_blk_queue_batch(struct weir_blk_queue *q, struct weir_blk_slot **s,
                          unsigned n)
{
    bool shortage = false;
    unsigned m = 0;

    for (unsigned i = 0; i < n; i++) {
        no_pins(s[i]);
        if (s[i]->req.indirect)
            for (unsigned k = 0; k < s[i]->req.nindirect; k++)
                weir_blk_grants_want(q->grants, &s[i]->table[k],
                                     s[i]->req.indirect_gref[k], true);
    }
    weir_blk_grants_map(q->grants);
    for (unsigned i = 0; i < n; i++) {
        if (s[i]->req.indirect && !take_table(q, s[i], &shortage))
            continue;
        want_data(q, s[i]);
        s[m++] = s[i];
    }
    weir_blk_grants_map(q->grants);
    for (unsigned i = 0; i < m; i++) {
        int err = pin_status(s[i]);

        if (err == 0) {
            send(q, s[i]);
        } else if (weir_blk_grants_shortage(err)) {
            wait_for_room(q, s[i]);
            shortage = true;
        } else {
            refuse(q, s[i]);
        }
    }
    if (shortage)
        weir_blk_grants_shrink(q->grants, WEIR_BLK_SHRINK);
    weir_blk_queue_submit(q);
}

void weir_blk_queue_submit(struct weir_blk_queue *q)
{
    while (q->ready.head != NULL) {
        struct weir_blk_io *ios[WEIR_BLK_BATCH];
        struct weir_blk_slot *s = q->ready.head;
        unsigned n = 0;
        int took;

        for (; s != NULL && n < WEIR_BLK_BATCH; s = s->next)
            ios[n++] = &s->io;
        WEIR_CRASH_POINT();
        took = q->engine.ops->submit(&q->engine, ios, n);
        WEIR_CRASH_POINT();
        if (took == 0)
            return;
        if (took < 0) {
            s = weir_blk_pop(&q->ready);
            q->queued--;
            log_error(q, s, took);
            weir_blk_queue_finish(q, s, took);
            continue;
        }
        for (int i = 0; i < took; i++)
            weir_blk_pop(&q->ready);
        q->queued -= (unsigned)took;
    }
}

/* 0 or -errno.  A device may move less than asked, once; a file that shrank
 * ends for good. */
static int outcome(struct weir_blk_queue *q, const struct weir_blk_slot *s)
{
    const struct weir_blk_io *io = &s->io;

    if (io->result < 0)
        return (int)io->result;
    if (io->op == WEIR_BLK_IO_SYNC || (uint64_t)io->result == io->len)
        return 0;
    if (q->vbd->fd < 0 || (uint64_t)io->result > io->len)
        return -EIO;
    return weir_blk_sync_all(q->vbd->fd, io->op == WEIR_BLK_IO_WRITE, io->iov,
                             io->niov, io->offset, (uint64_t)io->result);
}

unsigned weir_blk_queue_reap(struct weir_blk_queue *q)
{
    struct weir_blk_io *done[WEIR_BLK_BATCH * 2];
    unsigned n = q->engine.ops->reap(&q->engine, done, WEIR_BLK_BATCH * 2);

    for (unsigned i = 0; i < n; i++) {
        struct weir_blk_slot *s =
            (struct weir_blk_slot *)(void *)done[i]; /* io is its first */
        int err = outcome(q, s);

        if (err != 0)
            log_error(q, s, err);
        weir_blk_queue_finish(q, s, err);
    }
    return n;
}

void weir_blk_queue_discard(struct weir_blk_queue *q, struct weir_blk_slot *s)
{
    int err = weir_vbd_discard(q->vbd, s->req.sector << WEIR_BLKIF_SECTOR_SHIFT,
                               s->req.nsectors << WEIR_BLKIF_SECTOR_SHIFT,
                               s->req.secure);

    if (err == -ENOTTY || err == -ENOTSUP)
        err = -EOPNOTSUPP;
    else if (err != 0)
        log_error(q, s, err);
    weir_blk_queue_finish(q, s, err);
}

/* Everything before it has ended: it runs alone. */
void weir_blk_queue_barrier(struct weir_blk_queue *q)
{
    struct weir_blk_slot *s = q->barrier;

    q->barrier = NULL;
    weir_blk_queue_batch(q, &s, 1);
    if (q->retry.head != NULL && q->retry.head == s) {
        /* No room for its pages yet: it stays the barrier. */
        weir_blk_pop(&q->retry);
        q->queued--;
        q->barrier = s;
    }
}
