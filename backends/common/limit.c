/* SPDX-License-Identifier: MIT */
#include "backends/common/limit.h"

#define SECOND    1000000000ULL
#define WINDOW_NS 100000000ULL
#define LONGEST   (500000 * SECOND)  /* its gain fits 63 bits */
#define RATE_MAX  (UINT64_MAX >> 20) /* rate * 1 s / 1 ms stays in range */

static uint64_t mul_div(uint64_t a, uint64_t b, uint64_t c)
{
    return (uint64_t)((unsigned __int128)a * b / c);
}

void weir_limit_init(struct weir_limit *l, uint64_t rate, uint64_t window_ns,
                     uint64_t now_ns)
{
    l->rate = rate > RATE_MAX ? RATE_MAX : rate;
    if (window_ns == 0 || window_ns > SECOND)
        window_ns = WINDOW_NS;
    l->burst = mul_div(l->rate, window_ns, SECOND);
    if (l->burst == 0)
        l->burst = 1;
    l->tokens = (int64_t)l->burst;
    l->last_ns = now_ns;
}

static void refill(struct weir_limit *l, uint64_t now_ns)
{
    uint64_t dt, gain;

    if (now_ns <= l->last_ns)
        return;
    dt = now_ns - l->last_ns;
    gain = mul_div(dt > LONGEST ? LONGEST : dt, l->rate, SECOND);
    if (gain == 0)
        return; /* keep the fraction of time for the next look */
    l->last_ns = now_ns;
    if (gain >= (uint64_t)((int64_t)l->burst - l->tokens))
        l->tokens = (int64_t)l->burst;
    else
        l->tokens += (int64_t)gain;
}

uint64_t weir_limit_wait(struct weir_limit *l, uint64_t now_ns)
{
    if (l->rate == 0)
        return 0;
    refill(l, now_ns);
    if (l->tokens > 0)
        return 0;
    return mul_div((uint64_t)(1 - l->tokens), SECOND, l->rate) + 1;
}

uint64_t weir_limit_take(struct weir_limit *l, uint64_t n, uint64_t now_ns)
{
    uint64_t wait = weir_limit_wait(l, now_ns);

    if (wait == 0 && l->rate != 0)
        l->tokens -= (int64_t)(n > RATE_MAX ? RATE_MAX : n);
    return wait;
}
