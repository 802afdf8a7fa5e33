/* SPDX-License-Identifier: MIT
 *
 * The page between vm_guest_event.c, which orders, and vm_echo.c, which does
 * it: events one way, their times and those of both clocks.  The guest writes
 * what, then asks; the process, which looks all the time, writes stamp, then
 * answers with the number that was asked.
 */
#ifndef WEIR_TESTS_BENCH_VM_ONEWAY_H
#define WEIR_TESTS_BENCH_VM_ONEWAY_H

#include <stdint.h>

/* Who is to be asleep is so after this time. */
#define ONEWAY_ASLEEP_NS UINT64_C(1000000)
#define ONEWAY_BURST     1000u

enum oneway {
    ONEWAY_CLOCK,    /* stamp: the process's TSC, at once */
    ONEWAY_HEAR,     /* sleeps until the event; stamp: TSC then */
    ONEWAY_SEND,     /* waits ONEWAY_ASLEEP_NS, sends; stamp: TSC before that */
    ONEWAY_BURST_OF, /* stamp: TSC ticks of ONEWAY_BURST sends */
    ONEWAY_ECHO      /* from now on returns each event; no answer */
};

struct oneway_page {
    volatile uint64_t ask; /* guest */
    uint64_t what;
    uint8_t pad[48];
    volatile uint64_t answer; /* process */
    uint64_t stamp;
    volatile uint64_t ready; /* process: the ask for which it goes to sleep */
};

#endif
