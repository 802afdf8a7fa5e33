/* SPDX-License-Identifier: MIT
 *
 * Disks: from the nodes of backend/vbd to open descriptors.
 *
 * With a script (Xen's "block" and its kin) the nodes are physical-device,
 * "major:minor" in hexadecimal, and physical-device-path; the path alone for a
 * script that offers a file.  Without one it is params: a path, or a name
 * below /dev.
 */
#include "backends/xen/xen_dev.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

struct target {
    char path[WEIR_XEN_PATH];
    bool numbered; /* major, minor are the script's: the device must be it */
    unsigned major, minor;
    bool readonly, cdrom, discard;
};

/* The kernel's name of a block device, for machines without /dev/block. */
static int name_of(unsigned major, unsigned minor, char *path, size_t size)
{
    char uevent[64], line[WEIR_XEN_PATH];
    FILE *f;
    int err = -ENODEV;

    snprintf(uevent, sizeof(uevent), "/sys/dev/block/%u:%u/uevent", major,
             minor);
    f = fopen(uevent, "re");
    if (f == NULL)
        return -errno;
    while (err != 0 && fgets(line, sizeof(line), f) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (strncmp(line, "DEVNAME=", 8) == 0 && strstr(line, "..") == NULL &&
            snprintf(path, size, "/dev/%s", line + 8) < (int)size)
            err = 0;
    }
    fclose(f);
    return err;
}

static int from_script(struct weir_xen_dev *d, struct target *t)
{
    char text[64], status[32];
    int n = weir_xen_node(d, "physical-device", text, sizeof(text)), end = 0;

    if (n < 0)
        return weir_xen_fail(d, n, "node physical-device: %s", strerror(-n));
    if (n == 0) {
        n = weir_xen_node(d, "hotplug-status", status, sizeof(status));
        if (n <= 0 || strcmp(status, "connected") != 0)
            return -EAGAIN;
        n = weir_xen_node(d, "physical-device-path", t->path, sizeof(t->path));
        if (n > 0)
            return 0;
        return weir_xen_fail(d, -ENOENT,
                             "the block script wrote neither physical-device "
                             "nor physical-device-path");
    }
    if (sscanf(text, "%x:%x%n", &t->major, &t->minor, &end) != 2 || end != n)
        return weir_xen_fail(d, -EINVAL,
                             "node physical-device is \"%.30s\", not two "
                             "hexadecimal numbers as in fe:0",
                             text);
    t->numbered = true;
    n = name_of(t->major, t->minor, t->path, sizeof(t->path));
    if (n != 0)
        return weir_xen_fail(d, n,
                             "physical-device %u:%u is no block device of "
                             "this domain",
                             t->major, t->minor);
    return 0;
}

static int from_params(struct weir_xen_dev *d, struct target *t)
{
    char text[WEIR_XEN_PATH - 8];
    int n = weir_xen_node(d, "params", text, sizeof(text));

    if (n < 0)
        return weir_xen_fail(d, n, "node params: %s", strerror(-n));
    if (n == 0)
        return weir_xen_fail(d, -ENOMEDIUM,
                             "node params is empty: give the disk a target=");
    if ((size_t)n != strlen(text))
        return weir_xen_fail(d, -EINVAL, "node params has a zero byte");
    snprintf(t->path, sizeof(t->path), "%s%s", text[0] == '/' ? "" : "/dev/",
             text);
    return 0;
}

static int find(struct weir_xen_dev *d, struct target *t)
{
    char mode[16], type[16], discard[8];
    int err = weir_xen_node(d, "mode", mode, sizeof(mode));

    if (err >= 0)
        err = weir_xen_node(d, "device-type", type, sizeof(type));
    if (err >= 0)
        err = weir_xen_node(d, "discard-enable", discard, sizeof(discard));
    if (err < 0)
        return weir_xen_fail(d, err, "nodes mode, device-type: %s",
                             strerror(-err));
    t->cdrom = strcmp(type, "cdrom") == 0;
    t->readonly = mode[0] != 'w' || t->cdrom;
    t->discard = strcmp(discard, "1") == 0 && !t->readonly;
    return d->script ? from_script(d, t) : from_params(d, t);
}

/* Before opening: open() of a fifo would wait for its peer. */
static int check_kind(struct weir_xen_dev *d, const struct target *t,
                      bool *block)
{
    struct stat st;

    if (stat(t->path, &st) != 0)
        return weir_xen_fail(d, -errno, "%.120s: %s", t->path, strerror(errno));
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return weir_xen_fail(d, -EINVAL,
                             "%.120s: neither a regular file nor a block "
                             "device",
                             t->path);
    *block = S_ISBLK(st.st_mode);
    d->st_rdev = *block ? (uint32_t)st.st_rdev : 0;
    if (t->numbered && (!*block || major(st.st_rdev) != t->major ||
                        minor(st.st_rdev) != t->minor))
        return weir_xen_fail(d, -ENODEV, "%.120s is not device %u:%u", t->path,
                             t->major, t->minor);
    return 0;
}

/* fds[0] past the host's cache where that works, fds[1] through it. */
static int open_both(struct weir_xen_dev *d, const struct target *t, bool block,
                     struct weir_resource *res, int *fds)
{
    int flags = (t->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;
    /* A script knows who shares a device; without one nobody does. */
    int only = block && !t->readonly && !d->script ? O_EXCL : 0;

    fds[0] = open(t->path, flags | only | O_DIRECT);
    if (fds[0] < 0 && errno == EINVAL) {
        fds[0] = open(t->path, flags | only);
        res->nfds = fds[0] >= 0 ? 1 : 0;
    } else if (fds[0] >= 0) {
        fds[1] = open(t->path, flags);
        res->nfds = fds[1] >= 0 ? 2 : 1;
    }
    if (fds[0] >= 0)
        return 0;
    if (errno == EBUSY)
        return weir_xen_fail(d, -EBUSY,
                             "%.120s: in use: unmount it or stop its other "
                             "user",
                             t->path);
    return weir_xen_fail(d, -errno, "%.120s: %s%s", t->path, strerror(errno),
                         errno == EROFS || errno == EACCES || errno == EPERM
                             ? ": attach it with mode r, or make it writable"
                             : "");
}

static uint64_t queue_limit(const struct weir_xen_dev *d, const char *name)
{
    unsigned long long v = 0;
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "/sys/dev/block/%u:%u/queue/%s",
             major(d->st_rdev), minor(d->st_rdev), name);
    f = fopen(path, "re");
    if (f == NULL)
        return 0;
    if (fscanf(f, "%llu", &v) != 1)
        v = 0;
    fclose(f);
    return v;
}

static int device_facts(struct weir_xen_dev *d, const struct target *t,
                        struct weir_resource *res, int fd)
{
    int logical = 0;
    unsigned physical = 0;

    if (ioctl(fd, BLKGETSIZE64, &res->vbd.size) != 0 ||
        ioctl(fd, BLKSSZGET, &logical) != 0)
        return weir_xen_fail(d, -errno, "%.120s: size unknown: %s", t->path,
                             strerror(errno));
    res->vbd.sector_size = logical > 512 ? 4096 : 512;
    if (ioctl(fd, BLKPBSZGET, &physical) == 0 &&
        physical >= res->vbd.sector_size)
        res->vbd.physical_sector_size = physical;
    res->vbd.flags |= WEIR_VBD_BLKDEV;
    if (!t->discard || queue_limit(d, "discard_max_bytes") == 0)
        return 0;
    res->vbd.flags |= WEIR_VBD_DISCARD;
    res->vbd.discard_granularity =
        (uint32_t)queue_limit(d, "discard_granularity");
    return 0;
}

/* Two disks on one file would destroy it: the lock lives as long as the
 * backend's descriptor. */
static int file_facts(struct weir_xen_dev *d, const struct target *t,
                      struct weir_resource *res, int fd)
{
    struct stat st;

    if (!d->script &&
        flock(fd, (t->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0)
        return weir_xen_fail(d, -EBUSY,
                             "%.120s: in use by another disk: detach that "
                             "one, or attach both with mode r",
                             t->path);
    if (fstat(fd, &st) != 0)
        return weir_xen_fail(d, -errno, "%.120s: %s", t->path, strerror(errno));
    res->vbd.size = (uint64_t)st.st_size;
    res->vbd.sector_size = 512;
    if (t->discard)
        res->vbd.flags |= WEIR_VBD_DISCARD;
    return 0;
}

static int vbd_open(struct weir_xen_dev *d, struct weir_resource *res, int *fds)
{
    struct target t;
    bool block = false;
    int err;

    memset(&t, 0, sizeof(t));
    res->vbd.queues = d->queues;
    err = find(d, &t);
    if (err == 0)
        err = check_kind(d, &t, &block);
    if (err == 0)
        err = open_both(d, &t, block, res, fds);
    if (err != 0)
        return err;
    res->vbd.engine = WEIR_VBD_LIBAIO;
    res->vbd.flags =
        (t.readonly ? WEIR_VBD_READONLY : 0u) | (t.cdrom ? WEIR_VBD_CDROM : 0u);
    snprintf(res->label, sizeof(res->label), "%.*s",
             (int)sizeof(res->label) - 1, t.path);
    err = block ? device_facts(d, &t, res, fds[0])
                : file_facts(d, &t, res, fds[0]);
    for (unsigned i = 0; err != 0 && i < res->nfds; i++)
        close(fds[i]);
    return err;
}

static int vbd_told(struct weir_xen_dev *d, const struct weir_resource *res)
{
    char number[32];
    const struct weir_xen_pair nodes[] = {{"hotplug-status", "connected"},
                                          {"physical-device", number}};

    snprintf(number, sizeof(number), "%x:%x", major(d->st_rdev),
             minor(d->st_rdev));
    return weir_xen_put(d, nodes, res->vbd.flags & WEIR_VBD_BLKDEV ? 2 : 1);
}

const struct weir_xen_kind weir_xen_vbd = {
    .name = "vbd",
    .resource_class = WEIR_RES_VBD,
    .announce = true,
    .open = vbd_open,
    .told = vbd_told,
};
