/* SPDX-License-Identifier: MIT
 *
 * For hostile tests: a guest that works with real frontends, writes, reads back
 * and compares, and ends when it notices something.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_WORK_H
#define WEIR_TESTS_E2E_HOSTILE_WORK_H

#include "frontends/blk/blkfront.h"
#include "tests/e2e/hostile_dom.h"

#define WORK_PAGES 16 /* of data, at most */

struct work {
    struct hostile *h;
    unsigned pages;    /* of data, of the longest I/O */
    uint64_t limit_ms; /* for an I/O */
    struct weir_blkfront *bf;
    uint8_t *data;
};

/* What hostile_open is to a guest that uses frontends: after hostile_join. */
void work_bus(struct hostile *h, struct weir_front_bus *bus);

/* Opens the guest's first disk; h, pages and limit_ms are set. */
void work_open(struct work *w, struct weir_front_bus *bus,
               const struct weir_blkfront_config *cfg);
void work_fill(uint8_t *p, size_t len, uint64_t seed);
/* One I/O on any disk of the guest: its status. */
int work_io(struct work *w, struct weir_blkfront *bf, enum weir_blkfront_op op,
            uint64_t sector, void *at, size_t len);
/* One on its own, which must not fail. */
void work_must(struct work *w, enum weir_blkfront_op op, uint64_t sector,
               void *at, size_t len);
/* Round i: something is written somewhere, read back and compared. */
void work_round(struct work *w, uint64_t i);

#endif
