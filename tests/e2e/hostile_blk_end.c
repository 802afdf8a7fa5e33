/* SPDX-License-Identifier: MIT
 *
 * Disks that change under a guest, and guests that go with I/O in flight.  The
 * test writes device/go when the disk has been changed; device/ready says that
 * the guest waits for it.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_blk.h"

static void meet(struct hostile *h)
{
    uint64_t end = hostile_ms(h) + 10000, v;

    HOSTILE_CHECK(h, weir_xs_write_u64(&h->xs, 0, "device", "ready", 1) == 0,
                  "ready");
    while (weir_xs_read_u64(&h->xs, 0, "device", "go", &v) != 0) {
        HOSTILE_CHECK(h, hostile_ms(h) < end, "no go");
        hostile_sleep_us(1000);
    }
}

/* The image was cut to half its length. */
void attack_shrunk(struct hostile *h)
{
    static struct disk d;
    union weir_blkif_request r;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, d.sectors - 8, 8);
    HOSTILE_CHECK(h, disk_do(&d, &r) == 0, "the last sectors, before");
    meet(h);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t at = d.sectors / 2 + (uint64_t)i * (d.sectors / 2 - 8) / 99;

        r = disk_rw(&d, WEIR_BLKIF_OP_READ, at, 8);
        HOSTILE_CHECK(h, disk_do(&d, &r) == WEIR_BLKIF_RSP_ERROR,
                      "sector %llu, beyond the end of the image, is read",
                      (unsigned long long)at);
    }
    /* Half of it is there. */
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, d.sectors / 2 - 4, 8);
    HOSTILE_CHECK(h, disk_do(&d, &r) == WEIR_BLKIF_RSP_ERROR, "half a read");
    disk_works(&d);
    disk_close(&d);
}

/* The host's file system fills up. */
void attack_full(struct hostile *h)
{
    static struct disk d;
    unsigned good = 0, bad = 0;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    disk_works(&d);
    memset(d.data, 0xaa, 4096);
    for (uint64_t at = 64; at + 8 <= d.sectors && bad < 20; at += 8) {
        union weir_blkif_request r = disk_rw(&d, WEIR_BLKIF_OP_WRITE, at, 8);
        int status = disk_do(&d, &r);

        good += status == 0;
        bad += status == WEIR_BLKIF_RSP_ERROR;
    }
    HOSTILE_CHECK(h, good > 0 && bad == 20, "%u good and %u failed writes",
                  good, bad);
    HOSTILE_CHECK(h, hostile_peer_state(&d.dev) == 4, "closed");
    disk_works(&d); /* on blocks that the file has */
    disk_close(&d);
}

/* 32 requests of 1 MiB, reads and writes. */
static void fill_ring(struct disk *d)
{
    struct weir_blkif_segment *seg =
        (struct weir_blkif_segment *)(void *)d->data;

    for (unsigned i = 0; i < 256; i++) {
        seg[i] = (struct weir_blkif_segment){.gref = d->ref[1 + i % 31],
                                             .last_sect = 7};
    }
    for (unsigned i = 0; i < 32; i++) {
        union weir_blkif_request r;

        memset(&r, 0, sizeof(r));
        r.indirect.operation = WEIR_BLKIF_OP_INDIRECT;
        r.indirect.indirect_op = i % 2;
        r.indirect.nr_segments = 256;
        r.indirect.sector_number = i * 64u;
        r.indirect.indirect_grefs[0] = d->ro_ref;
        HOSTILE_CHECK(d->h, weir_blkif_front_put(&d->ring, &r) == 0, "full");
    }
    weir_blkif_front_push(&d->ring);
    d->h->port->ops->evtchn_notify(d->h->port, d->evtchn);
}

void attack_vanish(struct hostile *h)
{
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    fill_ring(&d);
    _exit(0);
}

/* Waits, busy, for its SIGKILL. */
void attack_hang(struct hostile *h)
{
    static struct disk d;
    struct weir_blkif_response rsp;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    fill_ring(&d);
    HOSTILE_CHECK(h, weir_xs_write_u64(&h->xs, 0, "device", "ready", 1) == 0,
                  "ready");
    for (;;) {
        while (weir_blkif_front_get(&d.ring, &rsp) > 0)
            ;
        if (weir_blkif_front_free(&d.ring) == 32)
            fill_ring(&d);
    }
}
