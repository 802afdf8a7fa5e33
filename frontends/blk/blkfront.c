/* SPDX-License-Identifier: MIT
 *
 * A block device as a whole: opening, its registry nodes, its memory.
 */
#include "frontends/blk/blkfront_priv.h"

#include "frontends/common/text.h"

#define CONNECT_NS   30000000000ULL
#define BOUNCE_PAGES 64u
#define BIG_REQUESTS 16u
#define POOL_MAX     4096u

static struct weir_blkfront *bf_of(struct weir_front_dev *dev)
{
    return (struct weir_blkfront *)(void *)dev; /* dev is its first */
}

static uint64_t read_or(struct weir_blkfront *bf, const char *key,
                        uint64_t dflt)
{
    uint64_t v;

    return weir_xs_read_u64(&bf->dev.bus->xs, 0, bf->dev.backend_path, key,
                            &v) == 0
               ? v
               : dflt;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int queue_dir(const struct weir_blkfront *bf, unsigned i, char *buf,
                     size_t size)
{
    struct weir_text t;

    weir_text_init(&t, buf, size);
    weir_text_str(&t, bf->dev.path);
    if (bf->live > 1) {
        weir_text_str(&t, "/queue-");
        weir_text_u64(&t, i);
    }
    return t.full ? -WEIR_EINVAL : 0;
}

static int write_queue(struct weir_blkfront *bf, unsigned i, weir_xs_tx tx)
{
    struct weir_xs *xs = &bf->dev.bus->xs;
    struct weir_bf_queue *q = &bf->queue[i];
    char dir[WEIR_FRONT_PATH + 16], key[16];
    int err = queue_dir(bf, i, dir, sizeof(dir));

    for (unsigned k = 0; k < q->ring_pages && err == 0; k++) {
        struct weir_text t;

        weir_text_init(&t, key, sizeof(key));
        weir_text_str(&t, "ring-ref");
        if (q->ring_pages > 1)
            weir_text_u64(&t, k);
        err = weir_xs_write_u64(xs, tx, dir, key, q->ring_ref[k]);
    }
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, dir, "event-channel", q->evtchn);
    return err;
}

/* What the backend offers, within what we want. */
static void negotiate(struct weir_blkfront *bf, unsigned *pages)
{
    uint64_t segs = read_or(bf, "feature-max-indirect-segments", 0);
    uint64_t order = read_or(bf, "max-ring-page-order", 0);
    uint64_t queues = read_or(bf, "multi-queue-max-queues", 1);

    bf->max_segs = WEIR_BLKIF_MAX_SEGMENTS;
    if (segs > WEIR_BLKIF_MAX_SEGMENTS)
        bf->max_segs = (unsigned)smaller(segs, WEIR_BF_SEGS);
    bf->live = (unsigned)smaller(queues != 0 ? queues : 1, bf->nqueues);
    bf->info.persistent =
        !bf->cfg.no_persistent && read_or(bf, "feature-persistent", 0) == 1;
    *pages = 1u << smaller(order, bf->cfg.ring_order);
}

static int start_queues(struct weir_blkfront *bf)
{
    unsigned pages;
    int err = 0;

    negotiate(bf, &pages);
    for (unsigned i = 0; i < bf->live && err == 0; i++)
        err = weir_bf_queue_up(&bf->queue[i], pages);
    bf->info.depth = weir_blkif_ring_slots(pages);
    bf->info.max_bytes = bf->max_segs * WEIR_PAGE_SIZE;
    bf->published = err == 0;
    return err;
}

static int publish(struct weir_front_dev *dev, weir_xs_tx tx)
{
    struct weir_blkfront *bf = bf_of(dev);
    struct weir_xs *xs = &dev->bus->xs;
    unsigned pages;
    int err = bf->published ? 0 : start_queues(bf);

    if (err != 0)
        return err;
    err = weir_xs_write_key(xs, tx, dev->path, "protocol", WEIR_BLKIF_PROTOCOL);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, dev->path, "feature-persistent",
                                bf->info.persistent);
    if (err == 0)
        err = weir_xs_write_u64(xs, tx, dev->path, "multi-queue-num-queues",
                                bf->live);
    pages = bf->queue[0].ring_pages;
    if (err == 0 && pages > 1)
        err = weir_xs_write_u64(xs, tx, dev->path, "ring-page-order",
                                (uint64_t)__builtin_ctz(pages));
    for (unsigned i = 0; i < bf->live && err == 0; i++)
        err = write_queue(bf, i, tx);
    return err;
}

static int read_info(struct weir_blkfront *bf, struct weir_blkfront_info *in)
{
    uint64_t sector_size = read_or(bf, "sector-size", 512);
    uint64_t bits = read_or(bf, "info", 0);

    in->sectors = read_or(bf, "sectors", 0);
    if (in->sectors == 0 || in->sectors > UINT64_MAX / 512 ||
        sector_size < 512 || sector_size > WEIR_PAGE_SIZE ||
        (sector_size & (sector_size - 1)) != 0)
        return -WEIR_EPROTO;
    /* I/O that waits was checked with the former size. */
    if (in->sector_size != 0 && in->sector_size != sector_size)
        return -WEIR_EPROTO;
    in->sector_size = (uint32_t)sector_size;
    in->physical_sector_size = (uint32_t)smaller(
        read_or(bf, "physical-sector-size", sector_size), UINT32_MAX);
    in->readonly = (bits & WEIR_VDISK_READONLY) != 0;
    in->cdrom = (bits & WEIR_VDISK_CDROM) != 0;
    in->flush = read_or(bf, "feature-flush-cache", 0) == 1;
    in->discard = read_or(bf, "feature-discard", 0) == 1;
    in->secure = in->discard && read_or(bf, "discard-secure", 0) == 1;
    in->discard_granularity =
        in->discard
            ? (uint32_t)smaller(read_or(bf, "discard-granularity", sector_size),
                                UINT32_MAX)
            : 0;
    return 0;
}

/* Queue threads read info with their queue's lock held. */
static void lock_all(struct weir_blkfront *bf)
{
    for (unsigned i = 0; i < bf->nqueues; i++)
        weir_spin_lock(&bf->queue[i].lock);
}

static void unlock_all(struct weir_blkfront *bf)
{
    for (unsigned i = bf->nqueues; i-- > 0;)
        weir_spin_unlock(&bf->queue[i].lock);
}

static int connect_dev(struct weir_front_dev *dev)
{
    struct weir_blkfront *bf = bf_of(dev);
    struct weir_blkfront_info info = bf->info;
    int err = read_info(bf, &info);

    if (err != 0)
        return err;
    info.queues = bf->live;
    lock_all(bf);
    bf->info = info;
    unlock_all(bf);
    for (unsigned i = 0; i < bf->live; i++)
        weir_bf_queue_start(&bf->queue[i]);
    /* A former backend may have had more. */
    for (unsigned i = bf->live; i < bf->nqueues; i++)
        weir_bf_queue_abort(&bf->queue[i], -WEIR_EIO);
    return 0;
}

static void disconnect(struct weir_front_dev *dev)
{
    struct weir_blkfront *bf = bf_of(dev);
    bool ends =
        dev->state == WEIR_XENBUS_CLOSING || dev->state == WEIR_XENBUS_CLOSED;

    bf->published = false;
    if (ends) {
        lock_all(bf);
        bf->closed = true;
        unlock_all(bf);
    }
    for (unsigned i = 0; i < bf->nqueues; i++) {
        weir_bf_queue_down(&bf->queue[i]);
        if (!ends)
            continue;
        weir_bf_queue_end(&bf->queue[i]);
        weir_bf_queue_abort(&bf->queue[i], -WEIR_ENOTCONN);
    }
}

static void changed(struct weir_front_dev *dev)
{
    struct weir_blkfront *bf = bf_of(dev);
    uint64_t sectors = read_or(bf, "sectors", bf->info.sectors);

    if (sectors == bf->info.sectors || sectors > UINT64_MAX / 512)
        return;
    lock_all(bf);
    bf->info.sectors = sectors;
    unlock_all(bf);
    if (bf->cfg.resized != NULL)
        bf->cfg.resized(bf->cfg.context, sectors);
}

static const struct weir_front_ops front_ops = {
    .publish = publish,
    .connect = connect_dev,
    .disconnect = disconnect,
    .changed = changed,
};

int weir_bf_queue_new(struct weir_blkfront *bf, struct weir_bf_queue *q)
{
    unsigned pages;
    void *req;
    int err;

    q->bf = bf;
    q->nreq = weir_blkif_ring_slots(1u << bf->cfg.ring_order);
    q->again_head = WEIR_BF_NONE;
    err = weir_bf_alloc_table(bf->port, q->nreq * sizeof(q->req[0]), &req,
                              &pages);
    if (err != 0)
        return err;
    q->req = req;
    q->free_req = WEIR_BF_NONE;
    for (unsigned i = q->nreq; i-- > 0;) {
        q->req[i].next = q->free_req;
        q->free_req = (uint16_t)i;
    }
    err = weir_bf_pool_new(bf, &q->bounce, bf->cfg.bounce_pages, false);
    /* A backend that keeps pages mapped maps these writable too. */
    if (err == 0)
        err = weir_bf_pool_new(bf, &q->tables, bf->cfg.big_requests,
                               bf->cfg.no_persistent);
    if (err != 0)
        weir_bf_queue_free(q);
    return err;
}

void weir_bf_queue_free(struct weir_bf_queue *q)
{
    struct weir_port *p = q->bf->port;

    if (q->req == NULL)
        return;
    weir_bf_pool_end(q->bf, &q->bounce);
    weir_bf_pool_end(q->bf, &q->tables);
    p->ops->free_pages(
        p, q->req,
        (unsigned)((q->nreq * sizeof(q->req[0]) + WEIR_PAGE_SIZE - 1) /
                   WEIR_PAGE_SIZE));
    q->req = NULL;
}

static int configure(struct weir_blkfront *bf,
                     const struct weir_blkfront_config *cfg)
{
    if (cfg != NULL)
        bf->cfg = *cfg;
    if (bf->cfg.queues == 0)
        bf->cfg.queues = 1;
    if (bf->cfg.bounce_pages == 0)
        bf->cfg.bounce_pages = BOUNCE_PAGES;
    if (bf->cfg.big_requests == 0)
        bf->cfg.big_requests = BIG_REQUESTS;
    if (bf->cfg.queues > WEIR_BLKFRONT_QUEUES ||
        bf->cfg.ring_order > WEIR_RING_MAX_ORDER ||
        bf->cfg.bounce_pages > POOL_MAX || bf->cfg.big_requests > POOL_MAX)
        return -WEIR_EINVAL;
    return 0;
}

static void destroy(struct weir_blkfront *bf)
{
    struct weir_port *p = bf->port;

    for (unsigned i = 0; i < WEIR_BF_AREAS; i++)
        weir_bf_area_end(bf, &bf->area[i]);
    for (unsigned i = 0; i < bf->nqueues; i++)
        weir_bf_queue_free(&bf->queue[i]);
    p->ops->free_pages(p, bf, bf->self_pages);
}

static int bring_up(struct weir_blkfront *bf, struct weir_front_bus *bus,
                    unsigned index)
{
    int err = weir_front_attach(bus, &bf->dev, &front_ops, "vbd", index);

    if (err != 0)
        return err;
    for (unsigned i = 0; i < bf->cfg.queues && err == 0; i++) {
        err = weir_bf_queue_new(bf, &bf->queue[i]);
        bf->nqueues += err == 0;
    }
    if (err == 0)
        err =
            weir_front_wait_state(&bf->dev, WEIR_XENBUS_CONNECTED, CONNECT_NS);
    if (err != 0)
        weir_front_detach(&bf->dev);
    return err;
}

int weir_blkfront_open(struct weir_front_bus *bus, unsigned index,
                       const struct weir_blkfront_config *cfg,
                       struct weir_blkfront **out)
{
    struct weir_blkfront *bf;
    unsigned pages;
    void *self;
    int err = weir_bf_alloc_table(bus->port, sizeof(*bf), &self, &pages);

    if (err != 0)
        return err;
    bf = self;
    bf->self_pages = pages;
    bf->port = bus->port;
    bf->gnttab = bus->gnttab;
    err = configure(bf, cfg);
    if (err == 0)
        err = bring_up(bf, bus, index);
    if (err != 0) {
        destroy(bf);
        return err;
    }
    *out = bf;
    return 0;
}

void weir_blkfront_close(struct weir_blkfront *bf)
{
    weir_front_detach(&bf->dev);
    destroy(bf);
}

void weir_blkfront_get_info(const struct weir_blkfront *bf,
                            struct weir_blkfront_info *out)
{
    *out = bf->info;
}

int weir_blkfront_alloc(struct weir_blkfront *bf, unsigned count, void **first)
{
    for (unsigned i = 0; i < WEIR_BF_AREAS; i++) {
        int err;

        if (bf->area[i].base != NULL)
            continue;
        err = weir_bf_area_new(bf, &bf->area[i], count, false);
        if (err != 0)
            return err;
        if (bf->areas <= i)
            bf->areas = i + 1;
        *first = bf->area[i].base;
        return 0;
    }
    return -WEIR_ENOSPC;
}

void weir_blkfront_free(struct weir_blkfront *bf, void *first)
{
    for (unsigned i = 0; i < bf->areas; i++)
        if (first != NULL && bf->area[i].base == first)
            weir_bf_area_end(bf, &bf->area[i]);
}
