/* SPDX-License-Identifier: MIT
 *
 * One exported block device.
 */
#ifndef WEIR_BACKENDS_BLK_VBD_H
#define WEIR_BACKENDS_BLK_VBD_H

#include "backends/blk/engine.h"
#include "backends/blk/request.h"
#include "backends/common/backend.h"
#include "backends/common/limit.h"
#include "ring/barrier.h"

#define WEIR_BLK_QUEUES     8 /* of one device */
#define WEIR_BLK_RING_ORDER 4 /* 16 pages */

struct weir_blk_queue;
struct weir_blk_log_page;
struct weir_blk_log_entry;

/* The config's context: what holds for all devices of the program. */
struct weir_blk_options {
    uint64_t spin_ns;
    /* A request whose pages cannot be mapped for want of room is tried again
     * for so long, then it ends with an error; 0: 30 s. */
    uint64_t room_wait_ns;
    /* Tests: every queue's engine is wrapped in these faults. */
    const struct weir_blk_faults *faults;
    /* Times that a queue was short of room for pages: the quota is one for
     * all, so that idle pages of each queue are given back then. */
    volatile uint32_t shortages;
};

struct weir_vbd {
    struct weir_back_dev back;      /* first: the common code allocates us */
    struct weir_blk_limits lim;     /* but sectors, which changes: */
    volatile uint64_t sectors;      /* 512-byte units; control thread writes */
    uint32_t physical, granularity; /* bytes */
    int fd;                         /* -1: memory */
    int buffered_fd; /* -1: none.  See WEIR_RES_VBD in resource_abi.h */
    uint32_t align_io, align_mem; /* what fd wants: bytes */
    uint8_t *mem;
    uint64_t mem_size;
    bool limited; /* below, under the lock */
    struct weir_spinlock limit_lock;
    struct weir_limit iops, bps;
    unsigned nqueues;
    struct weir_blk_queue *queue[WEIR_BLK_QUEUES];
    /* While connected (inflight.h); ordinary memory where nothing is kept. */
    struct weir_blk_log_page *log;
    struct weir_blk_log_entry *entries[WEIR_BLK_QUEUES];
};

extern const struct weir_back_class weir_vbd_class;

/* The reason, for the error node; returns err. */
int weir_vbd_refuse(struct weir_vbd *v, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
unsigned weir_vbd_max_queues(const struct weir_vbd *v);

/* vbd_connect.c: of the class. */
int weir_vbd_connect(struct weir_back_dev *dev);
void weir_vbd_go(struct weir_back_dev *dev);
void weir_vbd_disconnect(struct weir_back_dev *dev);

/* Reads and writes that cannot go to the engine: buffers or extents finer than
 * the device's alignment (through bounce, WEIR_BLK_BOUNCE bytes, page-aligned),
 * barriers, flushes with data.  Blocks.  0 or -errno. */
#define WEIR_BLK_BOUNCE 65536u
int weir_vbd_slow_rw(struct weir_vbd *v, bool write, const struct iovec *iov,
                     unsigned niov, uint64_t offset, uint8_t *bounce);
int weir_vbd_flush(struct weir_vbd *v);
int weir_vbd_discard(struct weir_vbd *v, uint64_t offset, uint64_t len,
                     bool secure);
/* May the I/O go to fd as it is? */
bool weir_vbd_aligned(const struct weir_vbd *v, const struct iovec *iov,
                      unsigned niov, uint64_t offset);
/* What alignment does fd want?  Finds out by reading; fills align_*. */
int weir_vbd_probe(struct weir_vbd *v);
/* Size in bytes as it is now; -errno. */
int64_t weir_vbd_size(const struct weir_vbd *v);

#endif
