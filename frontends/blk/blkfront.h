/* SPDX-License-Identifier: MIT
 *
 * Block devices for a guest kernel, freestanding.
 *
 * What happens, for somebody who has never seen Xen: the disk lives in another
 * domain, the backend.  Both share a ring in our memory: we put requests
 * there, the backend answers.  Data travels in our pages too; we tell the
 * backend which ones by *granting* them.  An *event channel* is the interrupt
 * line between the two.  All of that is set up through the *registry*, a small
 * tree of strings (weir_front_bus).  None of it is visible below, except that
 * memory from weir_blkfront_alloc is granted for good and therefore moves
 * without a copy, and any other buffer is copied.
 *
 *     weir_front_bus_open(&bus, port, &gnttab);
 *     weir_blkfront_open(&bus, 0, NULL, &disk);
 *     weir_blkfront_alloc(disk, 1, &page);
 *     io = (struct weir_blkfront_io){.op = WEIR_BLKFRONT_READ, .sector = 0,
 *                                    .vec = &v, .nvec = 1, .done = my_done};
 *     weir_blkfront_submit(disk, 0, &io);
 *     while (!finished)
 *         weir_blkfront_wait(disk, 0, UINT64_MAX);
 *
 * SECTORS ARE 512 BYTES here, always.  sector_size in the info only says which
 * multiples the device accepts: with 4096, sector and length are multiples of
 * 8 sectors.
 *
 * The backend is not trusted: it can refuse service or return wrong data, no
 * more.  An answer that cannot be right closes the device.  While a backend
 * restarts, I/O waits; what was in flight is sent again.
 *
 * Threads: each queue has a lock; done runs without it, on the thread that
 * called poll or wait (or weir_front_bus_poll when the device closes).  open,
 * close, alloc, free: the bus's thread, and no I/O on that memory meanwhile.
 *
 * Errors: negative weir_error.  I/O ends with 0, -WEIR_EIO, -WEIR_EOPNOTSUPP
 * (the backend does not offer it) or -WEIR_ENOTCONN (the device is closed).
 */
#ifndef WEIR_FRONTENDS_BLK_BLKFRONT_H
#define WEIR_FRONTENDS_BLK_BLKFRONT_H

#include "frontends/common/xenbus_front.h"

#define WEIR_BLKFRONT_QUEUES 8

struct weir_blkfront;

struct weir_blkfront_config {
    unsigned queues;       /* wanted; 0: 1 */
    unsigned ring_order;   /* ring of 2^order pages, 0-4; one page holds 32
                              requests */
    unsigned bounce_pages; /* a queue, for buffers not from alloc; 0: 64 */
    unsigned big_requests; /* a queue, of more than 44 KiB at a time; 0: 16 */
    bool no_persistent;    /* do not let the backend keep pages mapped */
    bool poll_bus;         /* wait serves the bus too: domains of one thread */
    uint64_t spin_ns;      /* wait polls so long before it sleeps */
    /* While polling, every few us: give the CPU to others; true: somebody
     * else ran, so sleep.  NULL: nobody else can want it. */
    bool (*yield)(void *context);
    /* The device has another size; on the bus's thread. */
    void (*resized)(void *context, uint64_t sectors);
    void *context; /* for both */
};

struct weir_blkfront_info {
    uint64_t sectors;     /* 512 bytes each */
    uint32_t sector_size; /* bytes */
    uint32_t physical_sector_size;
    uint32_t discard_granularity; /* bytes; 0: no discard */
    unsigned queues;
    unsigned depth;     /* ring slots a queue */
    uint32_t max_bytes; /* of one request on the ring; longer I/O is split */
    bool readonly, cdrom, flush, discard, secure, persistent;
};

enum weir_blkfront_op {
    WEIR_BLKFRONT_READ,
    WEIR_BLKFRONT_WRITE,
    WEIR_BLKFRONT_FLUSH,   /* all writes that ended are on stable storage */
    WEIR_BLKFRONT_DISCARD, /* nsectors may be forgotten */
};

struct weir_blkfront_vec {
    void *data;
    size_t len; /* a multiple of 512 */
};

/* The caller's; it and vec must live, unchanged, until done is called. */
struct weir_blkfront_io {
    enum weir_blkfront_op op;
    bool secure; /* DISCARD: not recoverable */
    uint64_t sector;
    uint64_t nsectors; /* DISCARD alone; otherwise vec says */
    const struct weir_blkfront_vec *vec;
    unsigned nvec;
    /* May submit again, this io too. */
    void (*done)(struct weir_blkfront_io *io, int status);
    void *tag; /* the caller's */
    /* private below */
    struct weir_blkfront_io *next;
    uint64_t len, sent; /* bytes */
    unsigned pending;   /* requests on the ring or waiting for it again */
    int status;
    bool bounce;
    unsigned vec_at; /* where `sent` lies in vec */
    size_t vec_off;
};

/* Device number index of device/vbd (in order of id).  cfg NULL: defaults.
 * Blocks until connected, at most 30 s. */
int weir_blkfront_open(struct weir_front_bus *bus, unsigned index,
                       const struct weir_blkfront_config *cfg,
                       struct weir_blkfront **out);
/* I/O outstanding ends with -WEIR_ENOTCONN.  Memory from alloc is given back
 * as soon as the backend lets go of it. */
void weir_blkfront_close(struct weir_blkfront *bf);
void weir_blkfront_get_info(const struct weir_blkfront *bf,
                            struct weir_blkfront_info *out);

/* count zeroed pages, neighbours, page-aligned, granted to the backend as
 * long as the device is open: the backend can read and write them at any
 * time.  -WEIR_ENOMEM, -WEIR_ENOSPC (grants, or 64 areas in use). */
int weir_blkfront_alloc(struct weir_blkfront *bf, unsigned count, void **first);
/* first as alloc gave it. */
void weir_blkfront_free(struct weir_blkfront *bf, void *first);

/* Never blocks and never fails for want of room: what does not fit waits in
 * order.  -WEIR_EINVAL: not within the device, not whole sectors, a write to a
 * read-only device, not one of info.queues (a backend that starts anew may
 * serve fewer; their I/O ends with -WEIR_EIO).  -WEIR_ENOTCONN,
 * -WEIR_EOPNOTSUPP. */
int weir_blkfront_submit(struct weir_blkfront *bf, unsigned queue,
                         struct weir_blkfront_io *io);
/* The same for n, telling the backend once; stops at the first that is
 * refused: how many were taken, or its error when none. */
int weir_blkfront_submit_many(struct weir_blkfront *bf, unsigned queue,
                              struct weir_blkfront_io *const *io, unsigned n);
/* Calls done for what has ended; how many, or -WEIR_EPROTO, -WEIR_ENOTCONN. */
int weir_blkfront_poll(struct weir_blkfront *bf, unsigned queue);
/* As poll, but waits for at least one; 0: time is over (or, with poll_bus,
 * something happened to the device). */
int weir_blkfront_wait(struct weir_blkfront *bf, unsigned queue,
                       uint64_t timeout_ns);
/* I/O submitted and not ended. */
unsigned weir_blkfront_outstanding(struct weir_blkfront *bf, unsigned queue);
/* For a kernel with an event loop of its own: the queue's event channel, and
 * "wake me": 1 when something has ended already. */
evtchn_port_t weir_blkfront_evtchn(struct weir_blkfront *bf, unsigned queue);
int weir_blkfront_arm(struct weir_blkfront *bf, unsigned queue);

#endif
