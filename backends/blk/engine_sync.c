/* SPDX-License-Identifier: MIT
 *
 * Engines that are done when submit returns: preadv/pwritev, which wins on
 * devices that complete at once (RAM), and plain memory.
 */
#include "backends/blk/engine.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ring/checked.h"

static void done_at_once(struct weir_blk_engine *e, struct weir_blk_io *io)
{
    io->next = NULL;
    if (e->done == NULL)
        e->done_tail = &e->done;
    *e->done_tail = io;
    e->done_tail = &io->next;
    e->inflight++;
}

static unsigned sync_reap(struct weir_blk_engine *e, struct weir_blk_io **done,
                          unsigned max)
{
    unsigned n = 0;

    while (n < max && e->done != NULL) {
        done[n++] = e->done;
        e->done = e->done->next;
    }
    e->inflight -= n;
    return n;
}

static bool sync_arm(struct weir_blk_engine *e, uint64_t *nap_ns)
{
    *nap_ns = 0;
    return e->done != NULL;
}

static void sync_woke(struct weir_blk_engine *e)
{
    (void)e;
}

static int64_t transfer(const struct weir_blk_engine *e,
                        const struct weir_blk_io *io)
{
    off_t at = (off_t)io->offset;
    ssize_t n;

    do {
        if (io->op == WEIR_BLK_IO_SYNC)
            n = fdatasync(e->fd);
        else if (io->op == WEIR_BLK_IO_READ)
            n = preadv(e->fd, io->iov, (int)io->niov, at);
        else
            n = pwritev(e->fd, io->iov, (int)io->niov, at);
    } while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : n;
}

static int sync_submit(struct weir_blk_engine *e, struct weir_blk_io **io,
                       unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        io[i]->result = transfer(e, io[i]);
        done_at_once(e, io[i]);
    }
    return (int)n;
}

static int64_t copy(const struct weir_blk_engine *e,
                    const struct weir_blk_io *io)
{
    uint64_t at = io->offset;

    if (io->op == WEIR_BLK_IO_SYNC)
        return 0;
    if (!weir_in_range(at, io->len, e->mem_size))
        return -EIO;
    for (unsigned i = 0; i < io->niov; i++) {
        size_t len = io->iov[i].iov_len;

        if (io->op == WEIR_BLK_IO_READ)
            memcpy(io->iov[i].iov_base, e->mem + at, len);
        else
            memcpy(e->mem + at, io->iov[i].iov_base, len);
        at += len;
    }
    return (int64_t)io->len;
}

static int memory_submit(struct weir_blk_engine *e, struct weir_blk_io **io,
                         unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        io[i]->result = copy(e, io[i]);
        done_at_once(e, io[i]);
    }
    return (int)n;
}

static const struct weir_blk_engine_ops sync_ops = {
    .name = "sync",
    .submit = sync_submit,
    .reap = sync_reap,
    .arm = sync_arm,
    .woke = sync_woke,
};

static const struct weir_blk_engine_ops memory_ops = {
    .name = "memory",
    .submit = memory_submit,
    .reap = sync_reap,
    .arm = sync_arm,
    .woke = sync_woke,
};

void weir_blk_engine_sync(struct weir_blk_engine *e, int fd)
{
    memset(e, 0, sizeof(*e));
    e->ops = &sync_ops;
    e->fd = fd;
    e->event_fd = -1;
}

void weir_blk_engine_memory(struct weir_blk_engine *e, void *mem, uint64_t size)
{
    memset(e, 0, sizeof(*e));
    e->ops = &memory_ops;
    e->fd = -1;
    e->event_fd = -1;
    e->mem = mem;
    e->mem_size = size;
}

int weir_blk_sync_all(int fd, bool write, const struct iovec *iov,
                      unsigned niov, uint64_t offset, uint64_t skip)
{
    for (unsigned i = 0; i < niov; i++) {
        size_t at = 0;

        if (skip >= iov[i].iov_len) {
            skip -= iov[i].iov_len;
            offset += iov[i].iov_len;
            continue;
        }
        at = (size_t)skip;
        offset += skip;
        skip = 0;
        while (at < iov[i].iov_len) {
            uint8_t *p = (uint8_t *)iov[i].iov_base + at;
            size_t len = iov[i].iov_len - at;
            ssize_t n = write ? pwrite(fd, p, len, (off_t)offset)
                              : pread(fd, p, len, (off_t)offset);

            if (n < 0 && errno == EINTR)
                continue;
            if (n <= 0)
                return n < 0 ? -errno : -EIO;
            at += (size_t)n;
            offset += (size_t)n;
        }
    }
    return 0;
}
