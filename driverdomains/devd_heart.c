/* SPDX-License-Identifier: MIT
 *
 * Driver domains that do not die but hang: each second a PING, which the
 * control thread of a backend answers.  What counts are seconds in which the
 * manager itself was in time and had nothing unread from that domain.  One that
 * closed its channel is dying, or can't answer any more.
 */
#include "driverdomains/devd.h"
#include "driverdomains/sandbox.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#define BEAT_NS 1000000000ull
#define LATE_NS (BEAT_NS / 2)

static bool beats(const struct weir_dom *dom)
{
    return dom->cfg.driver_domain && !weir_dom_is_vm(dom) &&
           dom->cfg.heartbeat && dom->phase == WEIR_PHASE_RUNNING &&
           !dom->paused && !dom->revival.heart.killed;
}

static bool unread(const struct weir_dom *dom)
{
    struct pollfd p = {.fd = dom->res_src.fd, .events = POLLIN};

    return poll(&p, 1, 0) > 0;
}

/* The news that it was paused may be on its way. */
static bool really_runs(struct weir_dom *dom)
{
    struct weir_hv_dominfo info = {0};

    return weir_hvctl_info(dom->devd->hv, dom->domid, &info) == 0 &&
           info.state == WEIR_DOM_RUNNING;
}

static void hangs(struct weir_dom *dom)
{
    struct weir_heart *h = &dom->revival.heart;
    char reason[80];

    snprintf(reason, sizeof(reason), "it hung: no answer for %u s", h->missed);
    weir_devd_log("%s: no answer for %u s: it hangs and is killed",
                  dom->cfg.name, h->missed);
    if (weir_dom_can_revive(dom)) {
        weir_revive_kill(dom, reason, h->alive_ns);
        return;
    }
    h->killed = true; /* on_crash says the rest */
    snprintf(dom->reason, sizeof(dom->reason), "%s", reason);
    weir_sandbox_kill(dom->exit_src.fd);
}

static void beat(struct weir_dom *dom, uint64_t now, bool late)
{
    struct weir_heart *h = &dom->revival.heart;

    if (!beats(dom)) {
        h->asked = false;
        h->missed = 0;
        return;
    }
    if (!h->asked) {
        h->missed = 0;
        h->alive_ns = now;
    } else if (!late && !unread(dom)) {
        h->missed++;
    }
    if (h->missed >= dom->cfg.heartbeat) {
        if (really_runs(dom)) {
            hangs(dom);
            return;
        }
        h->missed = 0;
    }
    /* A full channel is no answer either. */
    weir_backend_say(dom, WEIR_RES_PING, ++dom->devd->next_seq);
    h->asked = true;
}

void weir_heart_pong(struct weir_dom *dom)
{
    struct weir_heart *h = &dom->revival.heart;

    h->asked = false;
    h->missed = 0;
    h->alive_ns = weir_devd_now();
}

void weir_heart_timer(struct weir_devd *d, uint64_t now)
{
    bool late = now > d->heart_ns + LATE_NS;

    if (now < d->heart_ns)
        return;
    d->heart_ns = now + BEAT_NS;
    for (struct weir_dom *m = d->doms; m; m = m->next)
        beat(m, now, late);
}
