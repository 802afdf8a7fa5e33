/* SPDX-License-Identifier: MIT
 *
 * Token bucket.  A request may overdraw a bucket that is not in debt, so that
 * one larger than the burst passes; the debt is paid off before the next.
 * One thread at a time uses a bucket.
 */
#ifndef WEIR_BACKENDS_COMMON_LIMIT_H
#define WEIR_BACKENDS_COMMON_LIMIT_H

#include <stdint.h>

struct weir_limit {
    uint64_t rate;  /* units a second; 0: no limit */
    uint64_t burst; /* units saved up at most */
    int64_t tokens;
    uint64_t last_ns;
};

/* window_ns: what may be used at once after a pause, as time; 0: 100 ms. */
void weir_limit_init(struct weir_limit *l, uint64_t rate, uint64_t window_ns,
                     uint64_t now_ns);
/* 0: n units are taken.  Otherwise nothing is taken, and in so many ns it may
 * be tried again. */
uint64_t weir_limit_take(struct weir_limit *l, uint64_t n, uint64_t now_ns);
/* As take with n = 0, for a caller that must ask several buckets first. */
uint64_t weir_limit_wait(struct weir_limit *l, uint64_t now_ns);

#endif
