/* SPDX-License-Identifier: MIT
 *
 * The disk under test as the host sees it: whatever a flush has covered is
 * there, at any time, whoever is dead.
 */
#ifndef WEIR_TESTS_CRASH_IMAGE_CHECK_H
#define WEIR_TESTS_CRASH_IMAGE_CHECK_H

#include "tests/crash/sector.h"

struct image_check {
    int fd;
    struct crash_layout at;
    uint64_t *version; /* of each table sector, as seen last */
    uint8_t *table, *data;
    uint64_t lost, corrupted, sectors; /* found; looked at */
};

/* 0 or -errno. */
int image_check_open(struct image_check *c, const char *path);
/* 4 KiB of the table, pick chooses which, and the sectors it tells of. */
void image_check(struct image_check *c, uint64_t pick);
void image_check_all(struct image_check *c);
/* The guest ends when it reads this. */
int image_check_stop(const char *path);

#endif
