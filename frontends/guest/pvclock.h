/* SPDX-License-Identifier: MIT
 *
 * The clock page of a vCPU (event_abi.h) as nanoseconds.
 */
#ifndef WEIR_FRONTENDS_GUEST_PVCLOCK_H
#define WEIR_FRONTENDS_GUEST_PVCLOCK_H

#include "ring/barrier.h"
#include "ring/event_abi.h"

/* Nanoseconds that delta ticks are. */
static inline uint64_t weir_pvclock_scale(uint64_t delta, uint32_t mul,
                                          int8_t shift)
{
    if (shift >= 64 || shift <= -64)
        return 0;
    delta = shift < 0 ? delta >> -shift : delta << shift;
    return (uint64_t)(((unsigned __int128)delta * mul) >> 32);
}

/* System time now; rdtsc reads the time stamp counter.  The hypervisor may
 * rewrite the page meanwhile, so it is read until it held still. */
static inline uint64_t
weir_pvclock_read(const volatile struct weir_vcpu_time_info *t,
                  uint64_t (*rdtsc)(void))
{
    for (;;) {
        uint32_t version = weir_load_acquire32(&t->version);
        uint64_t now = rdtsc(), then = t->tsc_timestamp;
        uint64_t ns = t->system_time;

        /* A counter behind the page's (other processor): not back in time. */
        if (now > then)
            ns += weir_pvclock_scale(now - then, t->tsc_to_system_mul,
                                     t->tsc_shift);
        weir_compiler_barrier();
        if (!(version & 1) && weir_load_acquire32(&t->version) == version)
            return ns;
        weir_pause();
    }
}

#endif
