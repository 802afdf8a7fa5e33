/* SPDX-License-Identifier: MIT
 *
 * A block backend that dies at a chosen point and is started again, and a
 * frontend that does not know of it: in one thread, so that a case is the same
 * each time.  Linked with objects built with -DWEIR_CRASH_STEPS.
 */
#ifndef WEIR_TESTS_UNIT_CRASH_RIG_H
#define WEIR_TESTS_UNIT_CRASH_RIG_H

#include "backends/blk/vbd.h"
#include "ring/blkif_ring.h"
#include "ring/grant.h"
#include "tests/unit/crash_case.h"

#define RIG_QUEUES  2
#define RIG_PAGES   40 /* data pages of a queue */
#define RIG_REGIONS 16 /* of a queue's part of the disk */
#define RIG_SPAN    12 /* pages of a region: the longest request */
#define RIG_IDS     128
#define RIG_DISK                                                               \
    ((uint64_t)RIG_QUEUES * RIG_REGIONS * RIG_SPAN * WEIR_PAGE_SIZE)

struct rig_case {
    const char *name;
    unsigned queues, order; /* of the ring's pages */
    bool persistent;
    enum weir_vbd_engine engine;
    struct weir_blk_faults faults; /* how I/Os are delayed */
    unsigned max_maps;             /* of the backend; 0: enough */
    uint64_t iops;
    unsigned requests; /* of each queue */
    uint32_t seed;
    bool again;     /* successors die as well */
    bool early;     /* the frontend does not wait for Connected */
    bool detach;    /* the device is to go, but its frontend has work to do */
    unsigned spoil; /* bytes of what was kept are changed */
};

/* A rig_runner; c: a struct rig_case. */
enum rig_result rig_run(const void *c, uint64_t at, bool quiet);

/* ---- private to the rig: its frontend (crash_front.c) ---- */

struct rig_req {
    bool used;
    uint8_t operation;
    bool writes, reads, discards, flushes, barrier;
    unsigned region, npages;
    uint8_t page[RIG_SPAN];
    int table; /* page of an indirect request, or -1 */
    uint64_t id, order;
};

struct rig_region {
    bool busy;
    uint64_t stamp[RIG_SPAN]; /* of each page; 0: zeros */
};

struct rig_front {
    struct rig *rig;
    unsigned index, npages;
    struct weir_blkif_front_ring ring;
    void *pages[WEIR_RING_MAX_PAGES];
    grant_ref_t ref[WEIR_RING_MAX_PAGES];
    evtchn_port_t evtchn;
    uint8_t *data;
    grant_ref_t data_ref[RIG_PAGES];
    bool busy[RIG_PAGES];
    struct rig_req req[RIG_IDS];
    struct rig_region region[RIG_REGIONS];
    unsigned sent, answered, inflight;
    bool asleep;
};

struct rig {
    bool detached;
    const struct rig_case *c;
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *fport, *bport;
    struct weir_gnttab gnttab;
    uint32_t random;
    int fd;
    struct rig_front front[RIG_QUEUES];
};

static inline uint32_t rig_random(struct rig *r, uint32_t below)
{
    return rig_draw(&r->random, below);
}

static inline void rig_set(struct rig *r, const char *dir, const char *key,
                           const char *value, domid_t owner, domid_t reader)
{
    rig_node(r->store, dir, key, value, owner, reader);
}

void rig_front_open(struct rig *r, unsigned index);
/* Send some; take in answers when notified.  True: something moved. */
bool rig_front_step(struct rig_front *f);
/* The image holds what was written last. */
void rig_front_verify(struct rig_front *f);

#endif
