/* SPDX-License-Identifier: MIT
 *
 * Private to the block frontend.
 *
 * Memory: everything comes from port->alloc_pages when the device is opened.
 * A request record keeps the request as it went onto the ring, in private
 * memory, so that it can be sent again and its answer can be checked.
 */
#ifndef WEIR_FRONTENDS_BLK_BLKFRONT_PRIV_H
#define WEIR_FRONTENDS_BLK_BLKFRONT_PRIV_H

#include "frontends/blk/blkfront.h"
#include "ring/blkif_ring.h"

#define WEIR_BF_AREAS 64
#define WEIR_BF_NONE  0xffffu
/* One page of segments, as many as 1 MiB has pages. */
#define WEIR_BF_SEGS 256u

/* Pages granted for good. */
struct weir_bf_area {
    uint8_t *base;
    unsigned count;
    grant_ref_t *ref; /* one a page */
    unsigned ref_pages;
};

enum weir_bf_state { WEIR_BF_FREE, WEIR_BF_SENT, WEIR_BF_AGAIN };

struct weir_bf_req {
    struct weir_blkfront_io *io;
    uint32_t len;        /* bytes of io this one moves */
    uint16_t next;       /* free list, or list to send again */
    uint16_t generation; /* upper part of the id */
    uint16_t table;      /* page of segments, or none */
    uint16_t bounce;     /* first page of the chain, or none */
    uint8_t state;       /* enum weir_bf_state */
    unsigned vec_at;     /* bounced reads: where the data goes */
    size_t vec_off;
    union weir_blkif_request wire;
};

struct weir_bf_pool {
    struct weir_bf_area area;
    uint16_t *next; /* chain: next page of the same request, or next free */
    uint16_t free;
    unsigned nfree;
};

/* A queue is one thread's: on cache lines of its own. */
struct weir_bf_queue {
    _Alignas(64) struct weir_spinlock lock;
    struct weir_blkfront *bf;
    struct weir_blkif_front_ring ring;
    bool ring_up; /* connected: ring may be used */
    bool hold;    /* poll runs callbacks: push at its end */
    evtchn_port_t evtchn;
    bool has_evtchn;
    volatile uint32_t sleepers; /* on evtchn: it must not be closed */
    void *ring_page[WEIR_RING_MAX_PAGES];
    grant_ref_t ring_ref[WEIR_RING_MAX_PAGES];
    unsigned granted, ring_pages; /* pages there are, and used now */
    struct weir_bf_req *req;
    unsigned nreq;
    uint16_t free_req, again_head, again_tail;
    struct weir_bf_pool bounce, tables;
    struct weir_blkfront_io *head, *tail; /* not, or not wholly, sent */
    unsigned outstanding;
    /* Of the request that is being built: what is computed from segments is
     * never computed from the table that the backend can write to. */
    struct weir_blkif_segment seg[WEIR_BF_SEGS];
};

struct weir_blkfront {
    struct weir_front_dev dev;
    struct weir_port *port;
    struct weir_gnttab *gnttab;
    struct weir_blkfront_config cfg;
    struct weir_blkfront_info info;
    unsigned max_segs; /* of a request */
    unsigned self_pages;
    unsigned nqueues; /* made */
    unsigned live;    /* used with the present backend */
    bool closed;      /* for good */
    bool published;
    struct weir_bf_queue queue[WEIR_BLKFRONT_QUEUES];
    unsigned areas; /* area[] has free ones among the first of them only */
    struct weir_bf_area area[WEIR_BF_AREAS];
};

/* blkfront_mem.c */
int weir_bf_area_new(struct weir_blkfront *bf, struct weir_bf_area *a,
                     unsigned count, bool readonly);
void weir_bf_area_end(struct weir_blkfront *bf, struct weir_bf_area *a);
int weir_bf_pool_new(struct weir_blkfront *bf, struct weir_bf_pool *p,
                     unsigned count, bool readonly);
void weir_bf_pool_end(struct weir_blkfront *bf, struct weir_bf_pool *p);
uint16_t weir_bf_pool_get(struct weir_bf_pool *p);
/* A whole chain. */
void weir_bf_pool_put(struct weir_bf_pool *p, uint16_t first);
/* The area that holds all of data..data+len, or NULL. */
const struct weir_bf_area *weir_bf_find(const struct weir_blkfront *bf,
                                        const void *data, size_t len);
int weir_bf_alloc_table(struct weir_port *port, size_t bytes, void **out,
                        unsigned *pages);

/* blkfront_build.c: fills r->wire with as much of io as fits.  0: no room in
 * the pools now; otherwise the bytes. */
uint32_t weir_bf_build(struct weir_bf_queue *q, struct weir_bf_req *r,
                       struct weir_blkfront_io *io);
/* Bounced read: the data to where it belongs. */
void weir_bf_copy_back(struct weir_bf_queue *q, const struct weir_bf_req *r);

/* I/O that has ended and whose done is to be called without the lock. */
struct weir_bf_done {
    struct weir_blkfront_io *head, **tail;
};

/* blkfront_queue.c */
/* io's request r is over; true when io is. */
bool weir_bf_end_req(struct weir_bf_queue *q, struct weir_bf_req *r,
                     int status);
int weir_bf_call_done(struct weir_bf_queue *q, struct weir_bf_done *done);
void weir_bf_queue_start(struct weir_bf_queue *q);

/* blkfront.c */
int weir_bf_queue_new(struct weir_blkfront *bf, struct weir_bf_queue *q);
void weir_bf_queue_free(struct weir_bf_queue *q);

/* blkfront_conn.c */
/* An event channel, and ring pages where there are too few. */
int weir_bf_queue_up(struct weir_bf_queue *q, unsigned pages);
/* The connection is over; what was sent is to be sent again. */
void weir_bf_queue_down(struct weir_bf_queue *q);
/* It is the last one: the ring pages go too.  Idempotent. */
void weir_bf_queue_end(struct weir_bf_queue *q);
/* No connection will come: all I/O ends with status. */
void weir_bf_queue_abort(struct weir_bf_queue *q, int status);

#endif
