/* SPDX-License-Identifier: MIT */
#include "backends/common/crash_point.h"

#ifdef WEIR_CRASH_STEPS
#include <signal.h>

#include "ring/barrier.h"

static volatile uint64_t left; /* test builds alone: 0 counts nothing */

void weir_crash_after(uint64_t after)
{
    weir_store_relaxed64(&left, after);
}

void weir_crash_point(void)
{
    if (weir_load_relaxed64(&left) != 0 && weir_fetch_sub64(&left, 1) == 1)
        raise(SIGKILL);
}
#else
_Static_assert(1, "an empty file is none"); /* of ISO C */
#endif
