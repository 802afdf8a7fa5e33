/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hostile_disk.h"

#include <stdio.h>
#include <string.h>

void disk_open(struct hostile *h, struct disk *d, unsigned devid)
{
    memset(d, 0, sizeof(*d));
    d->h = h;
    hostile_find(h, &d->dev, "vbd", devid);
    for (unsigned i = 0; i < WEIR_RING_MAX_PAGES; i++) {
        d->ring_page[i] = hostile_pages(h, 1);
        d->ring_ref[i] =
            hostile_grant(h, d->dev.peer_domid, d->ring_page[i], false);
    }
    d->data = hostile_pages(h, DISK_PAGES);
    for (unsigned i = 0; i < DISK_PAGES; i++)
        d->ref[i] =
            hostile_grant(h, d->dev.peer_domid, d->data + i * 4096u, false);
    d->ro_ref = hostile_grant(h, d->dev.peer_domid, d->data, true);
    d->other_ref = hostile_grant(h, 1, d->data, false);
}

void disk_nodes(struct disk *d, unsigned order)
{
    struct hostile_dev *v = &d->dev;
    char key[24];

    hostile_set(v, "protocol", WEIR_BLKIF_PROTOCOL);
    hostile_set_u64(v, "event-channel", d->evtchn);
    hostile_set(v, "feature-persistent", "0");
    hostile_rm(v, "ring-page-order");
    hostile_rm(v, "multi-queue-num-queues");
    if (order > 0)
        hostile_set_u64(v, "ring-page-order", order);
    for (unsigned i = 0; i < 1u << order; i++) {
        snprintf(key, sizeof(key), "ring-ref%u", i);
        hostile_set_u64(v, key, d->ring_ref[i]);
    }
    hostile_set_u64(v, "ring-ref", d->ring_ref[0]);
}

static void new_channel(struct disk *d)
{
    struct weir_port *p = d->h->port;
    int err;

    if (d->evtchn != 0)
        p->ops->evtchn_close(p, d->evtchn);
    err = p->ops->evtchn_alloc(p, d->dev.peer_domid, &d->evtchn);
    HOSTILE_CHECK(d->h, err == 0, "event channel: %s", strerror(-err));
}

void disk_connect(struct disk *d, unsigned order)
{
    int err = weir_blkif_front_init(&d->ring, d->ring_page, 1u << order);

    HOSTILE_CHECK(d->h, err == 0, "ring: %s", strerror(-err));
    hostile_expect(&d->dev, 2);
    new_channel(d);
    disk_nodes(d, order);
    hostile_set(&d->dev, "state", "3");
    hostile_expect(&d->dev, 4);
    hostile_set(&d->dev, "state", "4");
    HOSTILE_CHECK(d->h, hostile_peer_u64(&d->dev, "sectors", &d->sectors),
                  "no sectors node");
}

void disk_reconnect(struct disk *d)
{
    hostile_restart(&d->dev);
    disk_connect(d, 0);
}

void disk_close(struct disk *d)
{
    hostile_set(&d->dev, "state", "6");
    hostile_expect(&d->dev, 6);
    for (unsigned i = 0; i < WEIR_RING_MAX_PAGES; i++)
        hostile_ungrant(d->h, d->ring_ref[i]);
    for (unsigned i = 0; i < DISK_PAGES; i++)
        hostile_ungrant(d->h, d->ref[i]);
    hostile_ungrant(d->h, d->ro_ref);
    hostile_ungrant(d->h, d->other_ref);
}

volatile struct weir_sring_header *disk_header(struct disk *d)
{
    return (volatile struct weir_sring_header *)d->ring_page[0];
}

void disk_send(struct disk *d, const union weir_blkif_request *r)
{
    int err = weir_blkif_front_put(&d->ring, r);

    HOSTILE_CHECK(d->h, err == 0, "the ring is full");
    weir_blkif_front_push(&d->ring);
    d->h->port->ops->evtchn_notify(d->h->port, d->evtchn);
}

int disk_get(struct disk *d, struct weir_blkif_response *rsp, unsigned ms)
{
    uint64_t end = hostile_ms(d->h) + ms;

    for (;;) {
        int got = weir_blkif_front_get(&d->ring, rsp);

        if (got != 0 || hostile_ms(d->h) > end)
            return got;
        hostile_sleep_us(20);
    }
}

int disk_do(struct disk *d, union weir_blkif_request *r)
{
    static uint64_t next_id = 0x1122334455660000;
    struct weir_blkif_response rsp;
    int got;

    r->rw.id = next_id++;
    disk_send(d, r);
    got = disk_get(d, &rsp, 5000);
    HOSTILE_CHECK(d->h, got == 1, "no answer to operation %u (%d)",
                  r->rw.operation, got);
    HOSTILE_CHECK(d->h,
                  rsp.id == r->rw.id && rsp.operation == weir_blkif_answered(r),
                  "an answer to another request");
    HOSTILE_CHECK(d->h, rsp.pad == 0 && rsp.pad2 == 0, "padding is not zero");
    return rsp.status;
}

union weir_blkif_request disk_rw(struct disk *d, uint8_t op, uint64_t sector,
                                 unsigned nsectors)
{
    union weir_blkif_request r;

    memset(&r, 0, sizeof(r));
    r.rw.operation = op;
    r.rw.nr_segments = 1;
    r.rw.sector_number = sector;
    r.rw.seg[0].gref = d->ref[0];
    r.rw.seg[0].last_sect = (uint8_t)(nsectors - 1);
    return r;
}

void disk_works(struct disk *d)
{
    union weir_blkif_request r = disk_rw(d, WEIR_BLKIF_OP_WRITE, 8, 8);
    uint8_t mark = (uint8_t)(0x51 + hostile_ms(d->h) % 100);

    memset(d->data, mark, 4096);
    HOSTILE_CHECK(d->h, disk_do(d, &r) == 0, "a good write fails");
    memset(d->data, 0, 4096);
    r = disk_rw(d, WEIR_BLKIF_OP_READ, 8, 8);
    HOSTILE_CHECK(d->h, disk_do(d, &r) == 0, "a good read fails");
    for (unsigned i = 0; i < 4096; i++)
        HOSTILE_CHECK(d->h, d->data[i] == mark,
                      "byte %u is not what was "
                      "written",
                      i);
}
