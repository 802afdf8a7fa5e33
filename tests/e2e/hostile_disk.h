/* SPDX-License-Identifier: MIT
 *
 * For hostile tests: a block frontend that obeys nobody.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_DISK_H
#define WEIR_TESTS_E2E_HOSTILE_DISK_H

#include "ring/blkif_ring.h"
#include "tests/e2e/hostile_dom.h"

#define DISK_PAGES 32 /* of data */

struct disk {
    struct hostile *h;
    struct hostile_dev dev;
    struct weir_blkif_front_ring ring;
    void *ring_page[WEIR_RING_MAX_PAGES];
    grant_ref_t ring_ref[WEIR_RING_MAX_PAGES];
    evtchn_port_t evtchn;
    uint8_t *data; /* DISK_PAGES pages */
    grant_ref_t ref[DISK_PAGES];
    grant_ref_t ro_ref;    /* data[0], read-only */
    grant_ref_t other_ref; /* data[0], to the registry's domain */
    uint64_t sectors;
};

/* Memory, grants, event channel; nothing is published. */
void disk_open(struct hostile *h, struct disk *d, unsigned devid);
/* What a good frontend writes, without the state. */
void disk_nodes(struct disk *d, unsigned order);
/* Publishes a ring of 2^order pages and waits until both are Connected. */
void disk_connect(struct disk *d, unsigned order);
void disk_reconnect(struct disk *d);
/* Closed on both sides, everything ungranted. */
void disk_close(struct disk *d);

volatile struct weir_sring_header *disk_header(struct disk *d);
void disk_send(struct disk *d, const union weir_blkif_request *r);
/* 1, 0 after ms, negative: broken. */
int disk_get(struct disk *d, struct weir_blkif_response *rsp, unsigned ms);
/* Sends one, waits for its answer, checks everything but the status. */
int disk_do(struct disk *d, union weir_blkif_request *r);
union weir_blkif_request disk_rw(struct disk *d, uint8_t op, uint64_t sector,
                                 unsigned nsectors);
/* A page goes out and comes back. */
void disk_works(struct disk *d);

#endif
