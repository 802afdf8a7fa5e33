/* SPDX-License-Identifier: MIT
 *
 * Life of a device: attach (tap, both registry directories, descriptors to the
 * backend), detach (the backend lets the frontend close first), and by force.
 */
#include "backends/net/host/hostif.h"
#include "driverdomains/devd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *weir_dev_class_name(uint32_t cls)
{
    return cls == WEIR_RES_VBD ? "vbd" : cls == WEIR_RES_VIF ? "vif" : "?";
}

const char *weir_dev_phase_name(const struct weir_dev *dev)
{
    static const char *const names[] = {
        [WEIR_DEV_ATTACHING] = "attaching",
        [WEIR_DEV_ATTACHED] = "attached",
        [WEIR_DEV_CLOSING] = "closing",
        [WEIR_DEV_RELEASING] = "releasing",
    };

    return names[dev->phase];
}

void weir_dev_label(const struct weir_dev *dev, char *buf, size_t size)
{
    if (dev->cls == WEIR_RES_VBD)
        snprintf(buf, size, "disk %s of domain %s", dev->disk.vdev,
                 dev->frontend->cfg.name);
    else
        snprintf(buf, size, "vif %u of domain %s", dev->devid,
                 dev->frontend->cfg.name);
}

struct weir_dev *weir_dev_find(struct weir_devd *d,
                               const struct weir_dom *frontend, uint32_t cls,
                               uint32_t devid)
{
    struct weir_dev *v = d->devs;

    while (v && (v->frontend != frontend || v->cls != cls || v->devid != devid))
        v = v->next;
    return v;
}

/* As people name it: a vdev, a device number, a MAC address. */
struct weir_dev *weir_dev_by_text(struct weir_devd *d,
                                  const struct weir_dom *frontend, uint32_t cls,
                                  const char *text)
{
    struct weir_cfg_error e;
    uint8_t mac[6];
    uint64_t n;
    uint32_t devid;

    if (weir_cfg_u64(text, 0, UINT32_MAX, &n) == 0)
        return weir_dev_find(d, frontend, cls, (uint32_t)n);
    if (cls == WEIR_RES_VBD)
        return weir_vdev_to_devid(text, &devid)
                   ? NULL
                   : weir_dev_find(d, frontend, cls, devid);
    if (weir_cfg_mac(text, mac, &e))
        return NULL;
    for (struct weir_dev *v = d->devs; v; v = v->next)
        if (v->frontend == frontend && v->cls == cls &&
            !memcmp(v->vif.mac, mac, 6))
            return v;
    return NULL;
}

static int make_tap(struct weir_dev *dev, const char *where,
                    struct weir_refusal *why)
{
    struct weir_hostif_err e = {""};
    char name[WEIR_CFG_IF];
    struct weir_tap_config how = {
        .name = name,
        .queues = dev->vif.queues ? dev->vif.queues : 1,
        .mtu = dev->vif.mtu,
        .bridge = dev->vif.bridge,
    };
    int rc;

    if (dev->vif.vifname[0])
        snprintf(name, sizeof(name), "%s", dev->vif.vifname);
    else
        weir_instance_tap(&dev->frontend->devd->in, dev->frontend->domid,
                          dev->devid, name);
    rc = weir_tap_create(&how, dev->fds, &e);
    if (rc)
        return weir_refuse(why, rc, where, "%s", e.text);
    dev->nfds = how.queues;
    memcpy(dev->tap, name, sizeof(name));
    return weir_filter_dev(dev, where, why);
}

static void unlink_dev(struct weir_devd *d, struct weir_dev *dev)
{
    struct weir_dev **p = &d->devs;

    while (*p && *p != dev)
        p = &(*p)->next;
    if (*p)
        *p = dev->next;
}

static bool last_of_pair(const struct weir_dev *dev)
{
    for (struct weir_dev *v = dev->frontend->devd->devs; v; v = v->next)
        if (v != dev && v->frontend == dev->frontend && v->cls == dev->cls &&
            v->backend_domid == dev->backend_domid)
            return false;
    return true;
}

static void take_back(struct weir_dev *dev)
{
    struct weir_hostif_err e;

    weir_reg_remove_device(dev, last_of_pair(dev));
    /* First the tap: a backend that kept it must not send unfiltered. */
    if (dev->tap[0] && weir_hostif_delete(dev->tap, &e))
        weir_devd_log("%s", e.text);
    weir_filter_forget(dev);
    unlink_dev(dev->frontend->devd, dev);
    weir_dev_free(dev);
}

/* One that died, noticed or not, and comes back: its next program is told of
 * what is wanted. */
static int order(struct weir_dev *dev, uint32_t op)
{
    const struct weir_dom *b = dev->backend;
    int rc = weir_backend_send(dev, op);
    bool gone = rc == -ENOTCONN || rc == -EPIPE || rc == -ECONNRESET;

    return gone && b && weir_dom_comes_back(b) ? 0 : rc;
}

static unsigned attach_ms(const struct weir_dev *dev)
{
    return dev->vm_backend ? WEIR_VM_ATTACH_MS : WEIR_START_MS;
}

int weir_dev_attach(struct weir_dom *frontend, struct weir_dev *dev,
                    const char *where, struct weir_refusal *why)
{
    struct weir_devd *d = frontend->devd;
    int rc = 0;

    dev->frontend = frontend;
    if (dev->backend == frontend) {
        weir_dev_free(dev);
        return weir_refuse(why, -EINVAL, where,
                           "domain %s cannot serve itself: name another "
                           "backend",
                           frontend->cfg.name);
    }
    if (weir_dev_find(d, frontend, dev->cls, dev->devid)) {
        rc = weir_refuse(why, -EEXIST, where,
                         "domain %s has %s device %u already: choose another "
                         "number, or detach that one",
                         frontend->cfg.name, weir_dev_class_name(dev->cls),
                         dev->devid);
        weir_dev_free(dev);
        return rc;
    }
    dev->next = d->devs;
    d->devs = dev;
    if (dev->cls == WEIR_RES_VIF && dev->vif.sink == WEIR_VIF_TAP &&
        !dev->vm_backend)
        rc = make_tap(dev, where, why);
    if (rc == 0) {
        rc = weir_reg_device(dev);
        if (rc)
            weir_refuse(why, rc, where, "the registry refused the device: %s",
                        strerror(-rc));
    }
    if (rc == 0 && !dev->vm_backend) {
        rc = order(dev, WEIR_RES_ATTACH);
        if (rc)
            weir_refuse(why, rc, where, "driver domain %s takes no device: %s",
                        dev->backend->cfg.name, strerror(-rc));
    }
    if (rc) {
        take_back(dev);
        return rc;
    }
    dev->phase = WEIR_DEV_ATTACHING;
    dev->deadline_ns = weir_devd_now() + attach_ms(dev) * 1000000ull;
    return 0;
}

void weir_dev_finish(struct weir_dev *dev, const char *trouble)
{
    struct weir_dom *frontend = dev->frontend, *backend = dev->backend;
    struct weir_devd *d = frontend->devd;
    struct weir_waiter attacher = dev->attacher, detacher = dev->detacher;
    bool boot = dev->at_boot; /* acknowledged or not: not without it */
    char label[128];

    weir_dev_label(dev, label, sizeof(label));
    weir_devd_log("%s is detached%s%s", label, trouble ? ": " : "",
                  trouble ? trouble : "");
    take_back(dev);
    weir_devd_answer(d, &attacher, EIO, frontend->domid, NULL,
                     trouble ? trouble : "detached meanwhile");
    weir_devd_answer(d, &detacher, 0, frontend->domid, NULL, trouble);
    if (boot && frontend->phase == WEIR_PHASE_STARTING)
        weir_dom_fail(frontend, "backend", "%s: %s", label,
                      trouble ? trouble : "detached while it started");
    else
        weir_dom_check_gone(frontend);
    if (backend && backend != frontend) {
        weir_resume_check(backend);
        weir_dom_check_gone(backend);
    }
}

static void release(struct weir_dev *dev)
{
    dev->phase = WEIR_DEV_RELEASING;
    dev->deadline_ns = weir_devd_now() + WEIR_FORCE_MS * 1000000ull;
    if (dev->vm_backend) {
        weir_vmback_release(dev);
        return;
    }
    /* Gone from the registry, the frontend counts as out.  The second
     * DETACH means: now. */
    weir_reg_remove_device(dev, last_of_pair(dev));
    if (weir_backend_send(dev, WEIR_RES_DETACH) ||
        weir_backend_send(dev, WEIR_RES_DETACH))
        weir_dev_finish(dev, dev->backend ? "its driver domain takes no order"
                                          : NULL);
}

void weir_dev_detach(struct weir_dev *dev, bool force, uint32_t timeout_ms)
{
    if (dev->phase == WEIR_DEV_RELEASING)
        return;
    if (force || !dev->backend) {
        release(dev);
        return;
    }
    if (dev->phase != WEIR_DEV_CLOSING) {
        weir_reg_device_offline(dev);
        if (!dev->vm_backend && order(dev, WEIR_RES_DETACH)) {
            release(dev);
            return;
        }
        dev->phase = WEIR_DEV_CLOSING;
        if (dev->vm_backend && weir_dev_back_changed(dev))
            return; /* it was closed before */
    }
    dev->deadline_ns = weir_devd_now() +
                       (timeout_ms ? timeout_ms : WEIR_DETACH_MS) * 1000000ull;
}

/* Nobody took it. */
static void attach_timeout(struct weir_dev *dev, const char *label)
{
    const char *backend = dev->backend ? dev->backend->cfg.name : "?";
    struct weir_dom *frontend = dev->frontend;
    char text[256];

    if (dev->vm_backend)
        snprintf(text, sizeof(text),
                 "driver domain %s did not take it within %d s: its %s backend "
                 "never got to InitWait: look at `weir console %s`",
                 backend, WEIR_VM_ATTACH_MS / 1000,
                 weir_dev_class_name(dev->cls), backend);
    else if (dev->at_boot)
        snprintf(text, sizeof(text),
                 "driver domain %s did not take it within %d s", backend,
                 WEIR_START_MS / 1000);
    else
        snprintf(text, sizeof(text),
                 "the driver domain did not take it in time: see its log");
    if (dev->at_boot && frontend->phase == WEIR_PHASE_STARTING) {
        weir_dom_fail(frontend, "backend", "%s: %s", label, text);
        return;
    }
    weir_devd_answer(frontend->devd, &dev->attacher, ETIMEDOUT, frontend->domid,
                     NULL, text);
    weir_dev_detach(dev, true, 0);
}

void weir_dev_timer(struct weir_dev *dev, uint64_t now)
{
    struct weir_dom *frontend = dev->frontend;
    char label[128];

    (void)now;
    weir_dev_label(dev, label, sizeof(label));
    switch (dev->phase) {
    case WEIR_DEV_ATTACHING:
        attach_timeout(dev, label);
        break;
    case WEIR_DEV_CLOSING:
        weir_devd_log("%s: the frontend does not close", label);
        weir_devd_answer(frontend->devd, &dev->detacher, ETIMEDOUT,
                         frontend->domid, NULL,
                         "the guest does not let go of it: stop its use in "
                         "the guest, or detach with --force");
        break;
    case WEIR_DEV_RELEASING:
        weir_dev_finish(dev, "its driver domain did not release it in time");
        break;
    default:
        break;
    }
}
