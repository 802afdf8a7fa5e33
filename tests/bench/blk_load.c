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
#include <time.h>

#include "hypervisor/client/process.h"
#include "tests/bench/load.h"

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
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
    static struct load_blk l;
    static struct weir_front_bus bus;
    static struct weir_gnttab gnttab;
    static char out[256];
    const struct weir_blkfront_config cfg = {.poll_bus = true,
                                             .spin_ns = 50000,
                                             .yield = yield,
                                             .ring_order = 1,
                                             .big_requests = LOAD_DEPTH_MAX};
    struct weir_blkfront *bf = NULL;
    struct weir_process *d;
    int err;

    if (argc != 6)
        return 2;
    l.write = argv[1][0] == 'w';
    l.sequential = argv[2][0] == '1';
    l.bytes = (uint32_t)atoi(argv[3]);
    l.depth = (unsigned)atoi(argv[4]);
    l.span_ns = (uint64_t)atoi(argv[5]) * 1000000u;
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
        err = weir_blkfront_open(&bus, 0, &cfg, &bf);
    if (err == 0)
        err = load_blk(&l, weir_process_port(d), bf);
    if (err == 0) {
        printf("IOPS %.1f\n", (double)l.done * 1e9 / (double)l.ns);
        fflush(stdout);
    } else {
        fprintf(stderr, "blk_load: error %d\n", err);
    }
    if (bf != NULL)
        weir_blkfront_close(bf);
    return err != 0;
}
