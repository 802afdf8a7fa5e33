/* SPDX-License-Identifier: MIT */
#include "driverdomains/restart_policy.h"

#include <errno.h>
#include <stdbool.h>

#define CALM_NS    1000000000ull /* served for so long: no loop */
#define LONGEST_NS 10000000000ull

/* Was the restart `back` ones ago within the rule's period? */
static bool recent(const struct weir_restart_history *h, uint32_t back,
                   const struct weir_restart_rule *rule, uint64_t now_ns)
{
    uint64_t at = h->at_ns[(h->n - back) % WEIR_RESTART_LIMIT_MAX];

    return now_ns - at < rule->period_s * 1000000000ull;
}

int weir_restart_decide(struct weir_restart_history *h,
                        const struct weir_restart_rule *rule, uint64_t now_ns,
                        uint64_t served_ns, uint64_t *delay_ns)
{
    uint32_t limit = rule->limit < WEIR_RESTART_LIMIT_MAX
                         ? rule->limit
                         : WEIR_RESTART_LIMIT_MAX;
    uint64_t delay = 0;

    if (served_ns >= CALM_NS)
        h->streak = 0;
    if (limit && h->n >= limit && recent(h, limit, rule, now_ns))
        return -EDQUOT;
    if (h->streak)
        delay = rule->delay_ms * 1000000ull;
    for (uint32_t i = 1; i < h->streak && delay && delay < LONGEST_NS; i++)
        delay *= 2;
    *delay_ns = delay < LONGEST_NS ? delay : LONGEST_NS;
    h->at_ns[h->n % WEIR_RESTART_LIMIT_MAX] = now_ns;
    h->n++;
    h->streak++;
    return 0;
}
