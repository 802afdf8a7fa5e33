/* SPDX-License-Identifier: MIT
 *
 * blk_check [--seconds N] [--seed N] [--queues N]: a process domain that
 * writes, reads and flushes its first disk at random, at queue depths 1 to 64
 * and sizes 512 bytes to 1 MiB, and checks every sector it reads against what
 * it wrote last.  Half of the buffers are granted, half are copied.  Exit 0
 * when everything was right; otherwise the sector is named.
 */
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontends/blk/blkfront.h"
#include "hypervisor/client/process.h"

#define DEPTH_MAX 64
#define SIZE_MAX_ (1u << 20)
#define SECTOR    512u
#define GRANTED   32 /* slots with granted buffers; the others are bounced */
#define PHASE_IOS 500

struct slot {
    struct weir_blkfront_io io;
    struct weir_blkfront_vec vec;
    uint8_t *buf;
    bool busy;
};

struct check {
    struct weir_blkfront *bf;
    struct weir_blkfront_info info;
    uint64_t rng;
    uint32_t *generation; /* of each sector; 0: never written */
    uint8_t *locked;      /* sector is part of an I/O in flight */
    struct slot slot[DEPTH_MAX];
    unsigned busy;
    uint64_t ios, bytes, mismatches, errors;
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t next_random(struct check *c)
{
    c->rng ^= c->rng << 13;
    c->rng ^= c->rng >> 7;
    c->rng ^= c->rng << 17;
    return c->rng;
}

static uint64_t word(uint64_t sector, uint32_t generation, unsigned i)
{
    uint64_t x = sector * 0x9e3779b97f4a7c15u ^
                 (uint64_t)generation * 0xc2b2ae3d27d4eb4fu;

    return x + i * 0x165667b19e3779f9u;
}

static void make_sector(uint8_t *p, uint64_t sector, uint32_t generation)
{
    for (unsigned i = 0; i < SECTOR / 8; i++) {
        uint64_t w = generation == 0 ? 0 : word(sector, generation, i);

        memcpy(p + i * 8, &w, 8);
    }
}

static void check_sector(struct check *c, const uint8_t *p, uint64_t sector)
{
    uint8_t want[SECTOR];

    make_sector(want, sector, c->generation[sector]);
    if (memcmp(p, want, SECTOR) == 0)
        return;
    if (c->mismatches++ < 10)
        fprintf(stderr, "blk_check: MISMATCH in sector %llu, write number %u\n",
                (unsigned long long)sector, c->generation[sector]);
}

static void done(struct weir_blkfront_io *io, int status)
{
    struct check *c = io->tag;
    struct slot *s = (struct slot *)(void *)io;

    s->busy = false;
    c->busy--;
    c->ios++;
    if (status != 0) {
        c->errors++;
        fprintf(stderr, "blk_check: operation %d at %llu: error %d\n", io->op,
                (unsigned long long)io->sector, status);
    }
    if (io->op == WEIR_BLKFRONT_FLUSH)
        return;
    c->bytes += io->len;
    for (uint64_t i = 0; i < io->nsectors; i++) {
        c->locked[io->sector + i] = 0;
        if (io->op == WEIR_BLKFRONT_READ && status == 0)
            check_sector(c, s->buf + i * SECTOR, io->sector + i);
    }
}

static bool lock(struct check *c, uint64_t sector, uint64_t n)
{
    if (memchr(c->locked + sector, 1, n) != NULL)
        return false;
    memset(c->locked + sector, 1, n);
    return true;
}

/* Small ones are the most frequent, as in life. */
static uint64_t random_sectors(struct check *c)
{
    unsigned unit = c->info.sector_size / SECTOR;
    uint64_t r = next_random(c) % 100, max = SIZE_MAX_ / SECTOR;
    uint64_t n = r < 40   ? 8
                 : r < 60 ? 1 + next_random(c) % 8
                 : r < 95 ? 1 + next_random(c) % 256
                          : 1 + next_random(c) % max;

    n = n / unit * unit;
    return n == 0 ? unit : n;
}

static int submit(struct check *c, struct slot *s)
{
    uint64_t n = random_sectors(c), sector, unit = c->info.sector_size / SECTOR;
    unsigned what = (unsigned)(next_random(c) % 100);
    int err;

    if (n > c->info.sectors)
        n = unit;
    sector = next_random(c) % (c->info.sectors - n + 1) / unit * unit;
    memset(&s->io, 0, sizeof(s->io));
    s->io.done = done;
    s->io.tag = c;
    s->io.op = what < 2    ? WEIR_BLKFRONT_FLUSH
               : what < 51 ? WEIR_BLKFRONT_WRITE
                           : WEIR_BLKFRONT_READ;
    if (s->io.op != WEIR_BLKFRONT_FLUSH) {
        if (!lock(c, sector, n))
            return 0;
        s->io.sector = sector;
        s->vec.data = s->buf;
        s->vec.len = n * SECTOR;
        s->io.vec = &s->vec;
        s->io.nvec = 1;
    }
    if (s->io.op == WEIR_BLKFRONT_WRITE)
        for (uint64_t i = 0; i < n; i++)
            make_sector(s->buf + i * SECTOR, sector + i,
                        ++c->generation[sector + i]);
    else if (s->io.op == WEIR_BLKFRONT_READ)
        memset(s->buf, 0xa5, s->vec.len);
    s->busy = true;
    c->busy++;
    err = weir_blkfront_submit(
        c->bf, (unsigned)(next_random(c) % c->info.queues), &s->io);
    if (err != 0)
        fprintf(stderr, "blk_check: submit: error %d\n", err);
    return err;
}

static int serve(struct check *c)
{
    int n = 0;

    if (c->info.queues == 1)
        return weir_blkfront_wait(c->bf, 0, 10000000000u);
    for (unsigned q = 0; q < c->info.queues && n >= 0; q++)
        n = weir_blkfront_poll(c->bf, q);
    sched_yield();
    return n;
}

static int drain(struct check *c)
{
    uint64_t last = now_ns(), ios = c->ios;

    while (c->busy > 0) {
        int n = serve(c);

        if (n < 0)
            return n;
        if (c->ios != ios) {
            ios = c->ios;
            last = now_ns();
        }
        if (now_ns() - last > 20000000000u) {
            fprintf(stderr, "blk_check: %u I/Os do not end\n", c->busy);
            return -ETIMEDOUT;
        }
    }
    return 0;
}

/* A number of I/Os at one depth. */
static int phase(struct check *c)
{
    unsigned depth = 1 + (unsigned)(next_random(c) % DEPTH_MAX), sent = 0;
    int err = 0;

    while (sent < PHASE_IOS && err >= 0) {
        for (unsigned i = 0; i < DEPTH_MAX && c->busy < depth && err >= 0; i++)
            if (!c->slot[i].busy) {
                err = submit(c, &c->slot[i]);
                sent++;
            }
        if (err >= 0)
            err = serve(c);
    }
    return err < 0 ? err : drain(c);
}

/* Everything once more, in order. */
static int verify_all(struct check *c)
{
    struct slot *s = &c->slot[0];
    uint64_t step = SIZE_MAX_ / SECTOR;

    for (uint64_t at = 0; at < c->info.sectors; at += step) {
        int err;

        if (step > c->info.sectors - at)
            step = c->info.sectors - at;
        s->vec = (struct weir_blkfront_vec){s->buf, step * SECTOR};
        s->io = (struct weir_blkfront_io){.op = WEIR_BLKFRONT_READ,
                                          .sector = at,
                                          .vec = &s->vec,
                                          .nvec = 1,
                                          .done = done,
                                          .tag = c};
        c->busy++;
        err = weir_blkfront_submit(c->bf, 0, &s->io);
        if (err == 0)
            err = drain(c);
        if (err != 0)
            return err;
    }
    return 0;
}

static int run(struct check *c, uint64_t seconds)
{
    uint64_t end = now_ns() + seconds * 1000000000u;
    uint8_t *granted;
    int err;

    weir_blkfront_get_info(c->bf, &c->info);
    c->generation = calloc(c->info.sectors, sizeof(c->generation[0]));
    c->locked = calloc(c->info.sectors, 1);
    err = weir_blkfront_alloc(c->bf, GRANTED * (SIZE_MAX_ / WEIR_PAGE_SIZE),
                              (void **)&granted);
    if (err != 0 || c->generation == NULL || c->locked == NULL)
        return -ENOMEM;
    for (unsigned i = 0; i < DEPTH_MAX; i++) {
        struct slot *s = &c->slot[i];

        /* Odd addresses: those cannot be granted. */
        s->buf = i % 2 == 0 ? granted + i / 2 * (size_t)SIZE_MAX_
                            : (uint8_t *)malloc(SIZE_MAX_ + 8) + 1;
    }
    while (err == 0 && now_ns() < end && c->mismatches == 0)
        err = phase(c);
    if (err == 0)
        err = verify_all(c);
    printf("blk_check: %llu I/Os, %llu MiB, %llu mismatches, %llu errors\n",
           (unsigned long long)c->ios, (unsigned long long)(c->bytes >> 20),
           (unsigned long long)c->mismatches, (unsigned long long)c->errors);
    fflush(stdout);
    return err;
}

static bool yield(void *context)
{
    uint64_t t0 = now_ns();

    (void)context;
    sched_yield();
    return now_ns() - t0 > 30000;
}

static uint64_t option(int argc, char **argv, const char *name, uint64_t dflt)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return dflt;
}

int main(int argc, char **argv)
{
    static struct check c;
    static struct weir_front_bus bus;
    static struct weir_gnttab gnttab;
    static char out[1024];
    struct weir_blkfront_config cfg = {
        .poll_bus = true,
        .spin_ns = 50000,
        .yield = yield,
        .ring_order = 1,
        .queues = (unsigned)option(argc, argv, "--queues", 1)};
    struct weir_process *d;
    struct weir_port *port;
    int err;

    setvbuf(stdout, out, _IOFBF, sizeof(out));
    mallopt(M_ARENA_MAX, 1);
    c.rng = option(argc, argv, "--seed", 1) * 0x9e3779b97f4a7c15u | 1;
    err = weir_process_open(WEIR_FD_HV, &d);
    if (err == 0)
        err = weir_process_seal(
            d, 0, (unsigned)strtoul(getenv("WEIR_UID") ?: "0", NULL, 10),
            (unsigned)strtoul(getenv("WEIR_GID") ?: "0", NULL, 10));
    if (err != 0) {
        fprintf(stderr, "blk_check: start: error %d\n", err);
        return 2;
    }
    port = weir_process_port(d);
    err = weir_gnttab_init(&gnttab, port);
    if (err == 0)
        err = weir_front_bus_open(&bus, port, &gnttab);
    if (err == 0)
        err = weir_blkfront_open(&bus, 0, &cfg, &c.bf);
    if (err == 0)
        err = run(&c, option(argc, argv, "--seconds", 5));
    if (err != 0)
        fprintf(stderr, "blk_check: error %d\n", err);
    if (c.bf != NULL)
        weir_blkfront_close(c.bf);
    return err != 0 || c.mismatches != 0 || c.errors != 0;
}
