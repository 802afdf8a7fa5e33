/* SPDX-License-Identifier: MIT
 *
 * From a driver domain's death to its next program.  Nothing that its guests
 * can see changes meanwhile; the successor is told of its devices in
 * devd_resume.c.
 */
#include "driverdomains/devd.h"
#include "driverdomains/devd_outage.h"
#include "driverdomains/sandbox.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_NS 5000000000ull /* then it is said what is waited for */
#define PAUSE_NS    50000000ull   /* after a start that was refused */

bool weir_dom_can_revive(const struct weir_dom *dom)
{
    if (weir_dom_is_vm(dom) || !dom->cfg.driver_domain)
        return false;
    /* What it uses itself was connected to memory that is lost. */
    for (struct weir_dev *v = dom->devd->devs; v; v = v->next)
        if (v->frontend == dom)
            return false;
    return dom->cfg.on_crash == WEIR_ACTION_RESTART || dom->revival.asked ||
           dom->phase == WEIR_PHASE_RESTARTING;
}

bool weir_dom_comes_back(const struct weir_dom *dom)
{
    return (dom->phase == WEIR_PHASE_RUNNING ||
            dom->phase == WEIR_PHASE_RESTARTING) &&
           weir_dom_can_revive(dom);
}

/* As before there was this: guests see their devices go. */
static void rebuild(struct weir_dom *dom, const char *what, int rc)
{
    char text[200];

    snprintf(text, sizeof(text),
             "cannot go on in its place (%s: %s): its devices are removed and "
             "it is built again",
             what, strerror(-rc));
    weir_dom_say(dom, text);
    weir_devd_answer(dom->devd, &dom->revival.waiter, -rc, dom->domid, NULL,
                     text);
    dom->restart = true;
    weir_dom_kill(dom, NULL);
}

static void fail_devices(struct weir_dom *dom)
{
    struct weir_dev *v = dom->devd->devs;

    while (v) {
        if (v->backend != dom) {
            v = v->next;
            continue;
        }
        v->backend = NULL;
        weir_dev_finish(v, "its driver domain is gone");
        v = dom->devd->devs;
    }
}

static void give_up(struct weir_dom *dom)
{
    const struct weir_domain_config *c = &dom->cfg;
    bool hold = c->restart_io == WEIR_RESTART_HOLD;

    snprintf(dom->reason, sizeof(dom->reason),
             "restart limit reached: %u in %u s; at last %s; %s: `weir restart "
             "%s`",
             c->restart_limit, c->restart_period, dom->revival.why,
             hold ? "its guests' I/O waits" : "its devices are removed",
             c->name);
    weir_dom_say(dom, dom->reason);
    dom->phase = WEIR_PHASE_CRASHED;
    dom->deadline_ns = 0;
    weir_devd_answer(dom->devd, &dom->revival.waiter, EIO, dom->domid, NULL,
                     dom->reason);
    if (!hold)
        fail_devices(dom);
}

/* Nothing of the dead program's is listened to any more. */
static void let_go(struct weir_dom *dom)
{
    weir_backend_drain(dom);
    weir_source_close(dom->devd, &dom->res_src);
    weir_dom_close_log(dom);
    dom->sealed = dom->ready = dom->paused = false;
    memset(&dom->revival.heart, 0, sizeof(dom->revival.heart));
    weir_resume_drop_released(dom);
}

/* pause_ns: its next program waits at least so long. */
static void died(struct weir_dom *dom, const char *status, uint64_t pause_ns)
{
    struct weir_revival *r = &dom->revival;
    uint64_t now = weir_devd_now(), delay;

    if (!r->down_ns)
        r->down_ns = now;
    r->time_s = (uint64_t)time(NULL);
    snprintf(r->why, sizeof(r->why), "%s", status);
    dom->reason[0] = '\0';
    dom->phase = WEIR_PHASE_RESTARTING;
    r->step = WEIR_REVIVE_WAITING;
    let_go(dom);
    if (weir_outage_restart(dom, now, UINT64_MAX, &delay)) {
        give_up(dom);
        return;
    }
    r->died_ns = now;
    r->at_ns = now + (delay > pause_ns ? delay : pause_ns);
    dom->deadline_ns = now + PATIENCE_NS;
    weir_record_dom(dom);   /* that it was counted */
    weir_revive_go_on(dom); /* may free it */
}

void weir_revive_died(struct weir_dom *dom, const char *status)
{
    died(dom, status, 0);
}

void weir_revive_kill(struct weir_dom *dom, const char *reason,
                      uint64_t down_ns)
{
    struct weir_revival *r = &dom->revival;

    if (!r->down_ns)
        r->down_ns = down_ns;
    snprintf(dom->reason, sizeof(dom->reason), "%s", reason);
    dom->phase = WEIR_PHASE_RESTARTING;
    r->step = WEIR_REVIVE_DYING;
    dom->deadline_ns = weir_devd_now() + PATIENCE_NS;
    weir_record_dom(dom); /* else its end is a crash to a successor */
    weir_sandbox_kill(dom->exit_src.fd);
    WEIR_CRASH_POINT();
}

/* How far its new program had come only the dead manager knew. */
void weir_revive_taken_over(struct weir_dom *dom)
{
    struct weir_revival *r = &dom->revival;
    uint64_t now = weir_devd_now();

    if (r->step == WEIR_REVIVE_WAITING && dom->exit_src.fd < 0) {
        dom->deadline_ns = now + PATIENCE_NS;
        weir_revive_go_on(dom);
        return;
    }
    r->uncounted |= r->step != WEIR_REVIVE_DYING;
    if (r->step != WEIR_REVIVE_DYING)
        snprintf(dom->reason, sizeof(dom->reason),
                 "the device manager died while it was started");
    r->step = WEIR_REVIVE_DYING;
    dom->deadline_ns = now + PATIENCE_NS;
    if (dom->exit_src.fd >= 0)
        weir_sandbox_kill(dom->exit_src.fd);
    else
        weir_revive_died(dom, dom->reason);
}

static int introduce(struct weir_dom *dom)
{
    struct weir_hv_dominfo info = {0};
    int rc = weir_hvctl_info(dom->devd->hv, dom->domid, &info);

    dom->revival.generation = info.generation;
    return rc ? rc : weir_reg_introduce(dom, &info);
}

static void start(struct weir_dom *dom)
{
    struct weir_refusal why;
    int hv_fd, rc;

    rc = weir_hvctl_revive(dom->devd->hv, dom->domid, &hv_fd);
    WEIR_CRASH_POINT();
    if (rc) {
        rebuild(dom, "weir-hv", rc);
        return;
    }
    rc = introduce(dom);
    if (rc) {
        close(hv_fd);
        rebuild(dom, "the registry", rc);
        return;
    }
    weir_logsink_close(&dom->log);
    dom->sealed = false; /* late news of the dead one do not count */
    dom->revival.step = WEIR_REVIVE_STARTING;
    dom->deadline_ns = weir_devd_now() + WEIR_START_MS * 1000000ull;
    WEIR_CRASH_POINT();
    rc = weir_dom_start_process(dom, hv_fd, &why);
    close(hv_fd);
    if (rc) /* weir-hv sees its socket closed */
        died(dom, why.text, PAUSE_NS);
}

void weir_revive_go_on(struct weir_dom *dom)
{
    struct weir_revival *r = &dom->revival;
    struct weir_hv_dominfo info = {0};
    uint64_t now = weir_devd_now();
    int rc;

    if (dom->phase != WEIR_PHASE_RESTARTING || r->step != WEIR_REVIVE_WAITING)
        return;
    rc = weir_hvctl_info(dom->devd->hv, dom->domid, &info);
    if (rc) {
        rebuild(dom, "weir-hv", rc);
        return;
    }
    /* Only then no device I/O of the dead one can be in flight. */
    if (info.state != WEIR_DOM_CRASHED) {
        if (now >= r->died_ns + PATIENCE_NS)
            weir_devd_log("%s: dead, but device I/O of it is pending",
                          dom->cfg.name);
        return; /* an event comes */
    }
    if (now < r->at_ns)
        dom->deadline_ns = r->at_ns;
    else
        start(dom);
}

static void too_slow(struct weir_dom *dom, const char *what)
{
    char text[120];

    snprintf(text, sizeof(text), "%s within %d s", what, WEIR_START_MS / 1000);
    weir_revive_kill(dom, text, weir_devd_now());
}

void weir_revive_timer(struct weir_dom *dom, uint64_t now)
{
    struct weir_revival *r = &dom->revival;

    dom->deadline_ns = now + PATIENCE_NS;
    switch (r->step) {
    case WEIR_REVIVE_DYING:
        weir_devd_log("%s: still dying, device I/O is pending", dom->cfg.name);
        break;
    case WEIR_REVIVE_WAITING:
        weir_revive_go_on(dom); /* may free it */
        break;
    case WEIR_REVIVE_STARTING:
        too_slow(dom, "its new program was not ready");
        break;
    case WEIR_REVIVE_RESUMING:
        too_slow(dom, "its new program did not take its devices over");
        break;
    }
}

static int refuse(char *text, unsigned size, int rc, const struct weir_dom *dom,
                  const char *why)
{
    snprintf(text, size, "domain %s %s", dom->cfg.name, why);
    return rc;
}

static void take_waiter(struct weir_dom *dom, struct weir_waiter w)
{
    weir_devd_answer(dom->devd, &dom->revival.waiter, EALREADY, dom->domid,
                     NULL, "another request restarts it too");
    dom->revival.waiter = w;
}

int weir_revive_ask(struct weir_dom *dom, struct weir_waiter w, char *text,
                    unsigned size)
{
    struct weir_revival *r = &dom->revival;
    uint64_t now = weir_devd_now();
    bool before = r->asked;
    char why[sizeof(dom->reason)];

    if (weir_dom_is_vm(dom))
        return refuse(text, size, -EOPNOTSUPP, dom,
                      "is a VM: `weir reboot` it, or `weir destroy` and "
                      "`weir create`");
    if (dom->phase != WEIR_PHASE_RUNNING && dom->phase != WEIR_PHASE_CRASHED &&
        dom->phase != WEIR_PHASE_RESTARTING) {
        snprintf(text, size, "domain %s is %s", dom->cfg.name,
                 weir_dom_phase_name(dom));
        return -EBUSY;
    }
    r->asked = true;
    if (!weir_dom_can_revive(dom)) {
        r->asked = before;
        return refuse(text, size, -EOPNOTSUPP, dom,
                      dom->cfg.driver_domain
                          ? "has devices of its own, which would be lost: "
                            "`weir destroy` and `weir create` it"
                          : "is a guest: `weir destroy` and `weir create` it");
    }
    /* A program that is on its way already is judged as any. */
    if (dom->phase == WEIR_PHASE_RESTARTING && r->step != WEIR_REVIVE_DYING)
        r->asked = before;
    take_waiter(dom, w);
    r->history.streak = r->history.n = 0;
    if (dom->phase == WEIR_PHASE_RUNNING) {
        weir_revive_kill(dom, "restart was asked for", now);
    } else if (dom->phase == WEIR_PHASE_CRASHED) {
        /* At the limit the reason is more than that of its last end. */
        snprintf(why, sizeof(why), "%s", r->down_ns ? r->why : dom->reason);
        weir_revive_died(dom, why);
    } else if (r->step == WEIR_REVIVE_WAITING) {
        r->at_ns = now;
        weir_revive_go_on(dom);
    }
    return 0;
}
