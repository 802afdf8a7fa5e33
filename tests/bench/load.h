/* SPDX-License-Identifier: MIT
 *
 * Load of benchmarks, freestanding: the same in a process domain (blk_load.c,
 * tests/e2e/net_guest.c) and in a kernel (vm_guest.c).
 */
#ifndef WEIR_TESTS_BENCH_LOAD_H
#define WEIR_TESTS_BENCH_LOAD_H

#include "frontends/blk/blkfront.h"
#include "frontends/net/netfront.h"

#define LOAD_DEPTH_MAX 64

struct load_blk {
    bool write, sequential;
    uint32_t bytes; /* of one I/O */
    unsigned depth; /* in flight */
    uint64_t span_ns;
    /* What came of it. */
    uint64_t done, ns;
    /* private below */
    struct weir_port *port;
    struct weir_blkfront *bf;
    uint64_t rng, blocks, next;
    bool stopping;
    unsigned busy;
    int error;
    struct weir_blkfront_io io[LOAD_DEPTH_MAX];
    struct weir_blkfront_vec vec[LOAD_DEPTH_MAX];
};

int load_blk(struct load_blk *l, struct weir_port *port,
             struct weir_blkfront *bf);

struct load_net {
    struct weir_netfront *nf;
    struct weir_port *port;
    uint32_t size;   /* of frames sent */
    uint8_t to[6];   /* ff:...: everybody */
    uint64_t ns;     /* IN: how long, after a quarter more to warm up; OUT */
    uint64_t frames; /* OUT */
};

/* Sends, or counts what arrives from the first frame on (0 frames: none came
 * in 5 s). */
int load_net_tx(struct load_net *l);
int load_net_rx(struct load_net *l);

#endif
