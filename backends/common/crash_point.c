/* SPDX-License-Identifier: MIT */
#include "backends/common/crash_point.h"

#ifdef WEIR_CRASH_STEPS
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "ring/barrier.h"

extern const char __executable_start[]; /* the linker's */

static volatile uint64_t left; /* test builds alone: 0 counts nothing */

void weir_crash_after(uint64_t after)
{
    weir_store_relaxed64(&left, after);
}

/* Of programs that have an environment: WEIR_CRASH_AT=N. */
__attribute__((constructor)) static void from_environment(void)
{
    const char *at = getenv("WEIR_CRASH_AT");

    if (at)
        weir_crash_after(strtoul(at, NULL, 10));
}

void weir_crash_point(void)
{
    const char *from = __builtin_return_address(0);
    char text[64];
    int n;

    if (weir_load_relaxed64(&left) == 0 || weir_fetch_sub64(&left, 1) != 1)
        return;
    /* So that a test can tell which points it has seen. */
    n = snprintf(text, sizeof(text), "died at point %lx\n",
                 (unsigned long)(from - __executable_start));
    if (write(2, text, (size_t)n) == n)
        raise(SIGKILL);
    __builtin_trap(); /* process 1 of its namespace cannot kill itself */
}
#else
_Static_assert(1, "an empty file is none"); /* of ISO C */
#endif
