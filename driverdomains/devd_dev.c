/* SPDX-License-Identifier: MIT
 *
 * Life of a device: attach (tap, both registry directories, descriptors to the
 * backend), detach (the backend lets the frontend close first), and by force.
 */
#include "backends/net/host/hostif.h"
#include "driverdomains/devd.h"
#include "driverdomains/devd_filter.h"
#include "ring/crash_point.h"

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

static bool has_tap(const struct weir_dev *dev)
{
    return dev->cls == WEIR_RES_VIF && dev->vif.sink == WEIR_VIF_TAP &&
           !dev->vm_backend;
}

static void name_tap(struct weir_dev *dev)
{
    if (dev->vif.vifname[0])
        snprintf(dev->tap, sizeof(dev->tap), "%s", dev->vif.vifname);
    else
        weir_instance_tap(&dev->frontend->devd->in, dev->frontend->domid,
                          dev->devid, dev->tap);
}

static int record(struct weir_dev *dev, const char *where,
                  struct weir_refusal *why)
{
    int rc = weir_record_dev(dev);

    return rc ? weir_refuse(why, rc, where,
                            "weir-hv keeps no more records of domains and "
                            "devices: %s: detach some first",
                            strerror(-rc))
              : 0;
}

static int make_tap(struct weir_dev *dev, const char *where,
                    struct weir_refusal *why)
{
    struct weir_hostif_err e = {""};
    struct weir_tap_config how = {
        .name = dev->tap,
        .queues = dev->vif.queues ? dev->vif.queues : 1,
        .mtu = dev->vif.mtu,
        .bridge = dev->vif.bridge,
    };
    int rc = weir_tap_create(&how, dev->fds, &e);

    WEIR_CRASH_POINT(); /* it ends with the manager's descriptors */
    if (rc)
        return weir_refuse(why, rc, where, "%s", e.text);
    dev->nfds = how.queues;
    rc = weir_filter_dev(dev, where, why);
    WEIR_CRASH_POINT();
    /* With its queues: the backend alone would have them else. */
    return rc ? rc : record(dev, where, why);
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
    WEIR_CRASH_POINT();
    /* First the tap: a backend that kept it must not send unfiltered.  Without
     * queues it was not made: of that name there is somebody else's, if any. */
    if (dev->tap[0] && dev->nfds && weir_hostif_delete(dev->tap, &e))
        weir_devd_log("%s", e.text);
    WEIR_CRASH_POINT();
    weir_filter_forget(dev);
    unlink_dev(dev->frontend->devd, dev);
    /* Before the descriptors: the last close may take its time. */
    weir_record_drop(dev->frontend->devd, &dev->rec);
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
    dev->phase = WEIR_DEV_ATTACHING;
    if (has_tap(dev))
        name_tap(dev);
    rc = record(dev, where, why); /* a successor takes back what was begun */
    if (rc == 0 && has_tap(dev))
        rc = make_tap(dev, where, why);
    if (rc == 0) {
        rc = weir_reg_device(dev);
        WEIR_CRASH_POINT();
        if (rc)
            weir_refuse(why, rc, where, "the registry refused the device: %s",
                        strerror(-rc));
    }
    if (rc == 0 && !dev->vm_backend) {
        rc = order(dev, WEIR_RES_ATTACH);
        WEIR_CRASH_POINT();
        if (rc)
            weir_refuse(why, rc, where, "driver domain %s takes no device: %s",
                        dev->backend->cfg.name, strerror(-rc));
    }
    if (rc) {
        take_back(dev);
        return rc;
    }
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
    weir_record_dev(dev);
    if (dev->vm_backend) {
        weir_vmback_release(dev);
        return;
    }
    /* Gone from the registry, the frontend counts as out.  The second
     * DETACH means: now. */
    weir_reg_remove_device(dev, last_of_pair(dev));
    WEIR_CRASH_POINT();
    if (weir_backend_send(dev, WEIR_RES_DETACH) ||
        weir_backend_send(dev, WEIR_RES_DETACH))
        weir_dev_finish(dev, dev->backend ? "its driver domain takes no order"
                                          : NULL);
}

/* Also once more, by another manager: its order bears the same number.  false:
 * it is gone, or on its way by force. */
static bool close_in_order(struct weir_dev *dev)
{
    weir_reg_device_offline(dev);
    WEIR_CRASH_POINT();
    if (dev->vm_backend) /* it may have been closed before */
        return !weir_dev_back_changed(dev);
    if (order(dev, WEIR_RES_DETACH)) {
        release(dev);
        return false;
    }
    WEIR_CRASH_POINT();
    return true;
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
        dev->phase = WEIR_DEV_CLOSING;
        dev->order_seq = ++dev->frontend->devd->next_seq;
        weir_record_dev(dev);
        if (!close_in_order(dev))
            return;
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

void weir_dev_go_on(struct weir_dev *dev)
{
    uint64_t now = weir_devd_now();

    if (!dev->backend) {
        weir_dev_finish(dev, "its driver domain is gone");
        return;
    }
    switch (dev->phase) {
    case WEIR_DEV_ATTACHING:
        if (dev->vm_backend && weir_dev_back_changed(dev))
            break;
        /* A guest that ends takes its devices along; it may stay, too. */
        if (dev->frontend->phase == WEIR_PHASE_RUNNING)
            weir_dev_detach(dev, true, 0);
        else
            dev->deadline_ns = now + attach_ms(dev) * 1000000ull;
        break;
    case WEIR_DEV_CLOSING:
        dev->deadline_ns = now + WEIR_DETACH_MS * 1000000ull;
        close_in_order(dev);
        break;
    case WEIR_DEV_RELEASING:
        release(dev);
        break;
    default:
        break;
    }
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
