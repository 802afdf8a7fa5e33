/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hostile_work.h"

#include <string.h>

#define WAIT_NS 1000000000u

void work_bus(struct hostile *h, struct weir_front_bus *bus)
{
    int err = weir_gnttab_init(&h->gnttab, h->port);

    if (err == 0)
        err = weir_front_bus_open(bus, h->port, &h->gnttab);
    HOSTILE_CHECK(h, err == 0, "start: %s", strerror(-err));
}

void work_open(struct work *w, struct weir_front_bus *bus,
               const struct weir_blkfront_config *cfg)
{
    void *room;
    int err = weir_blkfront_open(bus, 0, cfg, &w->bf);

    HOSTILE_CHECK(w->h, err == 0, "disk: %s", strerror(-err));
    err = weir_blkfront_alloc(w->bf, w->pages, &room);
    HOSTILE_CHECK(w->h, err == 0, "memory");
    w->data = room;
}

void work_fill(uint8_t *p, size_t len, uint64_t seed)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t v = (seed + i) * 0x9e3779b97f4a7c15u;

        memcpy(p + i, &v, 8);
    }
}

struct end {
    bool over;
    int status;
};

static void done(struct weir_blkfront_io *io, int status)
{
    *(struct end *)io->tag = (struct end){true, status};
}

int work_io(struct work *w, struct weir_blkfront *bf, enum weir_blkfront_op op,
            uint64_t sector, void *at, size_t len)
{
    struct end end = {0};
    struct weir_blkfront_vec vec = {at, len};
    struct weir_blkfront_io io = {.op = op,
                                  .sector = sector,
                                  .vec = &vec,
                                  .nvec = 1,
                                  .done = done,
                                  .tag = &end};
    uint64_t limit = hostile_ms(w->h) + w->limit_ms;
    int err = weir_blkfront_submit(bf, 0, &io);

    HOSTILE_CHECK(w->h, err == 0, "submit: %s", strerror(-err));
    while (!end.over) {
        err = weir_blkfront_wait(bf, 0, WAIT_NS);
        HOSTILE_CHECK(w->h, err >= 0, "disk: %s", strerror(-err));
        HOSTILE_CHECK(w->h, hostile_ms(w->h) < limit, "an I/O takes %llu s",
                      (unsigned long long)w->limit_ms / 1000);
    }
    return end.status;
}

void work_must(struct work *w, enum weir_blkfront_op op, uint64_t sector,
               void *at, size_t len)
{
    int err = work_io(w, w->bf, op, sector, at, len);

    HOSTILE_CHECK(w->h, err == 0, "operation %d at %llu: %s", op,
                  (unsigned long long)sector, strerror(-err));
}

void work_round(struct work *w, uint64_t i)
{
    static uint8_t want[WORK_PAGES * WEIR_PAGE_SIZE];
    size_t len = (1 + i % w->pages) * WEIR_PAGE_SIZE;
    struct weir_blkfront_info info;
    uint64_t sector;

    weir_blkfront_get_info(w->bf, &info);
    sector = i * 8191 % (info.sectors - w->pages * 8);
    work_fill(want, len, i);
    memcpy(w->data, want, len);
    work_must(w, WEIR_BLKFRONT_WRITE, sector, w->data, len);
    memset(w->data, 0, len);
    work_must(w, WEIR_BLKFRONT_READ, sector, w->data, len);
    HOSTILE_CHECK(w->h, memcmp(w->data, want, len) == 0,
                  "sector %llu is not what was written",
                  (unsigned long long)sector);
}
