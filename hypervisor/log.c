/* SPDX-License-Identifier: MIT */
#include "hypervisor/machine.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

uint64_t hv_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void hv_log(const char *fmt, ...)
{
    char line[512] = "weir-hv: ";
    size_t at = strlen(line);
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
    va_end(ap);
    if (n < 0)
        return;
    at += (size_t)n < sizeof(line) - at - 1 ? (size_t)n : sizeof(line) - at - 2;
    line[at++] = '\n';
    if (write(STDERR_FILENO, line, at) < 0)
        return;
}
