/* SPDX-License-Identifier: MIT
 *
 * Rings that lie, receive buffers that are not ours to give, the control ring,
 * nodes, events.  Frames come in all the time: the innocent guest's, which the
 * switch floods.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/hostile_vif.h"

#define STORM_MS 1500

static volatile struct weir_sring_header *header(void *page)
{
    return (volatile struct weir_sring_header *)page;
}

static void post(struct vif *v, grant_ref_t ref)
{
    static uint16_t id;
    struct weir_netif_rx_request r = {.id = id++, .gref = ref};

    weir_netif_rx_front_put(&v->rx, &r);
    weir_netif_rx_front_push(&v->rx);
    vif_kick(v);
}

void attack_net_indexes(struct hostile *h)
{
    static const uint32_t ahead[] = {257, 0x7fffffff, 0x80000000, 0xffffffff};
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    for (unsigned i = 0; i < 4; i++) {
        vif_works(&v);
        header(v.tx_page)->req_prod += ahead[i];
        vif_kick(&v);
        hostile_expect_closed(&v.dev,
                              "tx ring: producer index beyond the ring");
        vif_reconnect(&v);
        /* Looked at when a frame comes. */
        header(v.rx_page)->req_prod += ahead[i];
        vif_kick(&v);
        hostile_expect_closed(&v.dev,
                              "rx ring: producer index beyond the ring");
        vif_reconnect(&v);
        header(v.ctrl_page)->req_prod += ahead[i];
        vif_kick(&v);
        hostile_expect_closed(&v.dev,
                              "control ring: producer index beyond the ring");
        vif_reconnect(&v);
    }
    for (unsigned i = 0; i < 50; i++) {
        header(v.tx_page)->rsp_prod = header(v.rx_page)->rsp_prod =
            vif_random();
        header(v.tx_page)->req_event = vif_random();
        vif_kick(&v);
        hostile_sleep_us(200);
    }
    HOSTILE_CHECK(h, hostile_peer_state(&v.dev) == 4, "closed");
    vif_reconnect(&v);
    vif_works(&v);
    vif_close(&v);
}

/* The status of the next frame that comes in. */
static int received(struct vif *v)
{
    uint64_t end = hostile_ms(v->h) + 5000;
    union weir_netif_rx_slot s;
    int got;

    while ((got = weir_netif_rx_front_get(&v->rx, &s)) == 0) {
        HOSTILE_CHECK(v->h, hostile_ms(v->h) < end, "no frame comes");
        hostile_sleep_us(100);
    }
    HOSTILE_CHECK(v->h, got == 1, "more answers than requests");
    return s.rsp.status;
}

void attack_rx(struct hostile *h)
{
    static struct vif v;
    grant_ref_t bad[7];

    vif_open(h, &v);
    vif_connect(&v);
    post(&v, v.ref[1]);
    HOSTILE_CHECK(h, received(&v) > 0, "a good buffer gets no frame");
    bad[0] = 0xffffffff;
    bad[1] = 0x80000000;
    bad[2] = 1;
    bad[3] = v.other_ref;
    bad[4] = v.ref[63] + 400;
    bad[5] = v.ro_ref;
    bad[6] = 65536;
    memset(v.data, 0x6c, 4096);
    for (unsigned i = 0; i < 7; i++) {
        int status;

        post(&v, bad[i]);
        status = received(&v);
        HOSTILE_CHECK(h, status == WEIR_NETIF_RSP_ERROR,
                      "reference %u: status %d", bad[i], status);
    }
    for (unsigned i = 0; i < 4096; i++)
        HOSTILE_CHECK(h, v.data[i] == 0x6c, "a read-only page was written");
    /* Frames into the rings themselves. */
    for (unsigned i = 0; i < 3; i++) {
        post(&v, i == 0 ? v.tx_ref : i == 1 ? v.rx_ref : v.ctrl_ref);
        hostile_sleep_us(60000);
        vif_kick(&v);
        hostile_sleep_us(20000);
        vif_reconnect(&v);
    }
    post(&v, v.ref[1]);
    HOSTILE_CHECK(h, received(&v) > 0, "a good buffer gets no frame any more");
    vif_close(&v);
}

enum {
    GET_SIZE = WEIR_NETIF_CTRL_GET_GREF_MAPPING_SIZE,
    ADD = WEIR_NETIF_CTRL_ADD_GREF_MAPPING,
    DEL = WEIR_NETIF_CTRL_DEL_GREF_MAPPING
};
#define INVALID WEIR_NETIF_CTRL_INVALID_PARAMETER
#define CTRL(v, want, ...)                                                     \
    do {                                                                       \
        uint32_t got_ = vif_ctrl(v, __VA_ARGS__, NULL);                        \
                                                                               \
        HOSTILE_CHECK((v)->h, got_ == (want), "control status %u, not %u",     \
                      got_, (unsigned)(want));                                 \
    } while (0)

static void fill_list(struct vif *v, unsigned n, unsigned first)
{
    memset(v->list, 0, 4096);
    for (unsigned i = 0; i < n; i++)
        v->list[i].ref = v->ref[(first + i) % VIF_PAGES];
}

static void bad_ctrl(struct vif *v)
{
    static const unsigned types[] = {0, 11, 99, 0x8000, 0xffff};
    static const uint32_t counts[] = {0,          513,        1024,      65535,
                                      0x20000001, 0x80000000, 0xffffffff};

    for (unsigned i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        CTRL(v, WEIR_NETIF_CTRL_NOT_SUPPORTED, types[i], 1, 2, 3);
    CTRL(v, INVALID, GET_SIZE, 1, 0, 0);
    CTRL(v, INVALID, GET_SIZE, 0xffffffff, 0, 0);
    fill_list(v, 8, 0);
    for (unsigned i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        CTRL(v, INVALID, ADD, 0, v->list_ref, counts[i]);
        CTRL(v, INVALID, DEL, 0, v->list_ref, counts[i]);
    }
    CTRL(v, INVALID, ADD, 1, v->list_ref, 8);
    CTRL(v, INVALID, ADD, 0x80000000, v->list_ref, 8);
    CTRL(v, INVALID, ADD, 0, 0xffffffff, 8);
    CTRL(v, INVALID, ADD, 0, v->other_ref, 8);
    CTRL(v, INVALID, DEL, 0, 31337, 8);
}

/* All or nothing: after a list with one bad entry none is mapped. */
static void bad_lists(struct vif *v)
{
    const grant_ref_t bad[] = {0xffffffff, 1, v->other_ref, v->ro_ref,
                               v->ref[63] + 400};

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        fill_list(v, 32, 0);
        v->list[31].ref = bad[i];
        CTRL(v, INVALID, ADD, 0, v->list_ref, 32);
        for (unsigned k = 0; k < 32; k++)
            HOSTILE_CHECK(v->h, !weir_gnttab_in_use(&v->h->gnttab, v->ref[k]),
                          "page %u of a refused list is mapped", k);
    }
    fill_list(v, 32, 0);
    v->list[31].ref = v->list[0].ref; /* twice */
    CTRL(v, INVALID, ADD, 0, v->list_ref, 32);
    HOSTILE_CHECK(v->h, !weir_gnttab_in_use(&v->h->gnttab, v->ref[0]),
                  "a page of a refused list is mapped");
}

static void pool_is_bounded(struct vif *v)
{
    uint8_t *more = hostile_pages(v->h, 1100);
    static grant_ref_t ref[1100];
    uint32_t max, removed, got = 0;

    HOSTILE_CHECK(v->h, vif_ctrl(v, GET_SIZE, 0, 0, 0, &max) == 0, "size");
    for (unsigned i = 0; i < 1100; i++)
        ref[i] =
            hostile_grant(v->h, v->dev.peer_domid, more + i * 4096u, false);
    for (unsigned at = 0; at < 1100; at += 100) {
        for (unsigned i = 0; i < 100; i++)
            v->list[i] = (struct weir_netif_gref){.ref = ref[at + i]};
        if (vif_ctrl(v, ADD, 0, v->list_ref, 100, NULL) == 0)
            got += 100;
    }
    HOSTILE_CHECK(v->h, got > 0 && got <= max, "%u pages, %u allowed", got,
                  max);
    /* Nobody may end such a grant before DEL. */
    HOSTILE_CHECK(v->h, weir_gnttab_end(&v->h->gnttab, ref[0]) == -WEIR_EBUSY,
                  "the grant of a page in the pool could be ended");
    for (unsigned at = 0; at < 1100; at += 100) {
        for (unsigned i = 0; i < 100; i++)
            v->list[i] = (struct weir_netif_gref){.ref = ref[at + i]};
        vif_ctrl(v, DEL, 0, v->list_ref, 100, &removed);
        got -= removed;
        CTRL(v, WEIR_NETIF_CTRL_SUCCESS, DEL, 0, v->list_ref, 100);
    }
    HOSTILE_CHECK(v->h, got == 0, "%u pages were not given back", got);
    for (unsigned i = 0; i < 1100; i++)
        hostile_ungrant(v->h, ref[i]);
}

/* The list changes while it is read. */
static void rewrite_list(struct vif *v)
{
    for (unsigned round = 0; round < 200; round++) {
        struct weir_netif_ctrl_request r = {.id = (uint16_t)round,
                                            .type = round % 2 != 0 ? DEL : ADD,
                                            .data = {0, v->list_ref, 64}};
        struct weir_netif_ctrl_response rsp;
        uint64_t end = hostile_ms(v->h) + 5000;
        volatile struct weir_netif_gref *list = v->list;

        fill_list(v, 64, round);
        weir_netif_ctrl_front_put(&v->ctrl, &r);
        weir_netif_ctrl_front_push(&v->ctrl);
        vif_kick(v);
        while (weir_netif_ctrl_front_get(&v->ctrl, &rsp) <= 0) {
            list[vif_random() % 64].ref = vif_random() % 200;
            HOSTILE_CHECK(v->h, hostile_ms(v->h) < end, "round %u: no answer",
                          round);
        }
    }
}

void attack_ctrl(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    bad_ctrl(&v);
    bad_lists(&v);
    pool_is_bounded(&v);
    rewrite_list(&v);
    vif_works(&v);
    HOSTILE_CHECK(h, hostile_peer_state(&v.dev) == 4, "closed");
    vif_close(&v);
}

static const struct nodes {
    const char *key, *value, *reason;
} garbage[] = {
    {"request-rx-copy", "0", "request-rx-copy"},
    {"request-rx-copy", "yes", "request-rx-copy"},
    {"feature-sg", "2", "feature-sg is not"},
    {"feature-gso-tcpv4", "-1", "feature-gso-tcpv4 is not"},
    {"feature-rx-notify", "", "feature-rx-notify is not"},
    {"multi-queue-num-queues", "0", "frontend asks for 0 queues"},
    {"multi-queue-num-queues", "3", "frontend asks for 3 queues"},
    {"multi-queue-num-queues", "4294967295", "frontend asks for"},
    {"multi-queue-num-queues", "4294967296", "multi-queue-num-queues is not"},
    {"multi-queue-num-queues", "2", "frontend has no node queue-0/"},
    {"tx-ring-ref", "99999", "cannot be mapped"},
    {"tx-ring-ref", "1", "cannot be mapped"},
    {"tx-ring-ref", "4294967296", "tx-ring-ref"},
    {"rx-ring-ref", "99999", "cannot be mapped"},
    {"rx-ring-ref", "0x", "rx-ring-ref"},
    {"ctrl-ring-ref", "99999", "cannot be mapped"},
    {"ctrl-ring-ref", "-1", "ctrl-ring-ref is not"},
    {"event-channel-tx", "999999", "event channel 999999"},
    {"event-channel-tx", "x", "event-channel-tx is not"},
    {"event-channel-rx", "0", "event channel 0"},
    {"event-channel-rx", NULL, "event channel "},
    {"event-channel-ctrl", "4294967295", "event channel 4294967295"},
    {"event-channel-ctrl", "", "event-channel-ctrl is not"},
};

void attack_net_nodes(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    hostile_restart(&v.dev);
    for (unsigned i = 0; i < sizeof(garbage) / sizeof(garbage[0]); i++) {
        vif_nodes(&v);
        if (garbage[i].value == NULL) /* tx's channel for rx too */
            hostile_set_u64(&v.dev, garbage[i].key, v.evtchn[0]);
        else
            hostile_set(&v.dev, garbage[i].key, garbage[i].value);
        hostile_set(&v.dev, "state", i % 2 != 0 ? "4" : "3");
        hostile_expect_closed(&v.dev, garbage[i].reason);
        hostile_restart(&v.dev);
    }
    vif_nodes(&v);
    hostile_rm(&v.dev, "event-channel-rx");
    hostile_set(&v.dev, "state", "4");
    hostile_expect_closed(&v.dev, "frontend has no node event-channel-rx");
    hostile_restart(&v.dev);
    vif_connect(&v);
    vif_works(&v);
    vif_close(&v);
}

void attack_net_flap(struct hostile *h)
{
    static const char *const state[] = {
        "0", "1", "2",   "3", "4", "5", "6", "7",
        "8", "9", "abc", "",  "4", "1", "6", "99999999999999999999"};
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    for (unsigned i = 0; i < 600; i++) {
        union weir_netif_tx_slot s = vif_slot(&v, 0, 0, 100, 0);

        hostile_set(&v.dev, "state", state[vif_random() % 16]);
        weir_netif_tx_front_put(&v.tx, &s);
        weir_netif_tx_front_push(&v.tx);
        post(&v, v.ref[i % VIF_PAGES]);
        if (i % 16 == 0)
            hostile_sleep_us(2000);
        if (i % 40 == 0) {
            hostile_rm(&v.dev, "state");
            hostile_sleep_us(1000);
        }
    }
    vif_reconnect(&v);
    vif_works(&v);
    vif_close(&v);
}

void attack_net_storm(struct hostile *h)
{
    static struct vif v;
    uint64_t end, n = 0;

    vif_open(h, &v);
    vif_connect(&v);
    vif_works(&v);
    end = hostile_ms(h) + STORM_MS;
    while (hostile_ms(h) < end)
        for (unsigned i = 0; i < 300; i++, n += 3)
            vif_kick(&v);
    vif_works(&v);
    fprintf(stderr, "hostile storm: %llu notifications\n",
            (unsigned long long)n);
    vif_close(&v);
}

static void everything_in_flight(struct vif *v)
{
    for (unsigned i = 0; i < VIF_PAGES; i++)
        post(v, v->ref[i]);
    fill_list(v, 64, 0);
    vif_ctrl(v, ADD, 0, v->list_ref, 64, NULL);
    vif_frame(v, 4000);
    for (unsigned i = 0; i < 200; i++) {
        union weir_netif_tx_slot s = vif_slot(v, 0, 0, 4000, 0);

        weir_netif_tx_front_put(&v->tx, &s);
    }
    weir_netif_tx_front_push(&v->tx);
    vif_kick(v);
}

void attack_net_vanish(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    everything_in_flight(&v);
    _exit(0);
}

void attack_net_hang(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    everything_in_flight(&v);
    HOSTILE_CHECK(h, weir_xs_write_u64(&h->xs, 0, "device", "ready", 1) == 0,
                  "ready");
    for (;;) {
        union weir_netif_tx_slot s = vif_slot(&v, 0, 0, 1000, 0);
        struct weir_netif_tx_response rsp;

        while (weir_netif_tx_front_put(&v.tx, &s) == 0)
            ;
        weir_netif_tx_front_push(&v.tx);
        vif_kick(&v);
        while (weir_netif_tx_front_get(&v.tx, &rsp) > 0)
            ;
    }
}
