/* SPDX-License-Identifier: MIT
 *
 * Process port: clock and log.
 */
#include "hypervisor/client/process_call.h"

#include "ring/barrier.h"

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
    uint64_t since = weir_load_relaxed64(&d->log_since);

    if (now - since > PERIOD_NS &&
        weir_cmpxchg64(&d->log_since, since, now) == since)
        weir_store_relaxed32(&d->log_lines, 0);
    if (weir_fetch_add32(&d->log_lines, 1) >= LINES_MAX) {
        weir_fetch_add32(&d->log_dropped, 1);
        return -1;
    }
    return (int)weir_xchg32(&d->log_dropped, 0);
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
