/* SPDX-License-Identifier: MIT
 *
 * Adaptive polling: how long a consumer spins before it sleeps.
 *
 * Waking a sleeping thread costs tens of microseconds, a look at a ring a
 * fraction of one.  So a consumer spins for a while after its last work, and
 * only then arms the ring and sleeps:
 *
 *   for (;;) {
 *       if (work())              { weir_poller_worked(&p); continue; }
 *       if (weir_poller_idle(&p))  continue;
 *       if (arm() > 0)             continue;
 *       weir_poller_sleeping(&p); wait(); weir_poller_woken(&p);
 *   }
 *
 * While it spins the ring's event index is behind, so the peer sends no
 * notifications (weir_NAME_*_quiet says so explicitly after a time-out).
 *
 * The time spun adapts between an eighth of the budget and all of it: shorter
 * when sleeps turn out long (spinning was for nothing), longer when they turn
 * out short (a little more spinning would have saved a wake-up).
 *
 * One thread uses a poller.
 */
#ifndef WEIR_RING_POLL_H
#define WEIR_RING_POLL_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/compiler.h"
#include "ring/port.h"

#define WEIR_POLL_BUDGET_NS 50000u

/* Does another thread want this CPU now?  Then spinning stops.  Asked about
 * every eighth time; NULL: nobody does. */
typedef bool (*weir_poll_crowded_fn)(void *context);

struct weir_poller {
    struct weir_port *port; /* the clock */
    uint64_t budget_ns;     /* most it spins; 0: never */
    weir_poll_crowded_fn crowded;
    void *context;
    uint64_t window_ns; /* what it spins at present */
    /* private below */
    uint64_t since_ns; /* idle or asleep since */
    uint32_t looks;    /* without work; 0: not idle */
    /* how often, for statistics */
    uint64_t sleeps, short_sleeps;
};

/* budget_ns: WEIR_POLL_BUDGET_NS unless the user says otherwise. */
void weir_poller_init(struct weir_poller *p, struct weir_port *port,
                      uint64_t budget_ns);
/* No work was found.  true: look again; false: arm and sleep. */
bool weir_poller_idle(struct weir_poller *p);
void weir_poller_sleeping(struct weir_poller *p);
void weir_poller_woken(struct weir_poller *p);

static inline void weir_poller_worked(struct weir_poller *p)
{
    p->looks = 0;
}

#endif
