/* SPDX-License-Identifier: MIT
 *
 * Domains that are to be built again, with back-off: one that crashes or
 * reboots at once must not keep the machine busy.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RESTART_FIRST_MS 100
#define RESTART_LAST_MS  10000
#define RESTART_TRIES    20
#define RESTART_CALM_NS  60000000000ull /* so long: not a loop */

static uint64_t back_off(uint32_t before)
{
    uint64_t ms = RESTART_FIRST_MS;

    for (uint32_t i = 0; i < before && ms < RESTART_LAST_MS; i++)
        ms *= 2;
    return (ms < RESTART_LAST_MS ? ms : RESTART_LAST_MS) * 1000000;
}

static struct weir_restart *again(const struct weir_dom *dom)
{
    struct weir_restart *r = calloc(1, sizeof(*r));

    if (!r) {
        weir_devd_log("domain %s is not restarted: out of memory",
                      dom->cfg.name);
        return NULL;
    }
    r->cfg = dom->cfg;
    r->count = dom->restarts;
    r->streak = dom->streak;
    return r;
}

void weir_restart_plan(struct weir_dom *dom)
{
    struct weir_restart *r = again(dom);
    uint64_t now = weir_devd_now();
    bool lived = now - dom->created_ns > RESTART_CALM_NS;

    if (!r)
        return;
    r->count++;
    r->streak = lived ? 1 : r->streak + 1;
    r->at_ns = now + back_off(r->streak - 1);
    if (dom->rebooting) {
        r->waiter = dom->stopper;
        dom->stopper.client = 0;
    }
    r->next = dom->devd->restarts;
    dom->devd->restarts = r;
    weir_record_restart(dom->devd, r); /* before the domain's own goes */
}

static void drop(struct weir_devd *d, struct weir_restart *r, const char *why)
{
    weir_devd_answer(d, &r->waiter, ECANCELED, 0, NULL, why);
    weir_record_drop(d, &r->rec);
    free(r);
}

bool weir_restart_cancel(struct weir_devd *d, const char *name)
{
    struct weir_restart **p = &d->restarts, *r;

    while ((r = *p) && strcmp(r->cfg.name, name))
        p = &r->next;
    if (!r)
        return false;
    *p = r->next;
    drop(d, r, "destroyed before it was built again");
    return true;
}

void weir_restart_forget(struct weir_devd *d)
{
    while (d->restarts) {
        struct weir_restart *r = d->restarts;

        d->restarts = r->next;
        drop(d, r, "the device manager stops");
    }
}

/* What it needs may be on its way back, too: a driver domain, say. */
static void try_later(struct weir_devd *d, struct weir_restart *r,
                      const char *where, const char *text)
{
    weir_devd_log("domain %s is not restarted: %s: %s%s", r->cfg.name, where,
                  text, ++r->failed < RESTART_TRIES ? "; will try again" : "");
    if (r->failed >= RESTART_TRIES) {
        drop(d, r, text);
        return;
    }
    r->at_ns = weir_devd_now() + back_off(r->failed);
    r->next = d->restarts;
    d->restarts = r;
    weir_record_restart(d, r);
}

void weir_restart_retry(struct weir_dom *dom)
{
    struct weir_restart *r = again(dom);

    if (!r)
        return;
    r->failed = dom->tries;
    try_later(dom->devd, r, dom->where, dom->reason);
}

void weir_restart_timer(struct weir_devd *d, uint64_t now)
{
    struct weir_restart **p = &d->restarts, *r;
    struct weir_refusal why;

    while ((r = *p) && r->at_ns > now)
        p = &r->next;
    if (!r)
        return;
    *p = r->next;
    if (weir_dom_create(d, &r->cfg, r->waiter, r, &why)) {
        try_later(d, r, why.where, why.text);
    } else {
        weir_record_drop(d, &r->rec); /* the domain's takes its place */
        free(r);
    }
}
