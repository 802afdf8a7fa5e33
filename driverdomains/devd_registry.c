/* SPDX-License-Identifier: MIT
 *
 * What the manager writes into the registry, with Xen's paths and permissions
 * (xenstore-paths, and what libxl writes): a domain owns its device/ and
 * backend/ directories and reads its own home; a backend owns the directory
 * of each of its devices and the frontend may read it, and the other way
 * round.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define PATH_MAX_   160
#define TX_ATTEMPTS 64

struct writer {
    struct weir_xs *xs;
    weir_xs_tx tx;
    const char *dir;
    int rc; /* the first failure; later calls do nothing */
};

static void put(struct writer *w, const char *key, const char *value)
{
    if (w->rc == 0)
        w->rc = weir_xs_write_key(w->xs, w->tx, w->dir, key, value);
}

static void put_num(struct writer *w, const char *key, uint64_t value)
{
    if (w->rc == 0)
        w->rc = weir_xs_write_u64(w->xs, w->tx, w->dir, key, value);
}

/* A directory with its owner and, when not the owner, one reader. */
static void make(struct writer *w, const char *path, domid_t owner,
                 domid_t reader)
{
    char perms[32];
    int n = snprintf(perms, sizeof(perms), "n%u", owner) + 1;

    if (reader != owner)
        n += snprintf(perms + n, sizeof(perms) - (size_t)n, "r%u", reader) + 1;
    if (w->rc == 0)
        w->rc = weir_xs_mkdir(w->xs, w->tx, path);
    if (w->rc == 0)
        w->rc = weir_xs_set_perms(w->xs, w->tx, path, perms, (size_t)n);
}

static void make_sub(struct writer *w, const char *home, const char *sub,
                     domid_t owner, domid_t reader)
{
    char path[PATH_MAX_];

    snprintf(path, sizeof(path), "%.100s/%.40s", home, sub);
    make(w, path, owner, reader);
}

static void home_of(domid_t domid, char path[PATH_MAX_])
{
    snprintf(path, PATH_MAX_, "/local/domain/%u", domid);
}

static int in_transaction(struct weir_devd *d, void *what,
                          void (*body)(struct writer *, void *))
{
    for (int i = 0; i < TX_ATTEMPTS; i++) {
        struct writer w = {.xs = &d->xs};
        int rc = weir_xs_transaction_start(&d->xs, &w.tx);

        if (rc)
            return rc;
        body(&w, what);
        rc = weir_xs_transaction_end(&d->xs, w.tx, w.rc == 0);
        if (w.rc || rc != -EAGAIN)
            return w.rc ? w.rc : rc;
    }
    return -EAGAIN;
}

static void write_domain(struct writer *w, void *what)
{
    struct weir_dom *dom = what;
    char home[PATH_MAX_];

    home_of(dom->domid, home);
    w->dir = home;
    make(w, home, 0, dom->domid);
    put(w, "name", dom->cfg.name);
    put_num(w, "domid", dom->domid);
    put(w, "type", "process");
    make_sub(w, home, "memory", 0, dom->domid);
    put_num(w, "memory/static-max", dom->cfg.memory_mib * 1024ull);
    put_num(w, "memory/target", dom->cfg.memory_mib * 1024ull);
    make_sub(w, home, "device", dom->domid, dom->domid);
    if (dom->cfg.driver_domain)
        make_sub(w, home, "backend", dom->domid, dom->domid);
    make_sub(w, home, "control", 0, dom->domid);
    make_sub(w, home, "control/shutdown", dom->domid, dom->domid);
    make_sub(w, home, "control/feature-poweroff", dom->domid, dom->domid);
    make_sub(w, home, "data", dom->domid, dom->domid);
    make_sub(w, home, "error", dom->domid, dom->domid);
}

int weir_reg_domain(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;
    char path[PATH_MAX_], token[24];
    int rc = in_transaction(d, dom, write_domain);

    if (rc == 0 && dom->cfg.driver_domain) {
        snprintf(path, sizeof(path), "/local/domain/%u/backend", dom->domid);
        snprintf(token, sizeof(token), "%u", dom->domid);
        rc = weir_xs_watch(&d->xs, path, token);
    }
    return rc;
}

void weir_reg_remove_domain(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;
    char path[PATH_MAX_], token[24];

    if (!d->xs_open)
        return;
    if (dom->cfg.driver_domain) {
        snprintf(path, sizeof(path), "/local/domain/%u/backend", dom->domid);
        snprintf(token, sizeof(token), "%u", dom->domid);
        weir_xs_unwatch(&d->xs, path, token);
    }
    weir_xs_release(&d->xs, dom->domid);
    home_of(dom->domid, path);
    weir_xs_rm(&d->xs, 0, path);
}

static void front_dir(const struct weir_dev *dev, char path[PATH_MAX_])
{
    snprintf(path, PATH_MAX_, "/local/domain/%u/device/%s/%u",
             dev->frontend->domid, weir_dev_class_name(dev->cls), dev->devid);
}

static void back_dir(const struct weir_dev *dev, char path[PATH_MAX_])
{
    snprintf(path, PATH_MAX_, "/local/domain/%u/backend/%s/%u/%u",
             dev->backend_domid, weir_dev_class_name(dev->cls),
             dev->frontend->domid, dev->devid);
}

static void write_disk(struct writer *front, struct writer *back,
                       const struct weir_dev *dev)
{
    const char *type = dev->disk.cdrom ? "cdrom" : "disk";

    put_num(front, "virtual-device", dev->devid);
    put(front, "device-type", type);
    put(back, "dev", dev->disk.vdev);
    put(back, "device-type", type);
    put(back, "type", dev->image.block ? "phy" : "file");
    put(back, "params", dev->disk.target);
    put(back, "mode", dev->disk.readonly ? "r" : "w");
    put_num(back, "removable", dev->disk.cdrom);
    put_num(back, "bootable", 1);
    if (dev->disk.no_discard)
        put_num(back, "discard-enable", 0);
}

static void write_vif(struct writer *front, struct writer *back,
                      const struct weir_dev *dev)
{
    const struct weir_vif_config *v = &dev->vif;
    char mac[18], rate[48];

    snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", v->mac[0],
             v->mac[1], v->mac[2], v->mac[3], v->mac[4], v->mac[5]);
    put_num(front, "handle", dev->devid);
    put(front, "mac", mac);
    put_num(front, "mtu", v->mtu ? v->mtu : 1500);
    put_num(back, "handle", dev->devid);
    put(back, "mac", mac);
    put(back, "type", "vif");
    put_num(back, "mtu", v->mtu ? v->mtu : 1500);
    if (v->bridge[0])
        put(back, "bridge", v->bridge);
    if (dev->tap[0])
        put(back, "vifname", dev->tap);
    if (v->ip[0]) {
        put(front, "ip", v->ip);
        put(back, "ip", v->ip);
    }
    if (v->rate_bps) {
        uint64_t us = v->rate_window_us ? v->rate_window_us : 50000;

        /* Xen's unit: bytes in each window. */
        snprintf(rate, sizeof(rate), "%" PRIu64 ",%" PRIu64,
                 (uint64_t)((unsigned __int128)v->rate_bps * us / 1000000), us);
        put(back, "rate", rate);
    }
}

static void write_device(struct writer *w, void *what)
{
    struct weir_dev *dev = what;
    char front[PATH_MAX_], back[PATH_MAX_], parent[PATH_MAX_];
    domid_t f = dev->frontend->domid, b = dev->backend_domid;
    struct writer fw = *w, bw;

    front_dir(dev, front);
    back_dir(dev, back);
    snprintf(parent, sizeof(parent), "/local/domain/%u/device/%s", f,
             weir_dev_class_name(dev->cls));
    make(&fw, parent, f, f);
    make(&fw, front, f, b);
    snprintf(parent, sizeof(parent), "/local/domain/%u/backend/%s", b,
             weir_dev_class_name(dev->cls));
    make(&fw, parent, b, b);
    snprintf(parent, sizeof(parent), "/local/domain/%u/backend/%s/%u", b,
             weir_dev_class_name(dev->cls), f);
    make(&fw, parent, b, f);
    make(&fw, back, b, f);
    bw = fw;
    fw.dir = front;
    bw.dir = back;
    put(&fw, "backend", back);
    put_num(&fw, "backend-id", b);
    put(&bw, "frontend", front);
    put_num(&bw, "frontend-id", f);
    put_num(&bw, "online", 1);
    put(&bw, "hotplug-status", "connected");
    if (dev->cls == WEIR_RES_VBD)
        write_disk(&fw, &bw, dev);
    else
        write_vif(&fw, &bw, dev);
    put_num(&fw, "state", WEIR_XENBUS_INITIALISING);
    put_num(&bw, "state", WEIR_XENBUS_INITIALISING);
    w->rc = fw.rc ? fw.rc : bw.rc;
}

int weir_reg_device(struct weir_dev *dev)
{
    int rc = in_transaction(dev->frontend->devd, dev, write_device);

    dev->in_registry = rc == 0;
    return rc;
}

void weir_reg_device_offline(struct weir_dev *dev)
{
    char path[PATH_MAX_];

    back_dir(dev, path);
    weir_xs_write_u64(&dev->frontend->devd->xs, 0, path, "online", 0);
}

void weir_reg_remove_device(struct weir_dev *dev, bool last_of_pair)
{
    struct weir_devd *d = dev->frontend->devd;
    char path[PATH_MAX_];

    if (!dev->in_registry || !d->xs_open)
        return;
    front_dir(dev, path);
    weir_xs_rm(&d->xs, 0, path);
    back_dir(dev, path);
    if (last_of_pair)
        *strrchr(path, '/') = '\0';
    weir_xs_rm(&d->xs, 0, path);
    dev->in_registry = false;
}

uint32_t weir_reg_front_state(struct weir_dev *dev)
{
    char path[PATH_MAX_];
    uint64_t v;

    front_dir(dev, path);
    if (!dev->in_registry ||
        weir_xs_read_u64(&dev->frontend->devd->xs, 0, path, "state", &v) ||
        v > WEIR_XENBUS_RECONFIGURED)
        return WEIR_XENBUS_UNKNOWN;
    return (uint32_t)v;
}

bool weir_reg_poweroff(struct weir_dom *dom)
{
    struct weir_xs *xs = &dom->devd->xs;
    char home[PATH_MAX_];
    uint64_t offers;

    home_of(dom->domid, home);
    return weir_xs_read_u64(xs, 0, home, "control/feature-poweroff", &offers) ==
               0 &&
           offers == 1 &&
           weir_xs_write_key(xs, 0, home, "control/shutdown", "poweroff") == 0;
}

static void read_back_state(struct weir_dev *dev)
{
    struct weir_xs *xs = &dev->frontend->devd->xs;
    char dir[PATH_MAX_];
    uint64_t state;

    back_dir(dev, dir);
    if (weir_xs_read_u64(xs, 0, dir, "state", &state) == 0 &&
        state <= WEIR_XENBUS_RECONFIGURED)
        dev->back_state = (uint32_t)state;
}

static void all_states(struct weir_devd *d)
{
    for (struct weir_dev *dev = d->devs; dev; dev = dev->next)
        read_back_state(dev);
}

static void device_event(struct weir_devd *d, const char *path)
{
    char dir[PATH_MAX_];

    for (struct weir_dev *dev = d->devs; dev; dev = dev->next) {
        back_dir(dev, dir);
        if (strncmp(path, dir, strlen(dir)) ||
            strcmp(path + strlen(dir), "/state"))
            continue;
        read_back_state(dev);
        return;
    }
}

void weir_reg_events(struct weir_devd *d)
{
    struct weir_xs_event ev;
    int rc = 0;

    while (d->xs_open && (rc = weir_xs_next_event(&d->xs, &ev)) > 0)
        if (rc == WEIR_XS_OVERFLOW)
            all_states(d);
        else
            device_event(d, ev.path);
    if (d->xs_open && rc < 0 && !d->stopping) {
        weir_devd_log("the registry is gone (%s): stopping", strerror(-rc));
        d->exit_code = 1;
        weir_devd_stop(d);
    }
}
