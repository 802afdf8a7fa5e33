/* SPDX-License-Identifier: MIT
 *
 * Outages: as the device manager measured them, and as the guest saw them,
 * which is its longest time without an answer around the kill; and how long the
 * kernel took to end the program, before the manager could notice.
 */
#ifndef WEIR_TESTS_CRASH_GAPS_H
#define WEIR_TESTS_CRASH_GAPS_H

#include <stdint.h>

struct crash_one {
    uint64_t from_us, to_us; /* kill, seen to serve again */
    uint64_t manager_us, exit_us, guest_us;
};

struct crash_outages {
    struct crash_one *one;
    unsigned n, room;
};

/* 0 or -ENOMEM. */
int crash_outage(struct crash_outages *o, uint64_t from_us, uint64_t to_us,
                 uint64_t manager_us, uint64_t exit_us);
/* Reads the guest's gaps out of its log and prints "outage GUEST MANAGER EXIT"
 * for each. */
void crash_outages_print(struct crash_outages *o, const char *log);

#endif
