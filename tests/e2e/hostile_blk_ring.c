/* SPDX-License-Identifier: MIT
 *
 * A ring that lies, nodes that are garbage, an event channel that never rests.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/e2e/hostile_blk.h"

#define IMPOSSIBLE "the frontend's ring index is impossible"
#define STORM_MS   1500
#define FLOOD      1400
#define KEPT_MAX   1100 /* persistent pages, ring and some change */

static void kick(struct disk *d)
{
    d->h->port->ops->evtchn_notify(d->h->port, d->evtchn);
}

/* The disk is read into the ring: DMA writes the indexes. */
void attack_own_ring(struct hostile *h)
{
    static struct disk d;
    union weir_blkif_request r;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    memset(d.data, 0xff, 4096);
    r = disk_rw(&d, WEIR_BLKIF_OP_WRITE, 64, 8);
    HOSTILE_CHECK(h, disk_do(&d, &r) == 0, "write");
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, 64, 8);
    r.rw.seg[0].gref = d.ring_ref[0];
    disk_send(&d, &r);
    hostile_sleep_us(20000);
    disk_header(&d)->req_prod = UINT32_MAX; /* if the answer came later */
    kick(&d);
    hostile_expect_closed(&d.dev, IMPOSSIBLE);
    hostile_restart(&d.dev);
    /* One page is all pages of the ring. */
    HOSTILE_CHECK(h,
                  weir_blkif_front_init(&d.ring, d.ring_page, 1) == 0 &&
                      h->port->ops->evtchn_alloc(h->port, d.dev.peer_domid,
                                                 &d.evtchn) == 0,
                  "again");
    disk_nodes(&d, 2);
    for (unsigned i = 1; i < 4; i++) {
        char key[16];

        snprintf(key, sizeof(key), "ring-ref%u", i);
        hostile_set_u64(&d.dev, key, d.ring_ref[0]);
    }
    hostile_set(&d.dev, "state", "3");
    hostile_expect(&d.dev, 4);
    r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);
    for (unsigned i = 0; i < 32; i++)
        weir_blkif_front_put(&d.ring, &r);
    weir_blkif_front_push(&d.ring);
    disk_header(&d)->req_prod = 128; /* slots that are other slots */
    kick(&d);
    hostile_sleep_us(100000);
    disk_reconnect(&d);
    disk_works(&d);
    disk_close(&d);
}

void attack_indexes(struct hostile *h)
{
    static const uint32_t ahead[] = {33,         64,         1000,
                                     0x7fffffff, 0x80000000, 0xffff0000};
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    for (unsigned i = 0; i < sizeof(ahead) / sizeof(ahead[0]); i++) {
        disk_works(&d);
        disk_header(&d)->req_prod += ahead[i];
        kick(&d);
        hostile_expect_closed(&d.dev, IMPOSSIBLE);
        disk_reconnect(&d);
    }
    disk_works(&d);
    disk_header(&d)->req_prod -= 1; /* back */
    kick(&d);
    hostile_expect_closed(&d.dev, IMPOSSIBLE);
    disk_reconnect(&d);
    /* The backend's own words are not believed either. */
    for (unsigned i = 0; i < 50; i++) {
        disk_header(&d)->rsp_prod = (uint32_t)rand();
        disk_header(&d)->req_event = (uint32_t)rand();
        kick(&d);
        hostile_sleep_us(200);
    }
    HOSTILE_CHECK(h, hostile_peer_state(&d.dev) == 4, "closed");
    disk_reconnect(&d);
    disk_works(&d);
    disk_close(&d);
}

/* Nobody takes the answers; the ring goes round and round all the same. */
void attack_unread(struct hostile *h)
{
    static struct disk d;
    union weir_blkif_request r;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    for (unsigned round = 0; round < 200; round++) {
        uint64_t end = hostile_ms(h) + 5000;

        for (unsigned i = 0; i < 32; i++) {
            r = disk_rw(&d, WEIR_BLKIF_OP_READ, i, 8);
            HOSTILE_CHECK(h, weir_blkif_front_put(&d.ring, &r) == 0, "full");
        }
        weir_blkif_front_push(&d.ring);
        disk_header(&d)->rsp_event = (uint32_t)rand();
        kick(&d);
        while (disk_header(&d)->rsp_prod != d.ring.r.req_pushed) {
            HOSTILE_CHECK(h, hostile_ms(h) < end, "round %u hangs", round);
            hostile_sleep_us(50);
        }
        d.ring.r.rsp_cons = d.ring.r.rsp_seen = d.ring.r.req_pushed;
    }
    disk_works(&d);
    disk_close(&d);
}

static struct nodes {
    const char *key, *value, *reason;
} garbage[] = {
    {"ring-page-order", "5", "ring-page-order is not a number up to 4"},
    {"ring-page-order", "-1", "ring-page-order is not a number up to 4"},
    {"ring-page-order", "", "ring-page-order is not a number up to 4"},
    {"ring-page-order", "18446744073709551616", "ring-page-order is not"},
    {"ring-page-order", "2", "frontend has no node ring-ref"},
    {"multi-queue-num-queues", "0", "frontend wants no queue"},
    {"multi-queue-num-queues", "5", "multi-queue-num-queues is not"},
    {"multi-queue-num-queues", "4000000000", "multi-queue-num-queues is not"},
    {"multi-queue-num-queues", "two", "multi-queue-num-queues is not"},
    {"multi-queue-num-queues", "2", "frontend has no node queue-0/ring-ref"},
    {"protocol", "x86_32-abi", "protocol is not x86_64-abi"},
    {"protocol", "", "protocol is not x86_64-abi"},
    {"protocol", NULL, "protocol"},
    {"feature-persistent", "2", "feature-persistent is not"},
    {"feature-persistent", NULL, "feature-persistent is not"},
    {"ring-ref0", "99999", "cannot be mapped"},
    {"ring-ref0", "4294967295", "cannot be mapped"},
    {"ring-ref0", "4294967296", "ring-ref0 is not"},
    {"ring-ref0", "1", "cannot be mapped"},
    {"ring-ref0", "OTHER", "cannot be mapped"},
    {"ring-ref0", "READONLY", "cannot be mapped"},
    {"ring-ref0", "0x10", "ring-ref0 is not"},
    {"ring-ref0", NULL, "ring-ref0 is not"},
    {"event-channel", "0", "event channel"},
    {"event-channel", "999999", "event channel"},
    {"event-channel", "4294967295", "event channel"},
    {"event-channel", "-5", "event-channel is not"},
    {"event-channel", "OTHER", "event channel"},
    {"event-channel", NULL, "event-channel is not"},
};

/* NULL: 2000 bytes; OTHER: what was given to another domain. */
static void set_garbage(struct disk *d, const struct nodes *n)
{
    struct weir_port *p = d->h->port;
    static char huge[2001];
    evtchn_port_t port;

    if (n->value == NULL) {
        memset(huge, '7', 2000);
        hostile_set(&d->dev, n->key, huge);
    } else if (strcmp(n->value, "READONLY") == 0) {
        hostile_set_u64(&d->dev, n->key, d->ro_ref);
    } else if (strcmp(n->value, "OTHER") != 0) {
        hostile_set(&d->dev, n->key, n->value);
    } else if (n->key[0] == 'r') {
        hostile_set_u64(&d->dev, n->key, d->other_ref);
    } else {
        HOSTILE_CHECK(d->h, p->ops->evtchn_alloc(p, 1, &port) == 0, "channel");
        hostile_set_u64(&d->dev, n->key, port);
    }
}

void attack_nodes(struct hostile *h)
{
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    hostile_restart(&d.dev);
    for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        for (unsigned k = 1; k < 4; k++) {
            char key[16];

            snprintf(key, sizeof(key), "ring-ref%u", k);
            hostile_rm(&d.dev, key);
        }
        disk_nodes(&d, 0);
        set_garbage(&d, &garbage[i]);
        hostile_set(&d.dev, "state", "3");
        hostile_expect_closed(&d.dev, garbage[i].reason);
        hostile_restart(&d.dev);
    }
    disk_connect(&d, 0);
    disk_works(&d);
    disk_close(&d);
}

void attack_flap(struct hostile *h)
{
    static const char *const state[] = {
        "0", "1", "2", "3",   "4",          "5",  "6",  "7",
        "8", "9", "",  "abc", "4294967299", "-1", "03", "18446744073709551617",
        "3", "1", "6", "4"};
    static struct disk d;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    for (unsigned i = 0; i < 600; i++) {
        union weir_blkif_request r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);

        hostile_set(
            &d.dev, "state",
            state[(unsigned)rand() % (sizeof(state) / sizeof(state[0]))]);
        if (weir_blkif_front_put(&d.ring, &r) == 0)
            weir_blkif_front_push(&d.ring);
        kick(&d);
        if (i % 16 == 0)
            hostile_sleep_us(2000);
        if (i % 40 == 0) {
            hostile_rm(&d.dev, "state");
            hostile_sleep_us(1000);
        }
    }
    disk_reconnect(&d);
    disk_works(&d);
    disk_close(&d);
}

void attack_storm(struct hostile *h)
{
    static struct disk d;
    uint64_t end, n = 0;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    disk_works(&d);
    end = hostile_ms(h) + STORM_MS;
    while (hostile_ms(h) < end)
        for (unsigned i = 0; i < 1000; i++, n++)
            kick(&d);
    disk_works(&d);
    HOSTILE_CHECK(h, hostile_peer_state(&d.dev) == 4, "closed");
    fprintf(stderr, "hostile storm: %llu notifications\n",
            (unsigned long long)n);
    disk_close(&d);
}

/* Two queues, each with a thread, on one and the same ring. */
void attack_twins(struct hostile *h)
{
    static struct disk d;
    char key[32];

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    for (unsigned round = 0; round < 5; round++) {
        hostile_restart(&d.dev);
        HOSTILE_CHECK(h, weir_blkif_front_init(&d.ring, d.ring_page, 1) == 0,
                      "ring");
        disk_nodes(&d, 0);
        hostile_set(&d.dev, "multi-queue-num-queues", "2");
        for (unsigned q = 0; q < 2; q++) {
            HOSTILE_CHECK(h,
                          h->port->ops->evtchn_alloc(h->port, d.dev.peer_domid,
                                                     &d.evtchn) == 0,
                          "channel");
            snprintf(key, sizeof(key), "queue-%u/ring-ref", q);
            hostile_set_u64(&d.dev, key, d.ring_ref[0]);
            snprintf(key, sizeof(key), "queue-%u/event-channel", q);
            hostile_set_u64(&d.dev, key, d.evtchn);
        }
        hostile_set(&d.dev, "state", "3");
        hostile_expect(&d.dev, 4);
        for (unsigned i = 0; i < 300; i++) {
            union weir_blkif_request r = disk_rw(&d, WEIR_BLKIF_OP_READ, i, 8);

            if (weir_blkif_front_put(&d.ring, &r) != 0)
                d.ring.r.rsp_cons = d.ring.r.rsp_seen = d.ring.r.req_pushed;
            weir_blkif_front_push(&d.ring);
            kick(&d);
            kick(&d);
            hostile_sleep_us(i % 8 * 10);
        }
    }
    hostile_rm(&d.dev, "queue-0");
    hostile_rm(&d.dev, "queue-1");
    disk_reconnect(&d);
    disk_works(&d);
    disk_close(&d);
}

/* A backend that keeps pages mapped keeps a bounded number. */
void attack_flood(struct hostile *h)
{
    static struct disk d;
    static grant_ref_t ref[FLOOD];
    uint8_t *pages;
    unsigned kept = 0;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    hostile_restart(&d.dev);
    HOSTILE_CHECK(h, weir_blkif_front_init(&d.ring, d.ring_page, 1) == 0,
                  "ring");
    HOSTILE_CHECK(
        h,
        h->port->ops->evtchn_alloc(h->port, d.dev.peer_domid, &d.evtchn) == 0,
        "channel");
    disk_nodes(&d, 0);
    hostile_set(&d.dev, "feature-persistent", "1");
    hostile_set(&d.dev, "state", "3");
    hostile_expect(&d.dev, 4);
    pages = hostile_pages(h, FLOOD);
    for (unsigned i = 0; i < FLOOD; i++) {
        union weir_blkif_request r = disk_rw(&d, WEIR_BLKIF_OP_READ, 0, 8);

        ref[i] = hostile_grant(h, d.dev.peer_domid, pages + i * 4096u, false);
        r.rw.seg[0].gref = ref[i];
        HOSTILE_CHECK(h, disk_do(&d, &r) == 0, "read %u", i);
    }
    for (unsigned i = 0; i < FLOOD; i++)
        kept += weir_gnttab_in_use(&h->gnttab, ref[i]);
    HOSTILE_CHECK(h, kept > 100 && kept <= KEPT_MAX, "%u pages are kept", kept);
    hostile_set(&d.dev, "state", "6");
    hostile_expect(&d.dev, 6);
    for (unsigned i = 0; i < FLOOD; i++)
        hostile_ungrant(h, ref[i]);
    disk_close(&d);
}

/* The ring's page: ended, struck from the table by hand, freed. */
void attack_ungrant_ring(struct hostile *h)
{
    static struct disk d;
    struct weir_port *p = h->port;
    volatile struct weir_grant_entry_v1 *entries;
    uint32_t count;
    mfn_t frame;

    disk_open(h, &d, DISK_RW);
    disk_connect(&d, 0);
    HOSTILE_CHECK(h, weir_gnttab_end(&h->gnttab, d.ring_ref[0]) == -WEIR_EBUSY,
                  "the grant of a mapped ring could be ended");
    disk_works(&d);
    frame = p->ops->frame(p, d.ring_page[0]);
    HOSTILE_CHECK(h, p->ops->grant_table(p, false, &entries, &count) == 0,
                  "table");
    entries[d.ring_ref[0]].flags = 0;
    entries[d.ring_ref[0]].domid = 0x7ff0;
    entries[d.ring_ref[0]].frame = 0xffffffff;
    disk_works(&d);
    p->ops->free_pages(p, d.ring_page[0], 1);
    for (unsigned i = 0; i < 256; i++) {
        uint8_t *fresh = hostile_pages(h, 1);

        HOSTILE_CHECK(h, p->ops->frame(p, fresh) != frame,
                      "the mapped ring's frame was given out again");
        memset(fresh, 0xff, 4096);
    }
    hostile_sleep_us(50000);
    hostile_set(&d.dev, "state", "6");
    hostile_expect(&d.dev, 6);
}
