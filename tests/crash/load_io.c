/* SPDX-License-Identifier: MIT
 *
 * One I/O: chosen, sent, answered.
 */
#include "tests/crash/load.h"

#include <string.h>

#define GAP_NS 1000000u  /* shorter ones are nothing */
#define ASK_NS 50000000u /* how often the host's word is read */

static void note_gap(struct load *l)
{
    uint64_t now = load_now();

    if (l->last_ns != 0 && now - l->last_ns > GAP_NS && l->gaps < LOAD_GAPS)
        l->gap[l->gaps++] = (struct load_gap){l->last_ns, now};
    l->last_ns = now;
}

/* ---- answers ---------------------------------------------------------- */

static void unlock(struct load *l, const struct load_slot *s, bool wrote)
{
    for (uint64_t i = s->first; i < s->first + s->n; i++) {
        struct load_sector *t = &l->sector[i];

        t->locked = false;
        if (wrote) {
            t->acked = t->lo = t->hi;
            t->zero = false;
        }
    }
}

static void flushed(struct load *l, int status)
{
    uint32_t *covered = l->covers;

    l->flushing = false;
    if (status != 0)
        return;
    l->covers = l->stable;
    l->stable = covered;
    l->flushes++;
}

static void heard(struct load *l, const struct load_slot *s, int status)
{
    uint64_t word;

    l->asking = false;
    memcpy(&word, s->buf, sizeof(word));
    if (status == 0 && word == CRASH_STOP)
        l->stop = true;
}

static void done(struct weir_blkfront_io *io, int status)
{
    struct load *l = io->tag;
    struct load_slot *s = (struct load_slot *)(void *)io;

    note_gap(l);
    if (!s->busy) {
        load_fault(l, &l->doubled, "DOUBLED: an I/O was answered twice");
        return;
    }
    s->busy = false;
    l->busy--;
    l->ios++;
    l->bytes += io->len;
    if (status != 0)
        load_fault(l, &l->failed, "FAILED: operation %d at %llu: error %d",
                   (int)io->op, (unsigned long long)io->sector, status);
    switch (s->kind) {
    case LOAD_READ:
        if (status == 0)
            load_check(l, s);
        break;
    case LOAD_WRITE:
        unlock(l, s, status == 0);
        break;
    case LOAD_DISCARD:
        l->discards++;
        unlock(l, s, false);
        break;
    case LOAD_FLUSH:
        flushed(l, status);
        break;
    case LOAD_TABLE:
        l->telling = false;
        break;
    case LOAD_MAILBOX:
        heard(l, s, status);
        break;
    }
}

/* ---- what is sent ----------------------------------------------------- */

static int send(struct load *l, struct load_slot *s, enum load_kind kind,
                uint64_t sector, uint64_t n)
{
    static const enum weir_blkfront_op ops[] = {
        [LOAD_READ] = WEIR_BLKFRONT_READ,
        [LOAD_WRITE] = WEIR_BLKFRONT_WRITE,
        [LOAD_FLUSH] = WEIR_BLKFRONT_FLUSH,
        [LOAD_DISCARD] = WEIR_BLKFRONT_DISCARD,
        [LOAD_TABLE] = WEIR_BLKFRONT_WRITE,
        [LOAD_MAILBOX] = WEIR_BLKFRONT_READ,
    };
    bool data = kind != LOAD_FLUSH && kind != LOAD_DISCARD;
    int err;

    s->kind = kind;
    s->since_ns = load_now();
    s->vec = (struct weir_blkfront_vec){s->buf, n * CRASH_SECTOR};
    s->io = (struct weir_blkfront_io){.op = ops[kind],
                                      .sector = sector,
                                      .nsectors = n,
                                      .vec = data ? &s->vec : NULL,
                                      .nvec = data,
                                      .done = done,
                                      .tag = l};
    s->busy = true;
    l->busy++;
    err = weir_blkfront_submit(l->bf, (unsigned)load_random(l, l->info.queues),
                               &s->io);
    if (err != 0) {
        s->busy = false;
        l->busy--;
        load_fault(l, &l->failed, "FAILED: submit: error %d", err);
    }
    return err;
}

int load_submit_read(struct load *l, struct load_slot *s, uint64_t first,
                     uint64_t n)
{
    s->first = first;
    s->n = n;
    for (uint64_t i = 0; i < n; i++) {
        s->lo[i] = l->sector[first + i].lo;
        s->zero[i] = l->sector[first + i].zero;
    }
    memset(s->buf, 0xa5, n * CRASH_SECTOR);
    return send(l, s, LOAD_READ, l->at.data + first, n);
}

static bool lock(struct load *l, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++)
        if (l->sector[i].locked)
            return false;
    for (uint64_t i = first; i < first + n; i++)
        l->sector[i].locked = true;
    return true;
}

int load_submit_write(struct load *l, struct load_slot *s, uint64_t first,
                      uint64_t n)
{
    if (!lock(l, first, n))
        return 0;
    s->first = first;
    s->n = n;
    for (uint64_t i = 0; i < n; i++)
        crash_make(s->buf + i * CRASH_SECTOR, l->at.data + first + i,
                   ++l->sector[first + i].hi);
    return send(l, s, LOAD_WRITE, l->at.data + first, n);
}

/* Reads under way may see it from now on. */
static void zeros_to_come(struct load *l, uint64_t first, uint64_t n)
{
    for (uint64_t i = first; i < first + n; i++)
        l->sector[i].zero = true;
    for (unsigned k = 0; k < LOAD_SLOTS; k++) {
        struct load_slot *r = &l->slot[k];

        if (!r->busy || r->kind != LOAD_READ)
            continue;
        for (uint64_t i = 0; i < r->n; i++)
            if (r->first + i >= first && r->first + i < first + n)
                r->zero[i] = true;
    }
}

static int submit_discard(struct load *l, struct load_slot *s)
{
    uint64_t room = (l->at.n - l->at.discardable) / CRASH_UNIT;
    uint64_t n = (1 + load_random(l, 16)) * CRASH_UNIT, first;

    if (n > room * CRASH_UNIT)
        n = CRASH_UNIT;
    first = l->at.discardable +
            load_random(l, room - n / CRASH_UNIT + 1) * CRASH_UNIT;
    if (!lock(l, first, n))
        return 0;
    zeros_to_come(l, first, n);
    s->first = first;
    s->n = n;
    return send(l, s, LOAD_DISCARD, l->at.data + first, n);
}

static int submit_flush(struct load *l, struct load_slot *s)
{
    if (l->flushing)
        return 0;
    for (uint64_t i = 0; i < l->at.n; i++)
        l->covers[i] = l->sector[i].acked;
    l->flushing = true;
    return send(l, s, LOAD_FLUSH, 0, 0);
}

/* 4 KiB of the table as the last flush left it. */
static int submit_table(struct load *l, struct load_slot *s)
{
    uint64_t row = load_random(l, l->at.rows / CRASH_UNIT) * CRASH_UNIT;

    if (l->telling)
        return 0;
    l->telling = true;
    l->version++;
    for (uint64_t k = 0; k < CRASH_UNIT; k++) {
        struct crash_row r = {0};
        uint64_t first = (row + k) * CRASH_ROW;

        for (uint64_t i = 0; i < CRASH_ROW && first + i < l->at.n; i++)
            r.seq[i] = l->stable[first + i];
        crash_row_seal(&r, row + k, l->version);
        memcpy(s->buf + k * CRASH_SECTOR, &r, sizeof(r));
    }
    return send(l, s, LOAD_TABLE, l->at.table + row, CRASH_UNIT);
}

/* Small ones are the most frequent. */
static uint64_t random_sectors(struct load *l)
{
    uint64_t r = load_random(l, 100);
    uint64_t n = r < 45   ? 8
                 : r < 60 ? 1 + load_random(l, 8)
                 : r < 92 ? 1 + load_random(l, l->max_sectors / 4)
                          : 1 + load_random(l, l->max_sectors);

    n = n / l->unit * l->unit;
    return n == 0 ? l->unit : n;
}

int load_submit(struct load *l, struct load_slot *s)
{
    uint64_t n = random_sectors(l), what = load_random(l, 100);
    uint64_t first = load_random(l, (l->at.n - n) / l->unit + 1) * l->unit;

    if (!l->asking && load_now() - l->asked_ns > ASK_NS) {
        l->asking = true;
        l->asked_ns = load_now();
        return send(l, s, LOAD_MAILBOX, 0, CRASH_UNIT);
    }
    if (what < 3 && l->info.flush)
        return submit_flush(l, s);
    if (what < 6)
        return submit_table(l, s);
    if (what < 10 && l->info.discard)
        return submit_discard(l, s);
    if (what < 53)
        return load_submit_write(l, s, first, n);
    return load_submit_read(l, s, first, n);
}
