/* SPDX-License-Identifier: MIT
 *
 * blk_load OP SEQUENTIAL BYTES DEPTH MS: a guest that keeps DEPTH I/Os of BYTES
 * in flight on its first disk for MS milliseconds and prints "IOPS number".
 * OP is r or w; SEQUENTIAL is 0 or 1.
 */
#include <malloc.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "frontends/blk/blkfront.h"
#include "hypervisor/client/process.h"

#define DEPTH_MAX 64

struct load {
    struct weir_blkfront *bf;
    uint64_t rng, blocks, next, done, stop;
    uint32_t sectors;
    bool sequential, stopping;
    unsigned busy;
    int error;
    struct weir_blkfront_io io[DEPTH_MAX];
    struct weir_blkfront_vec vec[DEPTH_MAX];
};

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t next_block(struct load *l)
{
    if (l->sequential)
        return l->next++ % l->blocks;
    l->rng ^= l->rng << 13;
    l->rng ^= l->rng >> 7;
    l->rng ^= l->rng << 17;
    return l->rng % l->blocks;
}

static void submit(struct load *l, struct weir_blkfront_io *io)
{
    int err;

    io->sector = next_block(l) * l->sectors;
    err = weir_blkfront_submit(l->bf, 0, io);
    if (err != 0)
        l->error = err;
    else
        l->busy++;
}

static void ended(struct weir_blkfront_io *io, int status)
{
    struct load *l = io->tag;

    l->busy--;
    l->done++;
    if (status != 0)
        l->error = status;
    if (!l->stopping && l->error == 0)
        submit(l, io);
}

static int run(struct load *l, char **argv)
{
    uint32_t bytes = (uint32_t)atoi(argv[3]);
    unsigned depth = (unsigned)atoi(argv[4]);
    uint64_t t0, t1, span = (uint64_t)atoi(argv[5]) * 1000000u;
    struct weir_blkfront_info in;
    uint8_t *buf;
    int err;

    weir_blkfront_get_info(l->bf, &in);
    l->sectors = bytes / 512;
    l->blocks = in.sectors / l->sectors;
    l->sequential = argv[2][0] == '1';
    err = weir_blkfront_alloc(l->bf, depth * ((bytes + 4095) / 4096),
                              (void **)&buf);
    if (err != 0)
        return err;
    t0 = now_ns();
    for (unsigned i = 0; i < depth; i++) {
        l->vec[i] = (struct weir_blkfront_vec){buf + (size_t)i * bytes, bytes};
        l->io[i] = (struct weir_blkfront_io){
            .op = argv[1][0] == 'w' ? WEIR_BLKFRONT_WRITE : WEIR_BLKFRONT_READ,
            .vec = &l->vec[i],
            .nvec = 1,
            .done = ended,
            .tag = l};
        submit(l, &l->io[i]);
    }
    while (l->busy > 0) {
        int n = weir_blkfront_wait(l->bf, 0, 5000000000u);

        if (n < 0)
            return n;
        if (now_ns() - t0 >= span)
            l->stopping = true;
    }
    t1 = now_ns();
    printf("IOPS %.1f\n", (double)l->done * 1e9 / (double)(t1 - t0));
    fflush(stdout);
    return l->error;
}

static bool yield(void *context)
{
    uint64_t t0 = now_ns();

    (void)context;
    sched_yield();
    return now_ns() - t0 > 30000;
}

int main(int argc, char **argv)
{
    static struct load l = {.rng = 88172645463325252u};
    static struct weir_front_bus bus;
    static struct weir_gnttab gnttab;
    static char out[256];
    const struct weir_blkfront_config cfg = {.poll_bus = true,
                                             .spin_ns = 50000,
                                             .yield = yield,
                                             .ring_order = 1,
                                             .big_requests = DEPTH_MAX};
    struct weir_process *d;
    int err;

    if (argc != 6 || atoi(argv[4]) > DEPTH_MAX)
        return 2;
    setvbuf(stdout, out, _IOFBF, sizeof(out));
    mallopt(M_ARENA_MAX, 1);
    err = weir_process_open(WEIR_FD_HV, &d);
    if (err == 0)
        err = weir_process_seal(
            d, 0, (unsigned)strtoul(getenv("WEIR_UID") ?: "0", NULL, 10),
            (unsigned)strtoul(getenv("WEIR_GID") ?: "0", NULL, 10));
    if (err == 0)
        err = weir_gnttab_init(&gnttab, weir_process_port(d));
    if (err == 0)
        err = weir_front_bus_open(&bus, weir_process_port(d), &gnttab);
    if (err == 0)
        err = weir_blkfront_open(&bus, 0, &cfg, &l.bf);
    if (err == 0)
        err = run(&l, argv);
    if (err != 0)
        fprintf(stderr, "blk_load: error %d\n", err);
    if (l.bf != NULL)
        weir_blkfront_close(l.bf);
    return err != 0;
}
