/* SPDX-License-Identifier: MIT */
#include "tests/bench/load.h"

#include "ring/error.h"

#define STALL_NS UINT64_C(5000000000)

static uint64_t next_block(struct load_blk *l)
{
    if (l->sequential)
        return l->next++ % l->blocks;
    l->rng ^= l->rng << 13;
    l->rng ^= l->rng >> 7;
    l->rng ^= l->rng << 17;
    return l->rng % l->blocks;
}

static void submit(struct load_blk *l, struct weir_blkfront_io *io)
{
    int err;

    io->sector = next_block(l) * (l->bytes / 512);
    err = weir_blkfront_submit(l->bf, 0, io);
    if (err != 0)
        l->error = err;
    else
        l->busy++;
}

static void ended(struct weir_blkfront_io *io, int status)
{
    struct load_blk *l = io->tag;

    l->busy--;
    l->done++;
    if (status != 0)
        l->error = status;
    if (!l->stopping && l->error == 0)
        submit(l, io);
}

static int prepare(struct load_blk *l, uint8_t **buf)
{
    struct weir_blkfront_info in;

    if (l->depth > LOAD_DEPTH_MAX || l->bytes < 512)
        return -WEIR_EINVAL;
    weir_blkfront_get_info(l->bf, &in);
    l->blocks = in.sectors / (l->bytes / 512);
    if (l->blocks == 0)
        return -WEIR_ENOSPC;
    return weir_blkfront_alloc(l->bf, l->depth * ((l->bytes + 4095) / 4096),
                               (void **)buf);
}

int load_blk(struct load_blk *l, struct weir_port *port,
             struct weir_blkfront *bf)
{
    uint64_t t0;
    uint8_t *buf;
    int err;

    l->port = port;
    l->bf = bf;
    l->rng = UINT64_C(88172645463325252);
    err = prepare(l, &buf);
    if (err != 0)
        return err;
    t0 = port->ops->now_ns(port);
    for (unsigned i = 0; i < l->depth; i++) {
        l->vec[i] =
            (struct weir_blkfront_vec){buf + (size_t)i * l->bytes, l->bytes};
        l->io[i] = (struct weir_blkfront_io){
            .op = l->write ? WEIR_BLKFRONT_WRITE : WEIR_BLKFRONT_READ,
            .vec = &l->vec[i],
            .nvec = 1,
            .done = ended,
            .tag = l};
        submit(l, &l->io[i]);
    }
    while (l->busy > 0) {
        int n = weir_blkfront_wait(bf, 0, STALL_NS);

        if (n < 0)
            return n;
        l->ns = port->ops->now_ns(port) - t0;
        if (l->ns >= l->span_ns)
            l->stopping = true;
    }
    return l->error;
}
