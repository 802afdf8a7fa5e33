/* SPDX-License-Identifier: MIT
 *
 * Process port: clock and log.
 */
#include "hypervisor/client/process_call.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 1000000000u
#define LINES_MAX 50 /* a period */

uint64_t weir_process_now(struct weir_port *p)
{
    struct timespec t;

    (void)p;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* How many lines were left out before this one; -1: leave it out too. */
static int admit(struct weir_process *d)
{
    uint64_t now = weir_process_now(&d->port);
    uint64_t since = __atomic_load_n(&d->log_since, __ATOMIC_RELAXED);

    if (now - since > PERIOD_NS &&
        __atomic_compare_exchange_n(&d->log_since, &since, now, false,
                                    __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        __atomic_store_n(&d->log_lines, 0, __ATOMIC_RELAXED);
    if (__atomic_fetch_add(&d->log_lines, 1, __ATOMIC_RELAXED) >= LINES_MAX) {
        __atomic_fetch_add(&d->log_dropped, 1, __ATOMIC_RELAXED);
        return -1;
    }
    return (int)__atomic_exchange_n(&d->log_dropped, 0, __ATOMIC_RELAXED);
}

void weir_process_log(struct weir_port *p, enum weir_log_level level,
                      const char *line)
{
    static const char *const names[] = {"error", "warning", "info", "debug"};
    struct weir_process *d = weir_process_of(p);
    const char *name = d->hello.name[0] ? d->hello.name : "domain";
    const char *kind = level <= WEIR_LOG_DEBUG ? names[level] : "?";
    char buf[512];
    int dropped = admit(d), n;

    if (dropped < 0)
        return;
    if (dropped)
        n = snprintf(buf, sizeof(buf), "%s: %s: %.400s (%d lines left out)\n",
                     name, kind, line, dropped);
    else
        n = snprintf(buf, sizeof(buf), "%s: %s: %.400s\n", name, kind, line);
    if (n > 0 && write(STDERR_FILENO, buf, (size_t)n) < 0)
        return;
}
