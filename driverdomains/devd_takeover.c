/* SPDX-License-Identifier: MIT
 *
 * How each domain and device goes on under a new manager.  What the last one
 * had begun is done again, or taken back where somebody who is not there any
 * more wanted it.
 */
#include "driverdomains/devd_takeover.h"
#include "driverdomains/sandbox.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LEAST_STOP_NS 1000000000ull

struct weir_dom *weir_takeover_next(struct weir_devd *d, uint32_t first)
{
    struct weir_dom *best = NULL;

    for (struct weir_dom *m = d->doms; m; m = m->next)
        if (m != d->store && m->domid >= first &&
            (!best || m->domid < best->domid))
            best = m;
    return best;
}

struct weir_dom *weir_takeover_ghost(struct weir_takeover *t, uint32_t domid)
{
    static struct weir_domain_config cfg; /* one thread; 20 KiB */
    struct weir_hv_dominfo info = {0};
    struct weir_dom *dom = weir_dom_by_id(t->d, (domid_t)domid);

    if (dom)
        return dom;
    weir_domain_config_init(&cfg);
    snprintf(cfg.name, sizeof(cfg.name), "domain-%u", domid);
    if (weir_hvctl_info(t->d->hv, (domid_t)domid, &info) == 0 &&
        weir_cfg_name_ok(info.name))
        snprintf(cfg.name, sizeof(cfg.name), "%.63s", info.name);
    dom = weir_dom_new(t->d, &cfg, (domid_t)domid);
    if (!dom)
        return NULL;
    dom->phase = WEIR_PHASE_KILLED;
    snprintf(dom->reason, sizeof(dom->reason),
             "its last manager left no record of it");
    t->ended++;
    return dom;
}

/* Started, and the manager died before it could note by whom. */
static void find_program(struct weir_dom *dom,
                         const struct weir_hv_dominfo *info)
{
    struct weir_hv_dominfo still = {0};
    int fd;

    if (dom->exit_src.fd >= 0 || weir_dom_is_vm(dom) || info->pid <= 0 ||
        info->state == WEIR_DOM_CRASHED)
        return;
    fd = (int)syscall(SYS_pidfd_open, info->pid, 0);
    if (fd < 0)
        return;
    /* Alive after that, so it was not another of its number. */
    if (weir_hvctl_info(dom->devd->hv, dom->domid, &still) ||
        still.state == WEIR_DOM_CRASHED || still.pid != info->pid ||
        still.generation != info->generation ||
        weir_source_add(dom->devd, &dom->exit_src, fd, weir_dom_exited)) {
        close(fd);
        return;
    }
    dom->pid = info->pid;
}

/* It has none that is known, so none may be left; one that weir-hv never heard
 * of dies with its manager, but takes a moment. */
static void end_strays(struct weir_dom *dom)
{
    char group[64];

    if (dom->exit_src.fd >= 0 || weir_dom_is_vm(dom))
        return;
    snprintf(group, sizeof(group), "%u-%.50s", dom->domid, dom->cfg.name);
    weir_cgroup_kill(&dom->devd->cgroups, group);
}

static bool has_ended(const struct weir_dom *dom,
                      const struct weir_hv_dominfo *info)
{
    struct pollfd p = {.fd = dom->exit_src.fd, .events = POLLIN};

    if (info->state == WEIR_DOM_CRASHED || info->state == WEIR_DOM_SHUTDOWN)
        return dom->phase == WEIR_PHASE_RUNNING ||
               dom->phase == WEIR_PHASE_STOPPING;
    return p.fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Its end may have been seen, and not what followed from it. */
static void running(struct weir_dom *dom, bool known)
{
    if (dom->cfg.driver_domain)
        weir_resume_remove(dom);
    if (!known)
        weir_dom_kill(dom, "weir-hv does not know it");
    else if (!weir_dom_is_vm(dom) && dom->exit_src.fd < 0)
        weir_dom_program_gone(dom, "the program ended, no manager saw how",
                              false);
}

static void go_on(struct weir_takeover *t, struct weir_dom *dom)
{
    struct weir_hv_dominfo info = {0};
    uint64_t now = weir_devd_now();
    bool known = weir_hvctl_info(t->d->hv, dom->domid, &info) == 0;

    if (known) {
        dom->revival.generation = info.generation;
        find_program(dom, &info);
        t->ended += has_ended(dom, &info);
    }
    end_strays(dom);
    WEIR_CRASH_POINT(); /* a second time is as the first */
    switch (dom->phase) {
    case WEIR_PHASE_STARTING:
        weir_dom_fail(dom, "name", "the device manager died while it started");
        break;
    case WEIR_PHASE_STOPPING:
        if (dom->deadline_ns < now + LEAST_STOP_NS)
            dom->deadline_ns = now + LEAST_STOP_NS;
        running(dom, known);
        break;
    case WEIR_PHASE_RUNNING:
        running(dom, known);
        break;
    case WEIR_PHASE_KILLED:
    case WEIR_PHASE_DYING:
        dom->phase = WEIR_PHASE_KILLED;
        if (dom->exit_src.fd >= 0)
            weir_sandbox_kill(dom->exit_src.fd);
        else
            weir_dom_bury(dom);
        break;
    case WEIR_PHASE_RESTARTING:
        weir_revive_taken_over(dom);
        break;
    default:
        break;
    }
}

static struct weir_dev *next_dev(struct weir_devd *d, uint64_t first)
{
    struct weir_dev *best = NULL;

    for (struct weir_dev *v = d->devs; v; v = v->next)
        if (v->rec.key >= first && (!best || v->rec.key < best->rec.key))
            best = v;
    return best;
}

/* What lies unread in a channel was said to the last manager, and counts. */
static void devices_go_on(struct weir_devd *d)
{
    struct weir_dom *m;
    struct weir_dev *v;
    uint64_t key = 0;

    for (uint32_t id = 0; (m = weir_takeover_next(d, id));) {
        id = m->domid + 1u;
        if (m->phase == WEIR_PHASE_RUNNING)
            weir_backend_drain(m);
    }
    while ((v = next_dev(d, key))) {
        key = v->rec.key + 1;
        weir_reg_back_state(v);
        weir_dev_go_on(v);
        WEIR_CRASH_POINT();
    }
}

/* What weir-hv told while nobody listened. */
static void states_again(struct weir_devd *d)
{
    struct weir_hv_dominfo info;
    struct weir_dom *m;

    for (uint32_t id = 0; (m = weir_takeover_next(d, id));) {
        id = m->domid + 1u;
        memset(&info, 0, sizeof(info));
        if (weir_hvctl_info(d->hv, m->domid, &info) == 0)
            weir_dom_hv_event(d, &info);
    }
}

void weir_takeover_all(struct weir_takeover *t)
{
    struct weir_dom *m;

    weir_sweep_domains(t->d);
    for (uint32_t id = 0; (m = weir_takeover_next(t->d, id));) {
        id = m->domid + 1u;
        go_on(t, m);
    }
    devices_go_on(t->d);
    states_again(t->d);
    weir_sweep_registry(t->d);
}
