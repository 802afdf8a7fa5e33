/* SPDX-License-Identifier: MIT
 *
 * Devices in the registry, with Xen's paths and permissions (xenstore-paths,
 * and what libxl writes): a backend owns the directory of each of its devices
 * and the frontend may read it, and the other way round.
 */
#include "driverdomains/devd_reg.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* What an agent inside a driver VM runs, as xl names it; Linux's xen-netback
 * insists on the node. */
#define SCRIPTS "/etc/xen/scripts/"

#define EVENTS_A_TURN 64

static void front_dir(const struct weir_dev *dev, char path[WEIR_REG_PATH])
{
    snprintf(path, WEIR_REG_PATH, "/local/domain/%u/device/%s/%u",
             dev->frontend->domid, weir_dev_class_name(dev->cls), dev->devid);
}

static void back_dir(const struct weir_dev *dev, char path[WEIR_REG_PATH])
{
    snprintf(path, WEIR_REG_PATH, "/local/domain/%u/backend/%s/%u/%u",
             dev->backend_domid, weir_dev_class_name(dev->cls),
             dev->frontend->domid, dev->devid);
}

static void write_disk(struct weir_reg *front, struct weir_reg *back,
                       const struct weir_dev *dev)
{
    const char *type = dev->disk.cdrom ? "cdrom" : "disk";

    weir_reg_num(front, "virtual-device", dev->devid);
    weir_reg_put(front, "device-type", type);
    weir_reg_put(back, "dev", dev->disk.vdev);
    weir_reg_put(back, "device-type", type);
    weir_reg_put(back, "type",
                 dev->vm_backend || dev->image.block ? "phy" : "file");
    weir_reg_put(back, "params", dev->disk.target);
    weir_reg_put(back, "mode", dev->disk.readonly ? "r" : "w");
    weir_reg_num(back, "removable", dev->disk.cdrom);
    weir_reg_num(back, "bootable", 1);
    if (dev->disk.no_discard)
        weir_reg_num(back, "discard-enable", 0);
    if (dev->vm_backend)
        weir_reg_put(back, "script", SCRIPTS "block");
}

static void write_vif(struct weir_reg *front, struct weir_reg *back,
                      const struct weir_dev *dev)
{
    const struct weir_vif_config *v = &dev->vif;
    char mac[18], rate[48];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0],
             v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
    weir_reg_num(front, "handle", dev->devid);
    weir_reg_put(front, "mac", mac);
    weir_reg_num(front, "mtu", v->mtu ? v->mtu : 1500);
    weir_reg_num(back, "handle", dev->devid);
    weir_reg_put(back, "mac", mac);
    weir_reg_put(back, "type", "vif");
    weir_reg_num(back, "mtu", v->mtu ? v->mtu : 1500);
    if (v->bridge[0])
        weir_reg_put(back, "bridge", v->bridge);
    if (dev->tap[0])
        weir_reg_put(back, "vifname", dev->tap);
    else if (dev->vm_backend && v->vifname[0])
        weir_reg_put(back, "vifname", v->vifname);
    if (dev->vm_backend)
        weir_reg_put(back, "script", SCRIPTS "vif-bridge");
    if (v->ip[0]) {
        weir_reg_put(front, "ip", v->ip);
        weir_reg_put(back, "ip", v->ip);
    }
    if (v->rate_bps) {
        uint64_t us = v->rate_window_us ? v->rate_window_us : 50000;

        /* Xen's unit: bytes in each window. */
        snprintf(rate, sizeof(rate), "%" PRIu64 ",%" PRIu64,
                 (uint64_t)((unsigned __int128)v->rate_bps * us / 1000000), us);
        weir_reg_put(back, "rate", rate);
    }
}

/* All of it then; and its ends may have changed their states since. */
static bool written(struct weir_reg *w, const char *back)
{
    uint64_t state;

    return weir_xs_read_u64(w->xs, w->tx, back, "state", &state) == 0;
}

static void write_device(struct weir_reg *w, void *what)
{
    struct weir_dev *dev = what;
    char front[WEIR_REG_PATH], back[WEIR_REG_PATH], parent[WEIR_REG_PATH];
    domid_t f = dev->frontend->domid, b = dev->backend_domid;
    struct weir_reg fw = *w, bw;

    front_dir(dev, front);
    back_dir(dev, back);
    if (w->again && written(w, back))
        return;
    snprintf(parent, sizeof(parent), "/local/domain/%u/device/%s", f,
             weir_dev_class_name(dev->cls));
    weir_reg_make(&fw, parent, weir_dom_is_vm(dev->frontend) ? 0 : f, f);
    weir_reg_make(&fw, front, f, b);
    snprintf(parent, sizeof(parent), "/local/domain/%u/backend/%s", b,
             weir_dev_class_name(dev->cls));
    weir_reg_make(&fw, parent, b, b);
    snprintf(parent, sizeof(parent), "/local/domain/%u/backend/%s/%u", b,
             weir_dev_class_name(dev->cls), f);
    weir_reg_make(&fw, parent, b, f);
    weir_reg_make(&fw, back, b, f);
    bw = fw;
    fw.dir = front;
    bw.dir = back;
    weir_reg_put(&fw, "backend", back);
    weir_reg_num(&fw, "backend-id", b);
    weir_reg_put(&bw, "frontend", front);
    weir_reg_num(&bw, "frontend-id", f);
    weir_reg_num(&bw, "online", 1);
    if (!dev->vm_backend) /* else the agent there says so */
        weir_reg_put(&bw, "hotplug-status", "connected");
    if (dev->cls == WEIR_RES_VBD)
        write_disk(&fw, &bw, dev);
    else
        write_vif(&fw, &bw, dev);
    weir_reg_num(&fw, "state", WEIR_XENBUS_INITIALISING);
    weir_reg_num(&bw, "state", WEIR_XENBUS_INITIALISING);
    w->rc = fw.rc ? fw.rc : bw.rc;
}

int weir_reg_device(struct weir_dev *dev)
{
    int rc = weir_reg_transaction(dev->frontend->devd, dev, write_device);

    dev->in_registry = rc == 0;
    return rc;
}

/* A driver VM has no other channel: state Closing is its order to detach. */
static void write_offline(struct weir_reg *w, void *what)
{
    const struct weir_dev *dev = what;
    uint64_t state = WEIR_XENBUS_UNKNOWN;
    char path[WEIR_REG_PATH];
    int rc;

    back_dir(dev, path);
    rc = weir_xs_read_u64(w->xs, w->tx, path, "state", &state);
    if (rc == -ENOENT)
        return; /* a node that its owner removed must not come back */
    w->dir = path;
    w->rc = rc == -EINVAL ? 0 : rc;
    weir_reg_num(w, "online", 0);
    if (dev->vm_backend && state < WEIR_XENBUS_CLOSING)
        weir_reg_num(w, "state", WEIR_XENBUS_CLOSING);
}

void weir_reg_device_offline(struct weir_dev *dev)
{
    weir_reg_transaction(dev->frontend->devd, dev, write_offline);
}

void weir_reg_remove_front(struct weir_dev *dev)
{
    struct weir_devd *d = dev->frontend->devd;
    char path[WEIR_REG_PATH];

    if (!dev->in_registry || !d->xs_open)
        return;
    front_dir(dev, path);
    weir_reg_rm(d, path);
}

void weir_reg_remove_device(struct weir_dev *dev, bool last_of_pair)
{
    struct weir_devd *d = dev->frontend->devd;
    char path[WEIR_REG_PATH];

    if (!dev->in_registry || !d->xs_open)
        return;
    weir_reg_remove_front(dev);
    back_dir(dev, path);
    if (last_of_pair)
        *strrchr(path, '/') = '\0';
    weir_reg_rm(d, path);
    dev->in_registry = false;
}

uint32_t weir_reg_front_state(struct weir_dev *dev)
{
    char path[WEIR_REG_PATH];
    uint64_t v;

    front_dir(dev, path);
    if (!dev->in_registry ||
        weir_reg_read_u64(dev->frontend->devd, path, "state", &v) ||
        v > WEIR_XENBUS_RECONFIGURED)
        return WEIR_XENBUS_UNKNOWN;
    return (uint32_t)v;
}

void weir_reg_back_error(struct weir_dev *dev, char *text, size_t size)
{
    char path[WEIR_REG_PATH], words[512];

    /* xenbus_dev_error's node, below the driver domain's own home. */
    snprintf(path, sizeof(path), "/local/domain/%u/error/backend/%s/%u/%u",
             dev->backend_domid, weir_dev_class_name(dev->cls),
             dev->frontend->domid, dev->devid);
    if (weir_reg_read(dev->frontend->devd, path, "error", words,
                      sizeof(words)) < 0)
        words[0] = '\0';
    snprintf(text, size, "%s", words);
    for (; *text; text++)
        if ((unsigned char)*text < ' ' || (unsigned char)*text > '~')
            *text = '?';
}

static void read_back_state(struct weir_dev *dev)
{
    char dir[WEIR_REG_PATH];
    uint64_t state;
    int rc;

    if (!dev->in_registry)
        return;
    back_dir(dev, dir);
    rc = weir_reg_read_u64(dev->frontend->devd, dir, "state", &state);
    if (rc == 0 && state <= WEIR_XENBUS_RECONFIGURED)
        dev->back_state = (uint32_t)state;
    else if (rc == -ENOENT)
        dev->back_state = WEIR_XENBUS_UNKNOWN;
}

uint32_t weir_reg_back_state(struct weir_dev *dev)
{
    read_back_state(dev);
    return dev->back_state;
}

/* Whoever may have gone on. */
static void act(struct weir_devd *d)
{
    struct weir_dev *dev = d->devs;

    while (dev)
        if (dev->vm_backend && weir_dev_back_changed(dev))
            dev = d->devs;
        else
            dev = dev->next;
}

static void all_states(struct weir_devd *d)
{
    for (struct weir_dev *dev = d->devs; dev; dev = dev->next)
        read_back_state(dev);
    act(d);
}

static void device_event(struct weir_devd *d, const char *path)
{
    char dir[WEIR_REG_PATH];

    for (struct weir_dev *dev = d->devs; dev; dev = dev->next) {
        size_t n;

        back_dir(dev, dir);
        n = strlen(dir);
        if (strncmp(path, dir, n) || (path[n] && strcmp(path + n, "/state")))
            continue;
        read_back_state(dev);
        if (dev->vm_backend)
            weir_dev_back_changed(dev);
        return;
    }
}

/* One event; 0: there is none, or no registry any more. */
static int one_event(struct weir_devd *d)
{
    struct weir_xs_event ev;
    int rc = weir_xs_next_event(&d->xs, &ev);

    if (rc == WEIR_XS_OVERFLOW || (rc < 0 && weir_store_again(d)))
        d->xs_stale = true;
    else if (rc > 0)
        device_event(d, ev.path);
    return d->xs_stale ? 0 : rc;
}

/* Each event can be followed by another before it is dealt with, as fast as a
 * driver domain writes: others get their turn in between. */
bool weir_reg_events(struct weir_devd *d)
{
    int rc = 0;

    for (unsigned n = 0; d->xs_open && n < EVENTS_A_TURN; n++) {
        rc = one_event(d);
        if (rc <= 0)
            break;
    }
    if (d->xs_stale && d->xs_open) {
        d->xs_stale = false; /* may be again meanwhile */
        all_states(d);
        return true;
    }
    if ((rc < 0 || !d->xs_open) && !d->stopping) {
        weir_devd_log("the registry is gone: stopping");
        d->exit_code = 1;
        weir_devd_stop(d);
    }
    return rc > 0;
}
