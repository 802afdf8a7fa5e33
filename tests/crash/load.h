/* SPDX-License-Identifier: MIT
 *
 * The guest that must not notice: its I/Os, and what it knows of each sector.
 */
#ifndef WEIR_TESTS_CRASH_LOAD_H
#define WEIR_TESTS_CRASH_LOAD_H

#include "frontends/blk/blkfront.h"
#include "tests/crash/sector.h"

#define LOAD_SLOTS   32
#define LOAD_BYTES   (256u << 10) /* of the longest I/O */
#define LOAD_SECTORS (LOAD_BYTES / CRASH_SECTOR)
#define LOAD_GAPS    8192
#define LOAD_HUNG_NS 10000000000u

enum load_kind {
    LOAD_READ,
    LOAD_WRITE,
    LOAD_FLUSH,
    LOAD_DISCARD,
    LOAD_TABLE,   /* what flushes have covered, for the host */
    LOAD_MAILBOX, /* what the host says */
};

/* A data sector.  At most one write or discard of it is under way. */
struct load_sector {
    uint32_t acked;  /* last write that was answered */
    uint32_t lo, hi; /* nothing older may be read any more; last one sent */
    bool locked;     /* write or discard under way */
    bool zero;       /* discarded since `acked`, or about to be */
};

struct load_slot {
    struct weir_blkfront_io io;
    struct weir_blkfront_vec vec;
    uint8_t *buf;
    bool busy;
    enum load_kind kind;
    uint64_t since_ns;
    uint64_t first, n;         /* data sectors, counted from the first */
    uint32_t lo[LOAD_SECTORS]; /* READ: as it was when it was sent */
    bool zero[LOAD_SECTORS];   /* READ: zeros may be seen */
};

struct load_gap {
    uint64_t start_ns, end_ns;
};

struct load {
    struct weir_port *port;
    struct weir_front_bus *bus;
    struct weir_blkfront *bf;
    struct weir_blkfront_info info;
    struct crash_layout at;
    evtchn_port_t evtchn[WEIR_BLKFRONT_QUEUES];
    uint64_t rng;
    unsigned max_sectors, unit; /* of an I/O; each is a multiple of unit */
    bool stop;                  /* the host said so, or it is of no use */
    unsigned busy;
    struct load_slot slot[LOAD_SLOTS];
    struct load_sector *sector;
    /* Flushes: what the one under way covers, what is covered. */
    uint32_t *covers, *stable;
    bool flushing, telling, asking;
    uint64_t version, asked_ns;
    uint64_t last_ns; /* a completion */
    unsigned gaps;
    struct load_gap gap[LOAD_GAPS];
    uint64_t ios, bytes, flushes, discards;
    uint64_t lost, doubled, corrupted, hung, failed, noticed;
};

uint64_t load_now(void);
uint64_t load_random(struct load *l, uint64_t below);
/* Names the first few faults. */
__attribute__((format(printf, 3, 4))) void
load_fault(struct load *l, uint64_t *count, const char *fmt, ...);

/* load_check.c: the slot's READ is answered. */
void load_check(struct load *l, const struct load_slot *s);

/* load_io.c: 0, or an error of the frontend. */
int load_submit(struct load *l, struct load_slot *s);
int load_submit_read(struct load *l, struct load_slot *s, uint64_t first,
                     uint64_t n);
/* Nothing when a sector of it is being written. */
int load_submit_write(struct load *l, struct load_slot *s, uint64_t first,
                      uint64_t n);

#endif
