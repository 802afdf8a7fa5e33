/* SPDX-License-Identifier: MIT
 *
 * The toolstack's side of a Linux domain on Xen's ABI: from the nodes that a
 * toolstack (xl, weir) and its scripts write into backend/CLASS of this domain
 * to the resources a backend takes.  Runs in a process of its own that has the
 * rights to open devices, and reads no node that a guest can write.
 */
#ifndef WEIR_BACKENDS_XEN_XEN_DEV_H
#define WEIR_BACKENDS_XEN_XEN_DEV_H

#include "backends/common/resource_abi.h"
#include "ring/port.h"
#include "xenbus/client.h"

#define WEIR_XEN_DIR  64  /* "backend/vbd/32751/4294967295" */
#define WEIR_XEN_PATH 256 /* an image's path, longer ones are refused */
#define WEIR_XEN_WHY  200

#define WEIR_XEN_DOMID_MAX 32751

/* Who opens a disk's target and puts a tap on its bridge? */
enum weir_xen_hotplug {
    WEIR_XEN_HOTPLUG_AUTO,   /* a script where the device has a script node */
    WEIR_XEN_HOTPLUG_SCRIPT, /* always a script (xl in dom0, xl devd) */
    WEIR_XEN_HOTPLUG_SELF,   /* this program */
};

struct weir_xen_dev {
    struct weir_xs *xs;
    domid_t frontend;
    uint32_t devid;
    char dir[WEIR_XEN_DIR];
    bool script;      /* a script does the set-up */
    unsigned queues;  /* at most */
    uint32_t st_rdev; /* vbd: the block device that was opened, 0: a file */
    char why[WEIR_XEN_WHY]; /* set with each error: what and the remedy */
};

struct weir_xen_kind {
    const char *name; /* "vbd" */
    uint32_t resource_class;
    /* Scripts run when the device is in InitWait, and bring what open needs:
     * so it is announced first. */
    bool announce;
    /* Fills res, fds and res->nfds; magic, version, op, address and seq are
     * the caller's.  0; -EAGAIN: the script has not told yet; other -errno and
     * d->why. */
    int (*open)(struct weir_xen_dev *d, struct weir_resource *res, int *fds);
    /* Without a script: what one would write when all is set up. */
    int (*told)(struct weir_xen_dev *d, const struct weir_resource *res);
};

extern const struct weir_xen_kind weir_xen_vbd, weir_xen_vif;

/* Calls fn for each device below backend/NAME. */
void weir_xen_each(struct weir_xs *xs, const char *name,
                   void (*fn)(void *context, domid_t frontend, uint32_t devid),
                   void *context);
/* Which device is the path "...backend/NAME/5/51712/..." of? */
bool weir_xen_device_of(const char *path, const char *name, domid_t *frontend,
                        uint32_t *devid);
/* The node's value, "" when there is none; its length, or -errno other than
 * -ENOENT. */
int weir_xen_node(struct weir_xen_dev *d, const char *key, char *buf,
                  size_t size);
struct weir_xen_pair {
    const char *key, *value;
};
/* All of them, or -ENOENT when the toolstack has removed the directory. */
int weir_xen_put(struct weir_xen_dev *d, const struct weir_xen_pair *nodes,
                 unsigned n);
/* The directory of a device that is to go (online 0) and has a script node; the
 * frontend's too when that was its last: a domain's number comes but once, so
 * these would add up to the own domain's quota of nodes. */
int weir_xen_remove(struct weir_xen_dev *d);
/* Writes d->why; returns err. */
int weir_xen_fail(struct weir_xen_dev *d, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
