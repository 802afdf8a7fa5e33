/* SPDX-License-Identifier: MIT
 *
 * A driver domain's new program takes its predecessor's devices over.
 */
#include "driverdomains/devd.h"
#include "driverdomains/devd_outage.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

void weir_resume_drop_released(struct weir_dom *dom)
{
    struct weir_dev *v = dom->devd->devs;

    while (v) {
        v->resuming = v->resuming && v->backend != dom;
        if (v->backend != dom || v->phase != WEIR_DEV_RELEASING) {
            v = v->next;
            continue;
        }
        weir_dev_finish(v, NULL);
        v = dom->devd->devs;
    }
}

static int resume(struct weir_dev *v, uint64_t now)
{
    bool had = v->phase != WEIR_DEV_ATTACHING;
    int rc = weir_backend_send(v, had ? WEIR_RES_RESUME : WEIR_RES_ATTACH);

    v->resuming = rc == 0 && had;
    v->unresumed = false;
    if (!had)
        v->deadline_ns = now + WEIR_START_MS * 1000000ull;
    return rc;
}

/* The rest of what was kept is for nobody; then what guests asked for while
 * there was no program. */
static int finish_orders(struct weir_dom *dom)
{
    int rc = weir_backend_say(dom, WEIR_RES_RESUMED, 0);

    for (struct weir_dev *v = dom->devd->devs; v && rc == 0; v = v->next)
        if (v->backend == dom && v->phase == WEIR_DEV_CLOSING)
            rc = weir_backend_send(v, WEIR_RES_DETACH);
    return rc;
}

void weir_resume_devices(struct weir_dom *dom)
{
    struct weir_revival *r = &dom->revival;
    uint64_t now = weir_devd_now();
    char text[120];
    int rc = 0;

    r->step = WEIR_REVIVE_RESUMING;
    r->disks = r->vifs = r->failed = 0;
    dom->deadline_ns = now + WEIR_START_MS * 1000000ull;
    for (struct weir_dev *v = dom->devd->devs; v && rc == 0; v = v->next)
        if (v->backend == dom) {
            rc = resume(v, now);
            WEIR_CRASH_POINT();
        }
    if (rc == 0)
        rc = finish_orders(dom);
    WEIR_CRASH_POINT();
    if (rc) {
        snprintf(text, sizeof(text), "its new program takes no orders: %s",
                 strerror(-rc));
        weir_revive_kill(dom, text, now);
        return;
    }
    weir_resume_check(dom);
}

/* The backend closed it in order, or it knows nothing of it: then the guest
 * must not go on to wait. */
void weir_resume_remove(struct weir_dom *dom)
{
    struct weir_dev *v = dom->devd->devs;

    while (v) {
        bool bad = v->backend == dom && v->unresumed;

        v->unresumed = v->unresumed && !bad;
        if (!bad || weir_reg_back_state(v) >= WEIR_XENBUS_CLOSING) {
            v = v->next;
            continue;
        }
        weir_dev_detach(v, true, 0);
        v = dom->devd->devs;
    }
}

static void tell(struct weir_dom *dom, uint64_t us)
{
    const struct weir_revival *r = &dom->revival;
    char lost[48] = "", text[160];

    if (r->failed)
        snprintf(lost, sizeof(lost), ", %u could not be", r->failed);
    snprintf(text, sizeof(text),
             "serves again after %" PRIu64 " ms: %u disk%s, %u vif%s resumed%s",
             us / 1000, r->disks, r->disks == 1 ? "" : "s", r->vifs,
             r->vifs == 1 ? "" : "s", lost);
    weir_dom_say(dom, text);
    weir_devd_answer(dom->devd, &dom->revival.waiter, 0, dom->domid, NULL,
                     text);
}

void weir_resume_check(struct weir_dom *dom)
{
    struct weir_revival *r = &dom->revival;
    uint64_t us;

    if (dom->phase != WEIR_PHASE_RESTARTING || r->step != WEIR_REVIVE_RESUMING)
        return;
    for (struct weir_dev *v = dom->devd->devs; v; v = v->next)
        if (v->backend == dom && v->resuming)
            return;
    r->served_ns = weir_devd_now();
    us = weir_outage_over(dom);
    dom->phase = WEIR_PHASE_RUNNING;
    dom->deadline_ns = 0;
    tell(dom, us);
    weir_resume_remove(dom);
}

void weir_resume_answered(struct weir_dev *v, const char *error)
{
    struct weir_dom *dom = v->backend;
    struct weir_revival *r = &dom->revival;

    if (!v->resuming)
        return;
    v->resuming = false;
    v->unresumed = error != NULL;
    if (error)
        r->failed++;
    else if (v->cls == WEIR_RES_VBD)
        r->disks++;
    else
        r->vifs++;
    weir_resume_check(dom);
}
