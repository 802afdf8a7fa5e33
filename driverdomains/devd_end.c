/* SPDX-License-Identifier: MIT
 *
 * The end of a domain, wanted or not: its program dies, weir-hv forgets it,
 * its devices are taken back, then its registry directory and group.
 */
#include "driverdomains/devd.h"
#include "driverdomains/devd_outage.h"
#include "driverdomains/sandbox.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define KILL_WARN_MS 5000

void weir_dom_log_ready(struct weir_source *s, uint32_t events)
{
    struct weir_dom *dom = weir_container(s, struct weir_dom, log_src);

    (void)events;
    if (weir_logsink_pump(&dom->log, weir_devd_now())) {
        weir_source_close(dom->devd, s);
        dom->log.pipe_fd = -1;
    }
}

static void forget(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;
    struct weir_dom **p = &d->doms;
    char group[64];

    while (*p != dom)
        p = &(*p)->next;
    *p = dom->next;
    weir_dom_close_log(dom);
    weir_logsink_close(&dom->log);
    weir_source_close(d, &dom->res_src);
    weir_source_close(d, &dom->exit_src);
    if (!weir_dom_is_vm(dom)) { /* no process, no group */
        snprintf(group, sizeof(group), "%u-%.50s", dom->domid, dom->cfg.name);
        if (weir_cgroup_remove(&d->cgroups, group))
            weir_devd_log("domain %u (%s): its control group stays", dom->domid,
                          dom->cfg.name);
    }
    WEIR_CRASH_POINT();
    weir_record_drop(d, &dom->rec); /* last: who reads it does this again */
    WEIR_CRASH_POINT();
    free(dom);
}

void weir_dom_check_gone(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;

    if (dom->phase != WEIR_PHASE_DYING)
        return;
    for (struct weir_dev *dev = d->devs; dev; dev = dev->next)
        if (dev->frontend == dom || dev->backend == dom)
            return;
    WEIR_CRASH_POINT();
    weir_reg_remove_domain(dom);
    weir_devd_log("domain %u (%s) is gone%s%s", dom->domid, dom->cfg.name,
                  dom->reason[0] ? ": " : "", dom->reason);
    if (dom->failed)
        weir_devd_answer(d, &dom->starter, ECANCELED, dom->domid, dom->where,
                         dom->reason);
    else
        weir_devd_answer(d, &dom->starter, ECANCELED, dom->domid, "name",
                         "destroyed while it started");
    if (dom->restart && !d->stopping)
        weir_restart_plan(dom); /* who asked to reboot waits on */
    else if (dom->failed && dom->restarts && !d->stopping)
        weir_restart_retry(dom);
    weir_devd_answer(d, &dom->revival.waiter, ECANCELED, dom->domid, NULL,
                     "it ended before it could go on");
    weir_devd_answer(d, &dom->stopper, 0, dom->domid, NULL,
                     dom->rebooting ? "it ended and is not built again, as its "
                                      "configuration wants"
                                    : NULL);
    forget(dom);
}

static struct weir_dev *next_dev_of(struct weir_devd *d, struct weir_dom *dom)
{
    for (struct weir_dev *v = d->devs; v; v = v->next)
        if (v->backend == dom ||
            (v->frontend == dom && v->phase != WEIR_DEV_RELEASING))
            return v;
    return NULL;
}

/* The program is dead (or never was).  A VM ends within the call: its vCPUs
 * are weir-hv's own threads and make no device I/O. */
void weir_dom_bury(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;
    struct weir_dev *dev;
    int rc;

    weir_vm_unload(dom);
    dom->phase = WEIR_PHASE_KILLED;
    weir_record_dom(dom); /* and what becomes of it: restart, failed */
    rc = weir_hvctl_destroy(d->hv, dom->domid);
    WEIR_CRASH_POINT();
    if (rc && rc != -ENOENT && rc != -ESRCH)
        weir_devd_log("domain %u (%s): weir-hv: %s", dom->domid, dom->cfg.name,
                      strerror(-rc));
    /* Not yet DYING: a device that goes at once must not free the domain
     * under this loop. */
    dom->deadline_ns = 0;
    weir_source_close(d, &dom->res_src);
    while ((dev = next_dev_of(d, dom))) {
        if (dev->backend == dom) {
            dev->backend = NULL;
            weir_dev_finish(dev, "its driver domain is gone");
        } else {
            weir_dev_detach(dev, true, 0);
        }
    }
    dom->phase = WEIR_PHASE_DYING;
    weir_dom_check_gone(dom);
}

void weir_dom_kill(struct weir_dom *dom, const char *reason)
{
    if (dom->phase == WEIR_PHASE_KILLED || dom->phase == WEIR_PHASE_DYING)
        return;
    if (reason && !dom->reason[0])
        snprintf(dom->reason, sizeof(dom->reason), "%s", reason);
    if (dom->exit_src.fd < 0) {
        weir_dom_bury(dom);
        return;
    }
    dom->phase = WEIR_PHASE_KILLED;
    dom->deadline_ns = weir_devd_now() + KILL_WARN_MS * 1000000ull;
    weir_record_dom(dom); /* else its end is a crash to a successor */
    weir_sandbox_kill(dom->exit_src.fd);
    WEIR_CRASH_POINT();
}

void weir_dom_fail(struct weir_dom *dom, const char *where, const char *fmt,
                   ...)
{
    char text[sizeof(dom->reason)];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (!dom->failed) {
        dom->failed = true;
        snprintf(dom->where, sizeof(dom->where), "%s", where);
        snprintf(dom->reason, sizeof(dom->reason), "%s", text);
    }
    weir_dom_kill(dom, text);
}

int weir_dom_ask(struct weir_dom *dom, const char *what, uint32_t timeout_ms)
{
    int rc = weir_reg_ask(dom, what);

    WEIR_CRASH_POINT();
    if (rc)
        return rc;
    if (dom->paused) /* else it could not do as it is told */
        weir_hvctl_unpause(dom->devd->hv, dom->domid);
    dom->phase = WEIR_PHASE_STOPPING;
    dom->deadline_ns = weir_devd_now() + timeout_ms * 1000000ull;
    return 0;
}

void weir_dom_shutdown(struct weir_dom *dom, uint32_t timeout_ms)
{
    if (!weir_reg_offers(dom, "poweroff") ||
        weir_dom_ask(dom, "poweroff", timeout_ms))
        weir_dom_kill(dom, dom->devd->xs_open
                               ? "it does not offer to power off"
                               : "without a registry it can't power off");
}

/* weir-hv's words for an end that it saw nothing else of. */
static bool says_nothing(const char *reason)
{
    return !reason[0] || !strcmp(reason, "its process ended") ||
           !strcmp(reason, "its program closed its socket");
}

/* weir-hv may know why (a frame that was not granted, say); the status says
 * how. */
void weir_dom_death_reason(struct weir_dom *dom, const char *status)
{
    struct weir_hv_dominfo info = {0};
    char why[sizeof(info.reason)];

    if (!dom->reason[0] &&
        weir_hvctl_info(dom->devd->hv, dom->domid, &info) == 0 &&
        info.state == WEIR_DOM_CRASHED)
        snprintf(dom->reason, sizeof(dom->reason), "%s", info.reason);
    snprintf(why, sizeof(why), "%.159s", dom->reason);
    if (!says_nothing(why))
        snprintf(dom->reason, sizeof(dom->reason), "%s (%s)", why, status);
    else
        snprintf(dom->reason, sizeof(dom->reason), "%s", status);
}

static void note_end(struct weir_dom *dom, const char *how)
{
    char note[WEIR_LOG_LINE];

    weir_devd_log("domain %u (%s) %s: %s", dom->domid, dom->cfg.name, how,
                  dom->reason);
    snprintf(note, sizeof(note), "weir-devd: %s: %.400s", how, dom->reason);
    if (dom->log_src.fd >= 0)
        weir_logsink_pump(&dom->log, weir_devd_now());
    weir_logsink_note(&dom->log, note);
}

void weir_dom_ended(struct weir_dom *dom, uint32_t action, bool crashed)
{
    note_end(dom, crashed ? "crashed" : "shut down");
    if (action == WEIR_ACTION_PRESERVE && !dom->devd->stopping) {
        dom->phase = crashed ? WEIR_PHASE_CRASHED : WEIR_PHASE_SHUTDOWN;
        dom->deadline_ns = 0;
        dom->rebooting = false;
        weir_source_close(dom->devd, &dom->res_src);
        weir_devd_answer(dom->devd, &dom->stopper, 0, dom->domid, NULL,
                         "it ended and is kept, as its configuration wants");
        return;
    }
    dom->restart = action == WEIR_ACTION_RESTART;
    weir_dom_bury(dom);
}

static void start_failed(struct weir_dom *dom, const char *status)
{
    if (!dom->failed) {
        weir_dom_death_reason(dom, status);
        dom->failed = true;
        snprintf(dom->where, sizeof(dom->where), "kernel");
        weir_devd_log("domain %u (%s) did not start: %s", dom->domid,
                      dom->cfg.name, dom->reason);
    }
    weir_dom_bury(dom);
}

void weir_dom_exited(struct weir_source *s, uint32_t events)
{
    struct weir_dom *dom = weir_container(s, struct weir_dom, exit_src);
    char status[120];
    bool clean = false;

    (void)events;
    if (dom == dom->devd->store) {
        weir_store_back(dom->devd);
        return;
    }
    if (weir_sandbox_reap(s->fd, status, sizeof(status), &clean) == -EAGAIN)
        return;
    weir_source_close(dom->devd, s);
    WEIR_CRASH_POINT();
    weir_dom_program_gone(dom, status, clean);
}

void weir_dom_program_gone(struct weir_dom *dom, const char *status, bool clean)
{
    dom->pid = 0;
    if (dom->phase == WEIR_PHASE_KILLED) {
        weir_dom_bury(dom);
    } else if (dom->phase == WEIR_PHASE_STARTING) {
        start_failed(dom, status);
    } else if (dom->phase == WEIR_PHASE_RESTARTING) {
        if (dom->revival.step != WEIR_REVIVE_DYING) /* else it is said why */
            weir_dom_death_reason(dom, status);
        weir_revive_died(dom, dom->reason);
    } else if (clean || dom->phase == WEIR_PHASE_STOPPING) {
        weir_dom_bury(dom);
    } else {
        weir_dom_death_reason(dom, status);
        if (weir_dom_can_revive(dom))
            weir_revive_died(dom, dom->reason);
        else
            weir_dom_ended(dom, dom->cfg.on_crash, true);
    }
}

void weir_dom_timer(struct weir_dom *dom, uint64_t now)
{
    switch (dom->phase) {
    case WEIR_PHASE_STARTING:
        if (weir_dom_is_vm(dom)) {
            weir_vm_load_timer(dom);
            break;
        }
        weir_dom_fail(
            dom, "kernel", "%s: not ready within %u s: see `weir log %s`",
            dom->cfg.kernel, (unsigned)((now - dom->created_ns) / 1000000000u),
            dom->cfg.name);
        break;
    case WEIR_PHASE_STOPPING:
        if (dom->stopper.client && !dom->devd->stopping) {
            dom->phase = WEIR_PHASE_RUNNING;
            weir_devd_answer(
                dom->devd, &dom->stopper, ETIMEDOUT, dom->domid, NULL,
                dom->rebooting ? "it did not reboot in time: look at `weir "
                                 "console`, or use `weir destroy`"
                               : "it did not power off in time: look at "
                                 "`weir console`, or use `weir destroy`");
            dom->rebooting = false;
        } else {
            weir_dom_kill(dom, "it did not power off in time");
        }
        break;
    case WEIR_PHASE_KILLED:
        weir_devd_log("domain %u (%s): still dying, device I/O is pending",
                      dom->domid, dom->cfg.name);
        dom->deadline_ns = now + KILL_WARN_MS * 1000000ull;
        break;
    case WEIR_PHASE_RESTARTING:
        weir_revive_timer(dom, now);
        break;
    default:
        break;
    }
}

void weir_dom_hv_event(struct weir_devd *d, const struct weir_hv_dominfo *i)
{
    struct weir_dom *dom = weir_dom_by_id(d, i->domid);

    if (!dom)
        return;
    if (weir_dom_is_vm(dom)) {
        dom->paused = i->state == WEIR_DOM_PAUSED;
        if (i->state == WEIR_DOM_CRASHED || i->state == WEIR_DOM_SHUTDOWN)
            weir_vm_ended(dom, i);
        return;
    }
    if (i->generation != dom->revival.generation)
        return; /* of a program that is gone */
    if (i->state == WEIR_DOM_RUNNING || i->state == WEIR_DOM_PAUSED) {
        dom->sealed = true;
        dom->paused = i->state == WEIR_DOM_PAUSED;
        weir_dom_check_started(dom);
    } else if (i->state == WEIR_DOM_CRASHED && dom->exit_src.fd < 0) {
        weir_revive_go_on(dom);
    } else if (i->state == WEIR_DOM_CRASHED && !dom->reason[0]) {
        /* The pidfd tells when it is dead; remember why. */
        snprintf(dom->reason, sizeof(dom->reason), "%s", i->reason);
        if (dom->phase == WEIR_PHASE_STARTING && dom != d->store)
            weir_dom_fail(dom, "kernel", "%s", i->reason);
    }
}
