/* SPDX-License-Identifier: MIT
 *
 * For unit tests: the block backend as domain 2, its control loop in a thread,
 * and domain 5 for a frontend, on the fake machine and the fake registry.
 * What fails here fails the test.
 */
#ifndef WEIR_TESTS_UNIT_BLK_WORLD_H
#define WEIR_TESTS_UNIT_BLK_WORLD_H

#include <pthread.h>

#include "backends/blk/vbd.h"
#include "backends/common/qthread.h"
#include "frontends/blk/blkfront.h"
#include "ring/blkif_ring.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

#define BLK_BACK  2
#define BLK_FRONT 5
#define BLK_DEVID 51712
#define BLK_FPATH "/local/domain/5/device/vbd/51712"
#define BLK_BPATH "/local/domain/2/backend/vbd/5/51712"

struct blk_world {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *fport, *bport;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct weir_xs bxs;
    struct weir_stats_page *stats;
    struct weir_qpool *pool;
    struct weir_backend *be;
    struct weir_blk_options options;
    pthread_t thread;
    bool running, joined; /* the backend; its thread, by the test */
    char path[64];        /* of the image, when there is one */
    int fd;
};

/* Where images are made: "/tmp". */
extern const char *blk_world_dir;

/* res: vbd part; size in bytes.  A file is made for engines that need one;
 * faults may be NULL. */
void blk_world_start(struct blk_world *w, const struct weir_resource *res,
                     const struct weir_blk_faults *faults);
/* Checks that nothing leaked. */
void blk_world_stop(struct blk_world *w);
void blk_world_stop_backend(struct blk_world *w);
void blk_world_start_backend(struct blk_world *w,
                             const struct weir_resource *res);
/* The backend's process ends and another one starts on the same device. */
void blk_world_restart_backend(struct blk_world *w,
                               const struct weir_resource *res);
/* Fails the test unless the node gets this value within 5 s. */
void blk_world_expect(struct blk_world *w, const char *path, const char *value);
struct weir_resource blk_resource(enum weir_vbd_engine engine, uint64_t size);

/* A frontend that obeys nothing but this test: one ring, one data page. */
struct raw_front {
    struct blk_world *w;
    struct weir_blkif_front_ring ring;
    void *pages[WEIR_RING_MAX_PAGES];
    grant_ref_t ref[WEIR_RING_MAX_PAGES];
    unsigned npages;
    uint8_t *data;
    grant_ref_t data_ref, ro_ref;
    evtchn_port_t evtchn;
};

/* Publishes and goes to Initialised; the backend then connects. */
void raw_open(struct blk_world *w, struct raw_front *f, unsigned order,
              bool persistent);
void raw_close(struct raw_front *f);
/* Sends one request, waits for its answer (5 s), returns the status. */
int raw_do(struct raw_front *f, union weir_blkif_request *req);
void raw_send(struct raw_front *f, const union weir_blkif_request *req);
/* 1 and *rsp, 0 none came within ms, negative: the ring is broken. */
int raw_get(struct raw_front *f, struct weir_blkif_response *rsp, unsigned ms);
/* A read or write of the data page's first n sectors. */
union weir_blkif_request raw_rw(struct raw_front *f, uint8_t op,
                                uint64_t sector, unsigned n);

#endif
