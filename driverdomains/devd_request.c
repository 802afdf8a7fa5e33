/* SPDX-License-Identifier: MIT
 *
 * Requests of the tools (devctl_abi.h).
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int refuse_domain(struct weir_refusal *why, const char *name)
{
    return weir_refuse(why, -ENOENT, "domain",
                       "domain \"%s\" does not exist: `weir list` shows those "
                       "that do",
                       name);
}

/* Handlers: 0 when w was answered or will be; else why is the answer. */
struct request {
    struct weir_devd *d;
    struct weir_client *c;
    struct weir_devctl_in *in;
    struct weir_waiter w;
    struct weir_refusal why;
};

static int hello(struct request *r)
{
    weir_devd_answer(r->d, &r->w, 0, 0, NULL, WEIR_VERSION);
    return 0;
}

static int create(struct request *r)
{
    static struct weir_domain_config cfg; /* one thread; 20 KiB */
    int rc;

    if (weir_devctl_get_domain(r->in, &cfg))
        return -EPROTO;
    if (r->d->stopping)
        return weir_refuse(&r->why, -ESHUTDOWN, "name",
                           "the device manager is stopping");
    rc = weir_dom_create(r->d, &cfg, r->w, NULL, &r->why);
    if (rc == 0) /* it takes the place; a refused one does not */
        weir_restart_cancel(r->d, cfg.name);
    return rc;
}

static int target(struct request *r, struct weir_devctl_target *t,
                  struct weir_dom **dom)
{
    if (weir_devctl_get(r->in, WEIR_REC_TARGET, t))
        return -EPROTO;
    *dom = weir_dom_find(r->d, t->domain);
    if (!*dom)
        return refuse_domain(&r->why, t->domain);
    if (*dom == r->d->store)
        return weir_refuse(&r->why, -EPERM, "domain",
                           "domain %s is the registry: it ends with `weir "
                           "down`",
                           t->domain);
    return 0;
}

/* A driver domain others depend on goes only when asked to twice. */
static int check_unused(struct request *r, struct weir_dom *dom)
{
    char users[160] = "";

    for (struct weir_dev *v = r->d->devs; v; v = v->next) {
        size_t used = strlen(users);

        if (v->backend == dom && v->frontend != dom &&
            !strstr(users, v->frontend->cfg.name))
            snprintf(users + used, sizeof(users) - used, "%s%s",
                     used ? ", " : "", v->frontend->cfg.name);
    }
    if (!users[0])
        return 0;
    return weir_refuse(&r->why, -EBUSY, "domain",
                       "domain %s serves %s: detach their devices first, or "
                       "use --force",
                       dom->cfg.name, users);
}

static int destroy(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc == -ENOENT && weir_restart_cancel(r->d, t.domain)) {
        weir_devd_answer(r->d, &r->w, 0, 0, NULL, NULL);
        return 0;
    }
    if (rc == 0 && !t.force)
        rc = check_unused(r, dom);
    if (rc)
        return rc;
    weir_devd_answer(r->d, &dom->stopper, EALREADY, dom->domid, NULL,
                     "destroyed by another request");
    dom->stopper = r->w;
    dom->cfg.on_crash = WEIR_ACTION_DESTROY;
    dom->restart = dom->rebooting = false;
    dom->restarts = 0;
    weir_dom_kill(dom, NULL);
    return 0;
}

static int check_asked(struct request *r, struct weir_dom *dom)
{
    if (dom->phase != WEIR_PHASE_RUNNING && dom->phase != WEIR_PHASE_STOPPING)
        return weir_refuse(&r->why, -EBUSY, "domain", "domain %s is %s",
                           dom->cfg.name, weir_dom_phase_name(dom));
    if (dom->stopper.client)
        return weir_refuse(&r->why, -EALREADY, "domain",
                           "domain %s is being shut down", dom->cfg.name);
    return 0;
}

/* As xl: a VM is asked whether it says that it listens or not, as it has more
 * to lose than a process. */
static int ask_vm(struct request *r, struct weir_dom *dom, const char *what,
                  uint32_t timeout_ms)
{
    int rc = weir_dom_ask(dom, what, timeout_ms ? timeout_ms : WEIR_VM_STOP_MS);

    if (rc)
        return weir_refuse(&r->why, rc, "domain", "the registry: %s",
                           strerror(-rc));
    dom->stopper = r->w;
    return 0;
}

static int shut_down(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc == 0)
        rc = check_unused(r, dom);
    if (rc == 0)
        rc = check_asked(r, dom);
    if (rc)
        return rc;
    if (weir_dom_is_vm(dom))
        return ask_vm(r, dom, "poweroff", t.timeout_ms);
    dom->stopper = r->w;
    weir_dom_shutdown(dom, t.timeout_ms ? t.timeout_ms : WEIR_DETACH_MS);
    return 0;
}

static int reboot(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc == 0 && !weir_dom_is_vm(dom))
        return weir_refuse(&r->why, -EOPNOTSUPP, "domain",
                           "domain %s is a process: `weir shutdown` and "
                           "`weir create` it",
                           dom->cfg.name);
    if (rc == 0)
        rc = check_unused(r, dom);
    if (rc == 0)
        rc = check_asked(r, dom);
    if (rc == 0)
        rc = ask_vm(r, dom, "reboot", t.timeout_ms);
    if (rc == 0)
        dom->rebooting = true;
    return rc;
}

static int restart(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc)
        return rc;
    if (r->d->stopping)
        return weir_refuse(&r->why, -ESHUTDOWN, "domain",
                           "the device manager is stopping");
    snprintf(r->why.where, sizeof(r->why.where), "domain");
    return weir_revive_ask(dom, r->w, r->why.text, sizeof(r->why.text));
}

static int mem_set(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc)
        return rc;
    if (!weir_dom_is_vm(dom))
        return weir_refuse(&r->why, -EOPNOTSUPP, "domain",
                           "domain %s is a process, which takes what it needs "
                           "up to memory=",
                           dom->cfg.name);
    if (dom->phase != WEIR_PHASE_RUNNING)
        return weir_refuse(&r->why, -EBUSY, "domain", "domain %s is %s",
                           dom->cfg.name, weir_dom_phase_name(dom));
    if (t.kib < 1024 || t.kib > dom->cfg.maxmem_mib * 1024ull)
        return weir_refuse(&r->why, -ERANGE, "domain",
                           "domain %s can have 1 to %u MiB: its maxmem= is the "
                           "most",
                           dom->cfg.name, dom->cfg.maxmem_mib);
    rc = weir_reg_target(dom, t.kib);
    if (rc)
        return weir_refuse(&r->why, rc, "domain", "the registry: %s",
                           strerror(-rc));
    dom->target_kib = t.kib;
    weir_devd_answer(r->d, &r->w, 0, dom->domid, NULL, NULL);
    return 0;
}

static int domains(struct request *r)
{
    weir_devd_list_domains(r->c, r->w.seq);
    return 0;
}

static int devices(struct request *r)
{
    struct weir_devctl_target t;

    if (weir_devctl_get(r->in, WEIR_REC_TARGET, &t))
        return -EPROTO;
    weir_devd_list_devices(r->c, r->w.seq, &t);
    return 0;
}

static uint32_t free_vif(struct weir_devd *d, struct weir_dom *dom)
{
    uint32_t i = 0;

    while (weir_dev_find(d, dom, WEIR_RES_VIF, i))
        i++;
    return i;
}

static int attach(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_disk_config disk;
    struct weir_vif_config vif;
    struct weir_dev *dev = NULL;
    struct weir_dom *dom;
    int rc = target(r, &t, &dom);

    if (rc)
        return rc;
    if (dom->phase != WEIR_PHASE_RUNNING)
        return weir_refuse(&r->why, -EBUSY, "domain",
                           "domain %s is %s: devices can be attached while it "
                           "runs",
                           dom->cfg.name, weir_dom_phase_name(dom));
    if (weir_devctl_peek(r->in) == WEIR_REC_DISK) {
        if (weir_devctl_get(r->in, WEIR_REC_DISK, &disk))
            return -EPROTO;
        rc = weir_dev_prepare_disk(r->d, &disk, "disk", &dev, &r->why);
    } else {
        if (weir_devctl_get(r->in, WEIR_REC_VIF, &vif))
            return -EPROTO;
        rc = weir_dev_prepare_vif(r->d, dom->cfg.name, &vif,
                                  free_vif(r->d, dom), "vif", &dev, &r->why);
    }
    if (rc)
        return rc;
    dev->attacher = r->w;
    return weir_dev_attach(dom, dev, dev->cls == WEIR_RES_VBD ? "disk" : "vif",
                           &r->why);
}

/* Ended and kept: nobody in it closes anything any more. */
static bool kept(const struct weir_dom *dom)
{
    return dom && (dom->phase == WEIR_PHASE_CRASHED ||
                   dom->phase == WEIR_PHASE_SHUTDOWN);
}

static int detach(struct request *r)
{
    struct weir_devctl_target t;
    struct weir_dom *dom;
    struct weir_dev *dev;
    char label[128];
    int rc = target(r, &t, &dom);

    if (rc)
        return rc;
    if (t.cls != WEIR_RES_VBD && t.cls != WEIR_RES_VIF)
        return -EPROTO;
    dev = weir_dev_by_text(r->d, dom, t.cls, t.device);
    if (!dev)
        return weir_refuse(
            &r->why, -ENOENT, "device",
            "domain %s has no %s \"%s\": `weir %s-list %s` "
            "shows those it has",
            dom->cfg.name, t.cls == WEIR_RES_VBD ? "disk" : "vif", t.device,
            t.cls == WEIR_RES_VBD ? "block" : "network", dom->cfg.name);
    weir_devd_answer(r->d, &dev->detacher, EALREADY, dom->domid, NULL,
                     "another request detaches it too");
    dev->detacher = r->w;
    weir_dev_label(dev, label, sizeof(label));
    if (dom->phase == WEIR_PHASE_STARTING) /* it is part of that start */
        weir_dom_fail(dom, "backend", "%s: detached while it started", label);
    else
        weir_dev_detach(dev, t.force || kept(dom) || kept(dev->backend),
                        t.timeout_ms);
    return 0;
}

static int down(struct request *r)
{
    weir_devd_answer(r->d, &r->d->downer, EALREADY, 0, NULL, NULL);
    r->d->downer = r->w;
    weir_devd_stop(r->d);
    return 0;
}

static int (*const handlers[])(struct request *) = {
    [WEIR_DEVCTL_HELLO] = hello,     [WEIR_DEVCTL_CREATE] = create,
    [WEIR_DEVCTL_DESTROY] = destroy, [WEIR_DEVCTL_SHUTDOWN] = shut_down,
    [WEIR_DEVCTL_DOMAINS] = domains, [WEIR_DEVCTL_DEVICES] = devices,
    [WEIR_DEVCTL_ATTACH] = attach,   [WEIR_DEVCTL_DETACH] = detach,
    [WEIR_DEVCTL_DOWN] = down,       [WEIR_DEVCTL_REBOOT] = reboot,
    [WEIR_DEVCTL_MEMSET] = mem_set,  [WEIR_DEVCTL_RESTART] = restart,
};

void weir_devd_request(struct weir_client *c, const void *buf, size_t len)
{
    struct weir_devctl_in in = {0};
    struct request r = {.d = c->devd, .c = c, .in = &in};
    int rc = weir_devctl_open(&in, buf, len);

    r.w.client = c->id;
    r.w.seq = in.seq;
    if (rc == 0)
        rc = in.op < sizeof(handlers) / sizeof(handlers[0]) && handlers[in.op]
                 ? handlers[in.op](&r)
                 : -EPROTO;
    if (rc == 0)
        return;
    if (rc == -EPROTO || rc == -EPROTONOSUPPORT) {
        weir_refuse(&r.why, rc, "request",
                    "not understood: weir and weir-devd %s must have the same "
                    "version",
                    WEIR_VERSION);
    }
    weir_devd_answer(r.d, &r.w, -rc, 0, r.why.where, r.why.text);
}
