/* SPDX-License-Identifier: MIT
 *
 * Driver domains: which one serves a device, and what they say on their
 * resource channels.  What a driver domain says is taken as its word about its
 * own devices and nothing else.
 */
#include "driverdomains/devd.h"
#include "backends/common/resource.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>

#define BROKE_PROTOCOL "it broke the resource channel's protocol"

static uint32_t offer_of(uint32_t cls)
{
    return cls == WEIR_RES_VBD ? WEIR_OFFERS_VBD : WEIR_OFFERS_VIF;
}

static bool offers(const struct weir_dom *dom, uint32_t cls)
{
    return dom->cfg.driver_domain &&
           (dom->phase == WEIR_PHASE_RUNNING ||
            dom->phase == WEIR_PHASE_RESTARTING) &&
           (dom->cfg.offers & offer_of(cls));
}

static int named(struct weir_devd *d, uint32_t cls, const char *name,
                 const char *where, struct weir_dom **out,
                 struct weir_refusal *why)
{
    struct weir_dom *dom = weir_dom_find(d, name);

    if (!dom)
        return weir_refuse(why, -ENOENT, where,
                           "backend \"%s\": no such domain: `weir list` shows "
                           "them",
                           name);
    if (!offers(dom, cls))
        return weir_refuse(why, -EINVAL, where,
                           "backend \"%s\" (domain %u, %s) offers no %s "
                           "devices: name a driver domain that does",
                           name, dom->domid, weir_dom_phase_name(dom),
                           weir_dev_class_name(cls));
    *out = dom;
    return 0;
}

int weir_backend_choose(struct weir_devd *d, uint32_t cls, const char *name,
                        const char *where, struct weir_dom **out,
                        struct weir_refusal *why)
{
    char list[160] = "";
    unsigned n = 0;

    if (name[0])
        return named(d, cls, name, where, out, why);
    for (struct weir_dom *m = d->doms; m; m = m->next) {
        size_t used = strlen(list);

        if (!offers(m, cls))
            continue;
        *out = m;
        snprintf(list + used, sizeof(list) - used, "%s%s", n++ ? ", " : "",
                 m->cfg.name);
    }
    if (n == 1)
        return 0;
    if (n == 0)
        return weir_refuse(why, -ENOENT, where,
                           "no driver domain offers %s devices: create one "
                           "first (driver_domain=1, kernel=\"%s\")",
                           weir_dev_class_name(cls),
                           cls == WEIR_RES_VBD ? "weir-blkback"
                                               : "weir-netback");
    return weir_refuse(why, -EINVAL, where,
                       "%u driver domains offer %s devices: add backend= with "
                       "one of %s",
                       n, weir_dev_class_name(cls), list);
}

static void fill_vbd(const struct weir_dev *dev, struct weir_resource *r)
{
    r->vbd.flags =
        (dev->disk.readonly ? WEIR_VBD_READONLY : 0) |
        (dev->disk.cdrom ? WEIR_VBD_CDROM : 0) |
        (dev->image.block ? WEIR_VBD_BLKDEV : 0) |
        (dev->disk.no_discard || dev->disk.readonly ? 0 : WEIR_VBD_DISCARD);
    /* Without O_DIRECT io_submit would block: use a thread that may. */
    r->vbd.engine = dev->image.direct ? dev->disk.engine : WEIR_VBD_SYNC;
    r->vbd.sector_size = dev->image.sector_size;
    r->vbd.queues = dev->disk.queues ? dev->disk.queues : 1;
    r->vbd.size = dev->image.size;
    r->vbd.iops = dev->disk.iops;
    r->vbd.bps = dev->disk.bps;
}

static void fill_vif(const struct weir_dev *dev, struct weir_resource *r)
{
    r->vif.flags = dev->vif.sink == WEIR_VIF_TAP ? WEIR_VIF_VNET_HDR : 0;
    r->vif.sink = dev->vif.sink;
    r->vif.queues = dev->vif.queues ? dev->vif.queues : 1;
    r->vif.mtu = dev->vif.mtu ? dev->vif.mtu : 1500;
    memcpy(r->vif.mac, dev->vif.mac, 6);
    r->vif.antispoof = dev->vif.antispoof;
    r->vif.rate_bps = dev->vif.rate_bps;
    r->vif.rate_window_us = dev->vif.rate_window_us;
}

bool weir_backend_listens(const struct weir_dom *backend)
{
    return backend->res_src.fd >= 0 &&
           (backend->phase != WEIR_PHASE_RESTARTING ||
            backend->revival.step == WEIR_REVIVE_RESUMING);
}

int weir_backend_say(struct weir_dom *dom, uint32_t op, uint32_t seq)
{
    struct weir_resource r = {.op = op, .seq = seq};

    return weir_resource_send(dom->res_src.fd, &r, NULL);
}

int weir_backend_send(struct weir_dev *dev, uint32_t op)
{
    struct weir_resource r = {.op = op, .cls = dev->cls};
    const char *target = dev->disk.target;
    size_t len = strlen(target);

    if (!dev->backend || !weir_backend_listens(dev->backend))
        return -ENOTCONN;
    r.frontend = dev->frontend->domid;
    r.devid = dev->devid;
    r.seq = op == WEIR_RES_DETACH && dev->phase == WEIR_DEV_CLOSING
                ? dev->order_seq
                : ++dev->frontend->devd->next_seq;
    r.nfds = op == WEIR_RES_ATTACH || op == WEIR_RES_RESUME ? dev->nfds : 0;
    if (dev->cls == WEIR_RES_VBD)
        fill_vbd(dev, &r);
    else
        fill_vif(dev, &r);
    /* The end of a path tells more than its start. */
    snprintf(r.label, sizeof(r.label), "%.63s",
             dev->cls == WEIR_RES_VIF ? dev->tap
             : len < sizeof(r.label)  ? target
                                      : target + len + 1 - sizeof(r.label));
    return weir_resource_send(dev->backend->res_src.fd, &r, dev->fds);
}

void weir_backend_attached(struct weir_dev *dev)
{
    struct weir_dom *frontend = dev->frontend;

    if (dev->phase != WEIR_DEV_ATTACHING)
        return;
    dev->phase = WEIR_DEV_ATTACHED;
    dev->deadline_ns = 0;
    weir_devd_answer(frontend->devd, &dev->attacher, 0, frontend->domid, NULL,
                     NULL);
    weir_dom_check_started(frontend);
}

void weir_backend_error(struct weir_dev *dev, const char *text)
{
    struct weir_dom *frontend = dev->frontend;
    char label[128];

    weir_dev_label(dev, label, sizeof(label));
    snprintf(dev->error, sizeof(dev->error), "%s", text);
    weir_devd_log("%s: %s", label, text);
    if (dev->resuming) {
        weir_resume_answered(dev, text); /* may free it */
        return;
    }
    if (dev->phase != WEIR_DEV_ATTACHING)
        return;
    if (frontend->phase == WEIR_PHASE_STARTING && dev->at_boot) {
        weir_dom_fail(frontend, dev->cls == WEIR_RES_VBD ? "disk" : "vif",
                      "%s: %s", label, text);
    } else {
        weir_devd_answer(frontend->devd, &dev->attacher, EIO, frontend->domid,
                         NULL, text);
        weir_dev_detach(dev, true, 0);
    }
}

static void about_device(struct weir_dom *dom,
                         const struct weir_resource_event *ev)
{
    struct weir_devd *d = dom->devd;
    struct weir_dom *frontend;
    struct weir_dev *dev = NULL;

    frontend = ev->frontend <= UINT16_MAX
                   ? weir_dom_by_id(d, (domid_t)ev->frontend)
                   : NULL;
    if (frontend)
        dev = weir_dev_find(d, frontend, ev->cls, ev->devid);
    if (!dev || dev->backend != dom)
        return; /* not its device, or removed meanwhile */
    if (ev->type == WEIR_RES_EV_ATTACHED)
        weir_backend_attached(dev);
    else if (ev->type == WEIR_RES_EV_ERROR)
        weir_backend_error(dev, ev->text);
    else if (ev->type == WEIR_RES_EV_RESUMED)
        weir_resume_answered(dev, NULL);
    else if (ev->type == WEIR_RES_EV_DETACHED && dev->phase >= WEIR_DEV_CLOSING)
        weir_dev_finish(dev, NULL);
}

static void clean(struct weir_resource_event *ev)
{
    for (char *p = ev->text; *p; p++)
        if ((unsigned char)*p < ' ' || (unsigned char)*p > '~')
            *p = '?';
}

void weir_backend_drain(struct weir_dom *dom)
{
    struct weir_resource_event ev;

    while (dom->res_src.fd >= 0 &&
           weir_resource_wait(dom->res_src.fd, &ev, 0) == 0) {
        clean(&ev);
        about_device(dom, &ev);
    }
}

void weir_backend_event(struct weir_source *s, uint32_t events)
{
    struct weir_dom *dom = weir_container(s, struct weir_dom, res_src);
    struct weir_resource_event ev;
    int rc = weir_resource_wait(s->fd, &ev, 0);

    (void)events;
    if (rc == -ETIMEDOUT)
        return;
    if (rc == -EPROTO) {
        if (weir_dom_comes_back(dom) && dom->exit_src.fd >= 0)
            weir_revive_kill(dom, BROKE_PROTOCOL, weir_devd_now());
        else
            weir_dom_kill(dom, BROKE_PROTOCOL);
        return;
    }
    if (rc) {
        /* Its end is closed: the pidfd tells the rest. */
        weir_source_close(dom->devd, s);
        return;
    }
    clean(&ev);
    WEIR_CRASH_POINT(); /* read, and nobody knows it */
    if (ev.type == WEIR_RES_EV_READY) {
        dom->ready = true;
        weir_dom_check_started(dom);
    } else if (ev.type == WEIR_RES_EV_PONG) {
        weir_heart_pong(dom);
    } else {
        about_device(dom, &ev);
    }
}
