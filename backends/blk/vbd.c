/* SPDX-License-Identifier: MIT
 *
 * The class "vbd": a device's registry nodes and its descriptors.
 */
#include "backends/blk/vbd.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring/blkif_ring.h"

#define MEMORY_MAX (4ull << 30) /* bytes of a memory device */

static struct weir_vbd *vbd_of(struct weir_back_dev *dev)
{
    return (struct weir_vbd *)(void *)dev; /* back is its first */
}

int weir_vbd_refuse(struct weir_vbd *v, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(v->back.error, sizeof(v->back.error), fmt, ap);
    va_end(ap);
    return err;
}

static int take_size(struct weir_vbd *v)
{
    int64_t size = weir_vbd_size(v);

    if (size < 0)
        return weir_vbd_refuse(v, (int)size, "size of the image: %s",
                               strerror((int)-size));
    if (size == 0 || size % v->lim.sector_size != 0)
        return weir_vbd_refuse(v, -EINVAL,
                               "size %" PRId64
                               " is not a multiple of the sector size "
                               "%u: truncate the image to one",
                               size, v->lim.sector_size);
    weir_store_relaxed64(&v->sectors, (uint64_t)size >> 9);
    v->lim.sectors = (uint64_t)size >> 9;
    return 0;
}

static int take_backing(struct weir_vbd *v)
{
    struct weir_back_dev *d = &v->back;

    v->fd = v->buffered_fd = -1;
    if (d->res.vbd.engine == WEIR_VBD_MEMORY) {
        v->mem_size = d->res.vbd.size;
        if (v->mem_size == 0 || v->mem_size > MEMORY_MAX)
            return weir_vbd_refuse(
                v, -EINVAL, "memory device of %" PRIu64 " bytes", v->mem_size);
        v->mem = calloc(1, v->mem_size);
        return v->mem != NULL ? 0 : -ENOMEM;
    }
    if (d->nfds < 1)
        return weir_vbd_refuse(v, -EINVAL,
                               "no descriptor came with the device");
    v->fd = d->fds[0];
    if (d->nfds > 1)
        v->buffered_fd = d->fds[1];
    return 0;
}

/* Writing nothing shows whether the descriptor is open for writing. */
static int check_writable(struct weir_vbd *v)
{
    if (v->mem != NULL || v->lim.readonly || pwrite(v->fd, "", 0, 0) == 0)
        return 0;
    return weir_vbd_refuse(
        v, -EROFS, "the image can't be written (%s): attach it read-only",
        strerror(errno));
}

static int check_alignment(struct weir_vbd *v)
{
    int err = weir_vbd_probe(v);

    if (err != 0)
        return weir_vbd_refuse(v, err, "reading the image: %s", strerror(-err));
    if (v->align_io > v->lim.sector_size && v->buffered_fd < 0)
        return weir_vbd_refuse(
            v, -EINVAL,
            "direct I/O here needs %u-byte sectors: attach with "
            "that sector size",
            v->align_io);
    return 0;
}

static void take_limits(struct weir_vbd *v)
{
    const struct weir_resource *r = &v->back.res;
    uint64_t now = v->back.port->ops->now_ns(v->back.port);

    v->lim.readonly = (r->vbd.flags & WEIR_VBD_READONLY) != 0;
    v->lim.flush = v->lim.barrier = true;
    v->lim.discard = (r->vbd.flags & WEIR_VBD_DISCARD) != 0 && !v->lim.readonly;
    v->lim.secure = v->lim.discard && (r->vbd.flags & WEIR_VBD_SECURE) != 0 &&
                    (r->vbd.flags & WEIR_VBD_BLKDEV) != 0;
    v->limited = r->vbd.iops != 0 || r->vbd.bps != 0;
    weir_limit_init(&v->iops, r->vbd.iops, 0, now);
    weir_limit_init(&v->bps, r->vbd.bps, 0, now);
}

static void vbd_close(struct weir_back_dev *dev)
{
    struct weir_vbd *v = vbd_of(dev);

    free(v->mem);
    v->mem = NULL;
    v->fd = v->buffered_fd = -1; /* closed by the common code */
}

static int vbd_open(struct weir_back_dev *dev)
{
    struct weir_vbd *v = vbd_of(dev);
    const struct weir_resource *r = &dev->res;
    int err;

    v->lim.sector_size = r->vbd.sector_size;
    if (v->lim.sector_size != 512 && v->lim.sector_size != 4096)
        return weir_vbd_refuse(v, -EINVAL,
                               "sector size %u is neither 512 nor 4096",
                               v->lim.sector_size);
    v->physical = r->vbd.physical_sector_size != 0 ? r->vbd.physical_sector_size
                                                   : v->lim.sector_size;
    v->granularity = r->vbd.discard_granularity != 0
                         ? r->vbd.discard_granularity
                         : v->lim.sector_size;
    take_limits(v);
    err = take_backing(v);
    if (err == 0)
        err = take_size(v);
    if (err == 0)
        err = check_writable(v);
    if (err == 0)
        err = check_alignment(v);
    if (err != 0)
        vbd_close(dev);
    return err;
}

struct node {
    const char *key;
    uint64_t value;
};

static int write_nodes(struct weir_back_dev *dev, weir_xs_tx tx,
                       const struct node *n, unsigned count)
{
    int err = 0;

    for (unsigned i = 0; i < count && err == 0; i++)
        err = weir_xs_write_u64(dev->xs, tx, dev->path, n[i].key, n[i].value);
    return err;
}

unsigned weir_vbd_max_queues(const struct weir_vbd *v)
{
    uint32_t n = v->back.res.vbd.queues;

    if (n == 0)
        n = 1;
    return n < WEIR_BLK_QUEUES ? n : WEIR_BLK_QUEUES;
}

static int vbd_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    struct weir_vbd *v = vbd_of(dev);
    const struct node nodes[] = {
        {"feature-flush-cache", 1},
        {"feature-barrier", 1},
        {"feature-persistent", 1},
        {"feature-max-indirect-segments", WEIR_BLK_MAX_INDIRECT},
        {"max-ring-page-order", WEIR_BLK_RING_ORDER},
        {"multi-queue-max-queues", weir_vbd_max_queues(v)},
        {"feature-discard", v->lim.discard},
    };
    const struct node discard[] = {
        {"discard-granularity", v->granularity},
        {"discard-alignment", 0},
        {"discard-secure", v->lim.secure},
    };
    int err = write_nodes(dev, tx, nodes, sizeof(nodes) / sizeof(nodes[0]));

    if (err == 0 && v->lim.discard)
        err =
            write_nodes(dev, tx, discard, sizeof(discard) / sizeof(discard[0]));
    return err;
}

static int vbd_connected(struct weir_back_dev *dev, weir_xs_tx tx)
{
    struct weir_vbd *v = vbd_of(dev);
    bool cdrom = (dev->res.vbd.flags & WEIR_VBD_CDROM) != 0;
    const struct node nodes[] = {
        {"sectors", v->lim.sectors},
        {"sector-size", v->lim.sector_size},
        {"physical-sector-size", v->physical},
        {"info", (cdrom ? WEIR_VDISK_CDROM | WEIR_VDISK_REMOVABLE : 0u) |
                     (v->lim.readonly ? WEIR_VDISK_READONLY : 0u)},
    };

    return write_nodes(dev, tx, nodes, sizeof(nodes) / sizeof(nodes[0]));
}

static int vbd_resize(struct weir_back_dev *dev)
{
    struct weir_vbd *v = vbd_of(dev);

    if (v->mem != NULL)
        return 0;
    return take_size(v);
}

const struct weir_back_class weir_vbd_class = {
    .name = "vbd",
    .resource_class = WEIR_RES_VBD,
    .dev_size = sizeof(struct weir_vbd),
    .open = vbd_open,
    .publish = vbd_publish,
    .connect = weir_vbd_connect,
    .connected = vbd_connected,
    .go = weir_vbd_go,
    .disconnect = weir_vbd_disconnect,
    .resize = vbd_resize,
    .close = vbd_close,
};
