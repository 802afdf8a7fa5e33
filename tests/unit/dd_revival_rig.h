/* SPDX-License-Identifier: MIT
 *
 * A driver domain "disk" with two disks of a guest, for tests of its way from
 * one program to the next.  The rest of the manager, weir-hv and the registry
 * are played, with a clock of their own; what happens is told in words.
 */
#ifndef WEIR_TESTS_DD_REVIVAL_RIG_H
#define WEIR_TESTS_DD_REVIVAL_RIG_H

#include "driverdomains/devd.h"

#define SECOND 1000000000ull

struct rig {
    struct weir_devd devd;
    struct weir_dom disk, web;
    struct weir_dev vbd, other;
    uint64_t now;
    int answered; /* -1: not yet */
    char answer[700];
    enum weir_dom_state hv_state;
    bool hv_is_quick; /* sees the end of a start that failed at once */
    int revive_says, introduce_says, start_says, send_says;
    int channel[2]; /* [0] is disk's */
};

extern struct rig rig;

int rig_begin(void **state);
int rig_end(void **state);

#define T(f) cmocka_unit_test_setup_teardown(f, rig_begin, rig_end)

#endif
