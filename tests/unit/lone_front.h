/* SPDX-License-Identifier: MIT
 *
 * For unit tests: a block frontend as domain 5 whose backend, domain 2, is the
 * test itself, on the fake machine and the fake registry.  What fails here
 * fails the test.
 */
#ifndef WEIR_TESTS_UNIT_LONE_FRONT_H
#define WEIR_TESTS_UNIT_LONE_FRONT_H

#include "tests/unit/blk_world.h"

struct lone_front {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *fport, *bport;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct weir_blkfront *bf; /* the test opens it */
};

void lone_front_start(struct lone_front *w);
/* Closes bf and checks that nothing leaked. */
void lone_front_stop(struct lone_front *w);
/* A key of the backend's or the frontend's directory, as its owner writes it.
 */
void lone_front_set_front(struct lone_front *w, const char *key,
                          const char *value);
void lone_front_set_back(struct lone_front *w, const char *key,
                         const char *value);
uint64_t lone_front_get(struct lone_front *w, const char *key);

#endif
