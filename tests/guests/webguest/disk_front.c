/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/disk_front.h"

#include <string.h>

#include "ring/error.h"

#define ARENA_PAGES 512u
#define ROUND_PAGES(bytes)                                                     \
    (((bytes) + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE * WEIR_PAGE_SIZE)
#define NO_LIMIT UINT64_MAX

static struct web_disk_front *front_of(struct web_disk *d)
{
    return (struct web_disk_front *)d;
}

/* Pieces of larger areas: the frontend keeps a list of areas. */
static void *front_alloc(struct web_disk *d, size_t bytes)
{
    struct web_disk_front *f = front_of(d);
    void *piece;

    bytes = ROUND_PAGES(bytes);
    if (bytes > ARENA_PAGES * WEIR_PAGE_SIZE)
        return NULL;
    if (f->arena_left < bytes) {
        if (weir_blkfront_alloc(f->front, ARENA_PAGES, &piece))
            return NULL;
        f->arena = piece;
        f->arena_left = ARENA_PAGES * WEIR_PAGE_SIZE;
    }
    piece = f->arena;
    f->arena += bytes;
    f->arena_left -= bytes;
    return piece;
}

static void io_done(struct weir_blkfront_io *io, int status)
{
    struct web_front_io *x = (struct web_front_io *)io;
    struct web_disk_read *r = x->read;

    x->status = status;
    x->ended = true;
    if (!r)
        return;
    x->next_free = x->disk->free;
    x->disk->free = x;
    r->done(r, status);
}

/* One blocking I/O.  While the backend is away it waits: so would a disk that
 * is slow. */
static int run(struct web_disk_front *f, enum weir_blkfront_op op,
               uint64_t sector, void *buf, size_t bytes)
{
    struct web_front_io *x = &f->sync;
    int err;

    x->vec = (struct weir_blkfront_vec){.data = buf, .len = bytes};
    x->io = (struct weir_blkfront_io){
        .op = op,
        .sector = sector,
        .vec = &x->vec,
        .nvec = bytes ? 1 : 0,
        .done = io_done,
    };
    x->ended = false;
    err = weir_blkfront_submit(f->front, 0, &x->io);
    while (err >= 0 && !x->ended)
        err = weir_blkfront_wait(f->front, 0, NO_LIMIT);
    return x->ended ? x->status : err;
}

static int front_read(struct web_disk *d, uint64_t sector, void *buf,
                      size_t bytes)
{
    return run(front_of(d), WEIR_BLKFRONT_READ, sector, buf, bytes);
}

static int front_write(struct web_disk *d, uint64_t sector, const void *buf,
                       size_t bytes)
{
    /* Every buffer is from alloc, which gave it writable. */
    return run(front_of(d), WEIR_BLKFRONT_WRITE, sector, (void *)(uintptr_t)buf,
               bytes);
}

static int front_flush(struct web_disk *d)
{
    int err = run(front_of(d), WEIR_BLKFRONT_FLUSH, 0, NULL, 0);

    /* A backend without flush has nothing that could be lost. */
    return err == -WEIR_EOPNOTSUPP ? 0 : err;
}

static int front_start(struct web_disk *d, struct web_disk_read *r)
{
    struct web_disk_front *f = front_of(d);
    struct web_front_io *x = f->free;
    int err;

    if (!x)
        return -WEIR_EAGAIN;
    x->read = r;
    x->vec = (struct weir_blkfront_vec){.data = r->buf, .len = r->bytes};
    x->io = (struct weir_blkfront_io){
        .op = WEIR_BLKFRONT_READ,
        .sector = r->sector,
        .vec = &x->vec,
        .nvec = 1,
        .done = io_done,
    };
    f->free = x->next_free;
    err = weir_blkfront_submit(f->front, 0, &x->io);
    if (err) {
        x->next_free = f->free;
        f->free = x;
    }
    return err;
}

static unsigned front_poll(struct web_disk *d)
{
    int n = weir_blkfront_poll(front_of(d)->front, 0);

    return n > 0 ? (unsigned)n : 0;
}

static const struct web_disk_ops ops = {
    .alloc = front_alloc,
    .read = front_read,
    .write = front_write,
    .flush = front_flush,
    .start = front_start,
    .poll = front_poll,
};

static void resized(void *context, uint64_t sectors)
{
    struct web_disk_front *f = context;

    f->disk.sectors = sectors;
}

int web_disk_front_open(struct web_disk_front *f, struct weir_front_bus *bus,
                        unsigned index)
{
    struct weir_blkfront_config config = {
        .ring_order = 1,
        .big_requests = 32,
        .poll_bus = true, /* we have one thread */
        .spin_ns = 20000,
        .resized = resized,
        .context = f,
    };
    struct weir_blkfront_info info;
    int err;

    memset(f, 0, sizeof(*f));
    err = weir_blkfront_open(bus, index, &config, &f->front);
    if (err)
        return err;
    weir_blkfront_get_info(f->front, &info);
    f->disk = (struct web_disk){
        .ops = &ops,
        .sectors = info.sectors,
        .sector_size = info.sector_size,
        .readonly = info.readonly,
    };
    for (unsigned i = 0; i < WEB_DISK_FRONT_READS; i++) {
        f->ios[i].disk = f;
        f->ios[i].next_free = f->free;
        f->free = &f->ios[i];
    }
    return 0;
}

void web_disk_front_close(struct web_disk_front *f)
{
    weir_blkfront_close(f->front);
}
