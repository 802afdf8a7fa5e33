/* SPDX-License-Identifier: MIT
 *
 * Adaptive polling.
 */
#include "ring/poll.h"

#include "ring/barrier.h"

/* The clock is read at every CLOCK_EVERY-th look. */
#define CLOCK_EVERY 8u

void weir_poller_init(struct weir_poller *p, struct weir_port *port,
                      uint64_t budget_ns)
{
    weir_memset(p, 0, sizeof(*p));
    p->port = port;
    p->budget_ns = p->window_ns = budget_ns;
}

bool weir_poller_idle(struct weir_poller *p)
{
    uint64_t now;

    if (p->window_ns == 0)
        return false;
    weir_pause();
    if (p->looks++ % CLOCK_EVERY != 0)
        return true;
    now = p->port->ops->now_ns(p->port);
    if (p->looks == 1)
        p->since_ns = now;
    if (now - p->since_ns >= p->window_ns ||
        (p->crowded != NULL && p->crowded(p->context))) {
        p->looks = 0;
        return false;
    }
    return true;
}

void weir_poller_sleeping(struct weir_poller *p)
{
    p->since_ns = p->port->ops->now_ns(p->port);
    p->sleeps++;
}

void weir_poller_woken(struct weir_poller *p)
{
    uint64_t slept = p->port->ops->now_ns(p->port) - p->since_ns;
    uint64_t least = p->budget_ns / 8;

    p->looks = 0;
    if (slept < p->budget_ns) {
        p->short_sleeps++;
        p->window_ns =
            p->window_ns < p->budget_ns / 2 ? p->window_ns * 2 : p->budget_ns;
    } else if (slept / 16 > p->budget_ns) {
        p->window_ns = p->window_ns / 2 > least ? p->window_ns / 2 : least;
    }
}
