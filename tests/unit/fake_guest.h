/* SPDX-License-Identifier: MIT
 *
 * A hypervisor made of a function: what the guest port asks of it is noted,
 * what it answers is set by the test.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_GUEST_H
#define WEIR_TESTS_UNIT_FAKE_GUEST_H

#include "frontends/guest/port_guest.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

#define FAKE_WINDOW_GFN 0x10000u
#define FAKE_MAPS       48u
#define FAKE_WINDOW     (WEIR_GUEST_WINDOW_MIN + FAKE_MAPS)
#define FAKE_STORE_GFN  0xfeffdu

struct fake_guest {
    struct weir_guest_platform platform;
    uint8_t *window;
    uint8_t store[WEIR_PAGE_SIZE];
    /* What it says. */
    uint32_t max_table; /* frames */
    uint64_t store_port;
    int64_t fail; /* of every hypercall of number fail_nr */
    unsigned fail_nr;
    int16_t map_status[256]; /* by reference */
    int16_t unmap_status;
    bool reused;         /* a closed port is another's at once, and pending */
    evtchn_port_t wakes; /* poll makes it pending; 0: none */
    uint64_t poll_ns;    /* what a poll takes */
    bool poll_to_end;    /* it sleeps as long as it may */
    /* What it saw. */
    unsigned calls[64];
    uint64_t placed[FAKE_WINDOW]; /* space << 32 | idx, + 1 */
    struct weir_sched_poll poll;
    uint32_t poll_port;
    struct weir_gnttab_map_grant_ref map;
    struct weir_gnttab_unmap_grant_ref unmap;
    struct weir_gnttab_copy copy;
    struct weir_evtchn_alloc_unbound alloc;
    struct weir_evtchn_bind_interdomain bind;
    uint32_t closed, sent, shutdown;
    uint32_t mapped; /* at present */
};

void fake_guest_init(struct fake_guest *f);
void fake_guest_fini(struct fake_guest *f);
struct weir_shared_info *fake_guest_shared(struct fake_guest *f);
/* The guest's clock stands still at ns. */
void fake_guest_set_ns(struct fake_guest *f, uint64_t ns);

#endif
