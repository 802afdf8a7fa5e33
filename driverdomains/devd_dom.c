/* SPDX-License-Identifier: MIT
 *
 * Creation of a domain.  Everything that can be wrong with the request is
 * found before anything is made; from the first thing made on, a failure takes
 * all of it back.
 */
#include "driverdomains/devd.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define FRAMES_PER_MIB 256u

struct prepared {
    struct weir_dev *devs[WEIR_CFG_DISKS + WEIR_CFG_VIFS];
    unsigned n;
};

struct weir_dom *weir_dom_by_id(struct weir_devd *d, domid_t id)
{
    struct weir_dom *m = d->doms;

    while (m && m->domid != id)
        m = m->next;
    return m;
}

struct weir_dom *weir_dom_find(struct weir_devd *d, const char *text)
{
    uint64_t id;

    if (weir_cfg_u64(text, 0, UINT16_MAX, &id) == 0)
        return weir_dom_by_id(d, (domid_t)id);
    for (struct weir_dom *m = d->doms; m; m = m->next)
        if (!strcmp(m->cfg.name, text))
            return m;
    return NULL;
}

const char *weir_dom_phase_name(const struct weir_dom *dom)
{
    static const char *const names[] = {
        [WEIR_PHASE_STARTING] = "starting",
        [WEIR_PHASE_RUNNING] = "running",
        [WEIR_PHASE_STOPPING] = "stopping",
        [WEIR_PHASE_KILLED] = "dying",
        [WEIR_PHASE_DYING] = "dying",
        [WEIR_PHASE_CRASHED] = "crashed",
        [WEIR_PHASE_SHUTDOWN] = "shutdown",
        [WEIR_PHASE_RESTARTING] = "restarting",
    };

    return names[dom->phase];
}

/* Its home in the registry bears it. */
static int check_vm(struct weir_devd *d, const struct weir_domain_config *c,
                    struct weir_refusal *why)
{
    for (struct weir_dom *m = d->doms; c->uuid[0] && m; m = m->next)
        if (weir_dom_is_vm(m) && !strcasecmp(m->cfg.uuid, c->uuid))
            return weir_refuse(why, -EEXIST, "uuid",
                               "%s is in use by domain %u (%s): choose "
                               "another, or leave uuid= out",
                               c->uuid, m->domid, m->cfg.name);
    return weir_vm_check(c, why);
}

static int check_basics(struct weir_devd *d, const struct weir_domain_config *c,
                        struct weir_refusal *why)
{
    struct weir_dom *other;
    struct stat st;
    unsigned n = 0;

    if (!weir_cfg_name_ok(c->name))
        return weir_refuse(why, -EINVAL, "name",
                           "bad name \"%s\": use 1 to 63 letters, digits, "
                           "'-', '_', '.' or '+', starting with a letter",
                           c->name);
    other = weir_dom_find(d, c->name);
    if (other)
        return weir_refuse(why, -EEXIST, "name",
                           "\"%s\" is in use by domain %u: choose another "
                           "name, or `weir destroy %s` first",
                           c->name, other->domid, c->name);
    for (struct weir_dom *m = d->doms; m; m = m->next)
        n++;
    if (n >= WEIR_DEVD_DOMS)
        return weir_refuse(why, -ENOSPC, "name", "%u domains exist: no more",
                           n);
    if (c->memory_mib == 0)
        return weir_refuse(why, -EINVAL, "memory",
                           "0 MiB: a domain needs at least 1");
    if (c->type == WEIR_TYPE_PVH)
        return check_vm(d, c, why);
    if (c->kernel[0] != '/' || stat(c->kernel, &st) || !S_ISREG(st.st_mode))
        return weir_refuse(why, -ENOENT, "kernel",
                           "%s: no such program: give its path, or the name "
                           "of one beside weir",
                           c->kernel[0] ? c->kernel : "(none)");
    if (access(c->kernel, X_OK))
        return weir_refuse(why, -EACCES, "kernel",
                           "%s: cannot be executed: chmod +x it", c->kernel);
    if (c->private_mib == 0)
        return weir_refuse(why, -EINVAL, "private_memory",
                           "0 MiB: a process needs some");
    return 0;
}

/* Two devices of one request under one number. */
static int check_distinct(const struct prepared *p, const struct weir_dev *dev,
                          const char *where, struct weir_refusal *why)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->devs[i]->cls == dev->cls && p->devs[i]->devid == dev->devid)
            return weir_refuse(why, -EEXIST, where,
                               "device number %u is used twice: give another "
                               "%s",
                               dev->devid,
                               dev->cls == WEIR_RES_VBD ? "vdev" : "devid");
    return 0;
}

static int keep(struct prepared *p, struct weir_dev *dev, const char *where,
                struct weir_refusal *why)
{
    int rc = check_distinct(p, dev, where, why);

    if (rc) {
        weir_dev_free(dev);
        return rc;
    }
    dev->at_boot = true;
    p->devs[p->n++] = dev;
    return 0;
}

static int prepare_devices(struct weir_devd *d,
                           const struct weir_domain_config *c,
                           struct prepared *p, struct weir_refusal *why)
{
    struct weir_dev *dev;
    char where[32];
    int rc = 0;

    for (uint32_t i = 0; rc == 0 && i < c->ndisks; i++) {
        snprintf(where, sizeof(where), "disk[%u]", i);
        rc = weir_dev_prepare_disk(d, &c->disks[i], where, &dev, why);
        if (rc == 0)
            rc = keep(p, dev, where, why);
    }
    for (uint32_t i = 0; rc == 0 && i < c->nvifs; i++) {
        snprintf(where, sizeof(where), "vif[%u]", i);
        rc = weir_dev_prepare_vif(d, c->name, &c->vifs[i], i, where, &dev, why);
        if (rc == 0)
            rc = keep(p, dev, where, why);
    }
    return rc;
}

static int hv_refused(const struct weir_domain_config *c, int rc,
                      struct weir_refusal *why)
{
    uint32_t mib = c->type == WEIR_TYPE_PVH ? c->maxmem_mib : c->memory_mib;

    if (rc == -EEXIST)
        return weir_refuse(why, rc, "name",
                           "\"%s\" is in use: choose another name", c->name);
    if (rc == -ENOMEM)
        return weir_refuse(why, rc, "memory",
                           "weir-hv has no room for %u MiB: lower memory=, "
                           "destroy a domain, or `weir up --memory` more",
                           mib);
    if (rc == -ENODEV && c->type == WEIR_TYPE_PVH)
        return weir_refuse(why, rc, "type",
                           "/dev/kvm is not there or can't be used: enable "
                           "virtualisation, load kvm-intel or kvm-amd, and "
                           "start weir-hv again; or use type=\"process\"");
    if (rc == -EMFILE || rc == -ENFILE)
        return weir_refuse(why, rc, "name",
                           "weir-hv has no file descriptor left: destroy a "
                           "domain, or raise its limit (LimitNOFILE=)");
    return weir_refuse(why, rc, "name", "weir-hv refused the domain: %s",
                       strerror(-rc));
}

static int hv_create(struct weir_devd *d, const struct weir_domain_config *c,
                     domid_t *domid, int *fd, struct weir_refusal *why)
{
    bool vm = c->type == WEIR_TYPE_PVH;
    const struct weir_hv_create how = {
        .name = c->name,
        .kind = vm ? WEIR_DOM_VM : WEIR_DOM_PROCESS,
        .max_frames = vm ? c->maxmem_mib * FRAMES_PER_MIB + weir_vm_overhead(c)
                         : c->memory_mib * FRAMES_PER_MIB,
        .max_grants = c->max_grants,
        .max_ports = c->max_ports,
        .max_maps = c->max_maps,
        .has_store = true,
        .store_domid = WEIR_STORE_DOMID,
        .vcpus = vm ? c->vcpus : 0,
        .ram = vm ? (uint64_t)c->memory_mib * FRAMES_PER_MIB : 0,
    };
    struct weir_hv_machine m;
    int rc = weir_hvctl_machine(d->hv, &m);

    /* Quotas may add up to more than there is; one alone is a mistake. */
    if (rc == 0 && how.max_frames > m.frames_total)
        return weir_refuse(why, -ENOMEM, "memory",
                           "weir-hv has %llu MiB in all: lower memory=, or "
                           "`weir up --memory` more",
                           (unsigned long long)m.frames_total / FRAMES_PER_MIB);
    if (rc == 0)
        rc = weir_hvctl_create(d->hv, &how, domid, fd);
    return rc ? hv_refused(c, rc, why) : 0;
}

struct weir_dom *weir_dom_new(struct weir_devd *d,
                              const struct weir_domain_config *c, domid_t domid)
{
    struct weir_dom *dom = calloc(1, sizeof(*dom)), **end = &d->doms;

    if (!dom)
        return NULL;
    dom->devd = d;
    dom->cfg = *c;
    dom->domid = domid;
    weir_dom_no_fds(dom);
    if (weir_dom_is_vm(dom) && !dom->cfg.uuid[0])
        weir_vm_uuid(dom->cfg.uuid);
    dom->created_ns = weir_devd_now();
    dom->deadline_ns = dom->created_ns + WEIR_START_MS * 1000000ull;
    while (*end)
        end = &(*end)->next;
    *end = dom;
    return dom;
}

static int introduce(struct weir_dom *dom, struct weir_refusal *why)
{
    struct weir_hv_dominfo info;
    int rc = weir_hvctl_info(dom->devd->hv, dom->domid, &info);

    if (rc == 0)
        rc = weir_reg_domain(dom, &info);
    if (rc == 0)
        rc = weir_reg_introduce(dom, &info);
    if (rc)
        weir_refuse(why, rc, "name", "the registry refused the domain: %s",
                    strerror(-rc));
    return rc;
}

static int attach_all(struct weir_dom *dom, struct prepared *p,
                      struct weir_refusal *why)
{
    int rc = 0;

    for (unsigned i = 0; rc == 0 && i < p->n; i++) {
        struct weir_dev *dev = p->devs[i];
        char where[32];

        p->devs[i] = NULL; /* attach takes it over */
        snprintf(where, sizeof(where), "%s[%u]",
                 dev->cls == WEIR_RES_VBD ? "disk" : "vif",
                 dev->cls == WEIR_RES_VBD ? i : i - dom->cfg.ndisks);
        if (dev->vm_backend) /* its own deadline comes first */
            dom->deadline_ns =
                dom->created_ns + 2 * WEIR_VM_ATTACH_MS * 1000000ull;
        rc = weir_dev_attach(dom, dev, where, why);
    }
    return rc;
}

/* Everything after weir-hv knows the domain; a failure is taken back by
 * weir_dom_fail. */
static int build(struct weir_dom *dom, struct prepared *p, int hv_fd,
                 struct weir_refusal *why)
{
    int rc;

    WEIR_CRASH_POINT(); /* weir-hv knows it, and no record: it is unwanted */
    rc = weir_record_dom(dom);
    if (rc)
        weir_refuse(why, rc, "name",
                    "weir-hv keeps no more records of domains and devices: "
                    "%s: destroy some first",
                    strerror(-rc));
    if (rc == 0)
        rc = introduce(dom, why);
    WEIR_CRASH_POINT();
    if (rc == 0)
        rc = attach_all(dom, p, why);
    if (rc == 0)
        rc = weir_dom_is_vm(dom) ? weir_vm_load(dom, why)
                                 : weir_dom_start_process(dom, hv_fd, why);
    WEIR_CRASH_POINT();
    return rc;
}

static void drop_prepared(struct prepared *p)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->devs[i])
            weir_dev_free(p->devs[i]);
}

int weir_dom_create(struct weir_devd *d, const struct weir_domain_config *c,
                    struct weir_waiter w, const struct weir_restart *again,
                    struct weir_refusal *why)
{
    struct prepared p = {.n = 0};
    struct weir_dom *dom = NULL;
    domid_t domid = 0;
    int hv_fd = -1;
    int rc = check_basics(d, c, why);

    if (rc == 0)
        rc = prepare_devices(d, c, &p, why);
    if (rc == 0)
        rc = hv_create(d, c, &domid, &hv_fd, why);
    if (rc == 0) {
        dom = weir_dom_new(d, c, domid);
        if (!dom) {
            weir_hvctl_destroy(d->hv, domid);
            rc = weir_refuse(why, -ENOMEM, "name", "out of memory");
        }
    }
    if (dom) {
        dom->starter = w;
        dom->restarts = again ? again->count : 0;
        dom->streak = again ? again->streak : 0;
        dom->tries = again ? again->failed : 0;
        if (build(dom, &p, hv_fd, why))
            weir_dom_fail(dom, why->where, "%s", why->text);
        else if (!weir_dom_is_vm(dom))
            weir_devd_log("domain %u (%s) started, pid %d", dom->domid,
                          dom->cfg.name, (int)dom->pid);
        rc = 0; /* answered, or to be answered, through the waiter */
    }
    if (hv_fd >= 0)
        close(hv_fd);
    drop_prepared(&p);
    return rc;
}

void weir_dom_running(struct weir_dom *dom)
{
    dom->phase = WEIR_PHASE_RUNNING;
    dom->deadline_ns = 0;
    dom->start_us = (weir_devd_now() - dom->created_ns) / 1000;
    dom->revival.served_ns = weir_devd_now();
    weir_devd_answer(dom->devd, &dom->starter, 0, dom->domid, NULL, NULL);
}

void weir_dom_check_started(struct weir_dom *dom)
{
    bool vm = weir_dom_is_vm(dom);

    if (dom->phase == WEIR_PHASE_RESTARTING) {
        if (dom->revival.step == WEIR_REVIVE_STARTING && dom->sealed &&
            dom->ready)
            weir_resume_devices(dom);
        return;
    }
    if (dom->phase != WEIR_PHASE_STARTING || !(vm ? dom->loaded : dom->sealed))
        return;
    if (!vm && dom->cfg.driver_domain && !dom->ready)
        return;
    for (struct weir_dev *dev = dom->devd->devs; dev; dev = dev->next)
        if (dev->frontend == dom && dev->phase == WEIR_DEV_ATTACHING)
            return;
    if (vm)
        weir_vm_start(dom);
    else
        weir_dom_running(dom);
}
