/* SPDX-License-Identifier: MIT
 *
 * When a driver domain that died gets its next program, and when not any more.
 * Pure: the caller has the clock.
 */
#ifndef WEIR_DRIVERDOMAINS_RESTART_POLICY_H
#define WEIR_DRIVERDOMAINS_RESTART_POLICY_H

#include <stdint.h>

#define WEIR_RESTART_LIMIT_MAX 100

struct weir_restart_rule {
    uint32_t limit;    /* restarts in period_s; 0: no limit */
    uint32_t period_s; /* seconds */
    uint32_t delay_ms; /* before the second one in a row, then doubled */
};

struct weir_restart_history {
    uint64_t at_ns[WEIR_RESTART_LIMIT_MAX]; /* the latest, a ring */
    uint32_t n;                             /* ever written */
    uint32_t streak;                        /* in a row */
};

/* It died at now_ns and had served for served_ns, 0 if it never did.  0 and
 * how long to wait; or -EDQUOT: the limit is reached.  The first restart, and
 * one after a time of service, is at once. */
int weir_restart_decide(struct weir_restart_history *h,
                        const struct weir_restart_rule *rule, uint64_t now_ns,
                        uint64_t served_ns, uint64_t *delay_ns);

#endif
