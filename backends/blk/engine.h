/* SPDX-License-Identifier: MIT
 *
 * Block engines: how a queue's I/O reaches the device.  One engine belongs to
 * one queue and is used by its thread alone.  I/O is in bytes here; requests
 * have been validated and their pages are mapped and stay mapped until reap
 * has given the I/O back.
 */
#ifndef WEIR_BACKENDS_BLK_ENGINE_H
#define WEIR_BACKENDS_BLK_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#define WEIR_BLK_ENGINE_DEPTH                                                  \
    512 /* I/Os in flight at most: the longest ring                            \
         */

enum weir_blk_io_op { WEIR_BLK_IO_READ, WEIR_BLK_IO_WRITE, WEIR_BLK_IO_SYNC };

struct weir_blk_io {
    enum weir_blk_io_op op;
    unsigned niov;
    const struct iovec *iov;  /* valid until reaped */
    uint64_t offset, len;     /* bytes on the device */
    int64_t result;           /* OUT: bytes moved, or -errno */
    struct weir_blk_io *next; /* private to the engine */
    uint64_t room[8];         /* private to the engine */
};

struct weir_blk_engine;

struct weir_blk_engine_ops {
    const char *name;
    /* Hand over n I/Os: how many were taken (0: try again after a reap), or
     * -errno, which concerns io[0] alone. */
    int (*submit)(struct weir_blk_engine *e, struct weir_blk_io **io,
                  unsigned n);
    /* Finished ones, up to max. */
    unsigned (*reap)(struct weir_blk_engine *e, struct weir_blk_io **done,
                     unsigned max);
    /* Before sleeping: true when something is finished.  Otherwise event_fd
     * becomes readable at the next end, or *nap_ns says how long one may
     * sleep at most (0: as long as one likes). */
    bool (*arm)(struct weir_blk_engine *e, uint64_t *nap_ns);
    /* Slept: take event_fd's readiness away. */
    void (*woke)(struct weir_blk_engine *e);
};

struct weir_blk_engine {
    const struct weir_blk_engine_ops *ops;
    int fd;       /* the device */
    int event_fd; /* -1: none */
    unsigned inflight;
    struct weir_blk_io *done, **done_tail; /* finished at once */
    uint8_t *mem; /* memory engine: the device itself */
    uint64_t mem_size;
    void *aio;           /* libaio engine: the queue thread's context */
    unsigned plain;      /* in flight without an eventfd */
    unsigned with_event; /* so many more submissions are to have one */
    struct weir_blk_engine *inner; /* fault engine: what it wraps */
    struct weir_blk_faults *faults;
};

/* The kernel's context of a queue thread: made before the seal.  Signatures
 * as weir_qpool_new wants them. */
int weir_blk_aio_prepare(void **context);
void weir_blk_aio_unprepare(void *context);
/* Use context's completion ring, or the system call when user_ring is false
 * or the ring does not look as known. */
void weir_blk_engine_aio(struct weir_blk_engine *e, void *context, int fd,
                         bool user_ring);
void weir_blk_engine_sync(struct weir_blk_engine *e, int fd);
/* mem lives as long as the engine. */
void weir_blk_engine_memory(struct weir_blk_engine *e, void *mem,
                            uint64_t size);

/* Tests: every Nth I/O (0: none) ends otherwise than it should. */
struct weir_blk_faults {
    unsigned error_every; /* -EIO, device untouched */
    unsigned short_every; /* half of the bytes are moved */
    unsigned delay_every; /* ended only delay reaps later */
    unsigned delay;
    unsigned refuse_every; /* submit takes nothing this time */
    /* private */
    unsigned count, calls;
    struct weir_blk_io *late;
    unsigned late_left;
};
void weir_blk_engine_fault(struct weir_blk_engine *e,
                           struct weir_blk_engine *inner,
                           struct weir_blk_faults *faults);

/* All of it, or -errno; 0 bytes moved is the end of a shrunk file: -EIO. */
int weir_blk_sync_all(int fd, bool write, const struct iovec *iov,
                      unsigned niov, uint64_t offset, uint64_t skip);

#endif
