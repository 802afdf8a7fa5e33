/* SPDX-License-Identifier: MIT
 *
 * Packets between netfront and the real backend, on a fake machine.
 */
#include "tests/unit/net_world.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WAIT_NS UINT64_C(2000000000)
#define HDR     10

static uint8_t out[HDR + 65536], in[HDR + 65536];

static void send_one(struct weir_netfront *nf, const uint8_t *p, uint32_t len,
                     unsigned pieces)
{
    struct weir_netfront_vec v[18];
    uint32_t off = 0;
    for (unsigned i = 0; i < pieces; i++) {
        uint32_t n = i + 1 == pieces ? len - off : (len - off) * (i & 1) / 3;
        v[i] = (struct weir_netfront_vec){p + off, n};
        off += n;
    }
    int ret;
    while ((ret = weir_netfront_send(nf, 0, v, pieces, NULL)) == -WEIR_EAGAIN)
        assert_int_equal(weir_netfront_wait(nf, 0, WAIT_NS), 0);
    assert_int_equal(ret, 0);
    weir_netfront_flush(nf, 0);
}

static const uint32_t sizes[] = {14,   60,   61,    64,    191,   192,   193,
                                 255,  256,  257,   1500,  1514,  2047,  2048,
                                 2049, 4095, 4096,  4097,  8191,  8192,  8193,
                                 9000, 9014, 16384, 32767, 40000, 65534, 65535};
#define NSIZES (sizeof(sizes) / sizeof(sizes[0]))

static void both_ways(const struct weir_netfront_config *cfg)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, cfg);
    assert_int_equal(nf->pooled, !cfg || !cfg->no_pool);
    for (unsigned round = 0; round < 6; round++) {
        for (unsigned i = 0; i < NSIZES; i++) {
            net_fill(out, sizes[i], round * 100 + i);
            send_one(nf, out, sizes[i], 1 + (round * 7 + i) % 18);
            assert_int_equal(net_tap_read(g->tap, in), sizes[i]);
            assert_int_equal(net_check(in + HDR, sizes[i], round * 100 + i), 0);
            net_tap_write(g->tap, out, sizes[i]);
            assert_int_equal(net_recv(nf, in, sizeof(in), NULL), sizes[i]);
            assert_int_equal(net_check(in, sizes[i], round * 100 + i), 0);
        }
    }
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_TX_PACKETS, 6 * NSIZES),
                     6 * NSIZES);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_RX_PACKETS, 6 * NSIZES),
                     6 * NSIZES);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_VIF_ERRORS, 0), 0);
    if (nf->pooled) /* the common packet costs no grant operation */
        assert_int_equal(net_stat_becomes(w, WEIR_STAT_GRANT_COPIES, 0), 0);
    else
        assert_true(net_world_stat(w, 0, WEIR_STAT_GRANT_COPIES) > NSIZES);
    assert_int_equal(net_world_free(w), 0);
}

static void test_sizes_pool(void **state)
{
    (void)state;
    both_ways(NULL);
}

static void test_sizes_copy(void **state)
{
    struct weir_netfront_config cfg = {.no_pool = true};
    (void)state;
    both_ways(&cfg);
}

/* A full ring, many times over, in bursts: nothing is lost or reordered. */
static void test_bursts(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    uint32_t sent = 0, got = 0, total = 5000;
    (void)state;
    while (got < total) {
        struct weir_netfront_vec v = {out, 60 + sent % 1400};
        net_fill(out, v.len, sent);
        if (sent < total && sent - got < 200 &&
            !weir_netfront_send(nf, 0, &v, 1, NULL)) {
            sent++;
            continue;
        }
        weir_netfront_flush(nf, 0);
        while (got < sent) {
            uint32_t len = 60 + got % 1400;
            assert_int_equal(net_tap_read(g->tap, in), len);
            assert_int_equal(net_check(in + HDR, len, got), 0);
            got++;
        }
    }
    assert_int_equal(net_world_free(w), 0);
}

/* A sender that filled the ring and waits is woken, however the answers and
 * its going to sleep fall together. */
static void test_full_ring_wakes(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    struct weir_netfront_vec v = {out, 60};
    (void)state;
    net_fill(out, 60, 1);
    for (unsigned round = 0; round < 40; round++) {
        unsigned sent = 0;
        while (!weir_netfront_send(nf, 0, &v, 1, NULL))
            sent++;
        weir_netfront_flush(nf, 0);
        for (unsigned i = 0; i < sent; i++)
            assert_int_equal(net_tap_read(g->tap, in), 60);
        uint64_t t0 = w->back->ops->now_ns(w->back);
        assert_int_equal(weir_netfront_wait(nf, 0, WAIT_NS), 0);
        assert_true(w->back->ops->now_ns(w->back) - t0 < WAIT_NS / 2);
        assert_true(weir_netfront_room(nf, 0) > 0);
    }
    assert_int_equal(net_world_free(w), 0);
}

/* More packets for the guest than it takes: they wait, none is torn. */
static void test_slow_guest(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    (void)state;
    for (uint32_t i = 0; i < 600; i++) {
        net_fill(out, 3000, i);
        net_tap_write(g->tap, out, 3000);
    }
    for (uint32_t i = 0; i < 600; i++) {
        assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 3000);
        assert_int_equal(net_check(in, 3000, i), 0);
    }
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_RX_DROPPED, 0), 0);
    assert_int_equal(net_world_free(w), 0);
}

static void test_antispoof(void **state)
{
    struct weir_resource res = {
        .vif = {.flags = WEIR_VIF_VNET_HDR, .antispoof = 1}};
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, &res);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    (void)state;
    net_fill(out, 100, 1);
    out[11] = 6; /* another sender */
    send_one(nf, out, 100, 1);
    net_fill(out, 101, 2);
    send_one(nf, out, 101, 1);
    assert_int_equal(net_tap_read(g->tap, in), 101);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_SPOOFED, 1), 1);
    assert_int_equal(net_world_free(w), 0);
}

static void test_rate(void **state)
{
    struct weir_resource res = {
        .vif = {.flags = WEIR_VIF_VNET_HDR,
                .rate_bps = 1000000,
                .rate_window_us = 10000}}; /* 10,000 bytes at once */
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, &res);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    (void)state;
    uint64_t t0 = w->back->ops->now_ns(w->back);
    net_fill(out, 1000, 1);
    for (int i = 0; i < 210; i++)
        send_one(nf, out, 1000, 1);
    for (int i = 0; i < 210; i++)
        assert_int_equal(net_tap_read(g->tap, in), 1000);
    uint64_t took = w->back->ops->now_ns(w->back) - t0;
    assert_in_range(took, 180000000, 1500000000); /* 200 kB at 1 MB/s */
    assert_int_equal(net_world_free(w), 0);
}

/* All queues of a vif share its rate, and what may be sent at once. */
static void test_rate_shared(void **state)
{
    struct weir_resource res = {.vif = {.flags = WEIR_VIF_VNET_HDR,
                                        .queues = 2,
                                        .rate_bps = 1000000,
                                        .rate_window_us = 100000}};
    struct weir_netfront_config cfg = {.queues = 2};
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, &res);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    struct weir_netfront_vec v = {out, 1000};
    (void)state;
    uint64_t t0 = w->back->ops->now_ns(w->back);
    net_fill(out, 1000, 1);
    for (unsigned i = 0; i < 200; i++)
        assert_int_equal(weir_netfront_send(nf, i % 2, &v, 1, NULL), 0);
    weir_netfront_flush(nf, 0);
    weir_netfront_flush(nf, 1);
    for (int i = 0; i < 200; i++)
        assert_int_equal(net_tap_read(g->tap, in), 1000);
    uint64_t took = w->back->ops->now_ns(w->back) - t0;
    assert_in_range(took, 80000000, 1500000000); /* 100 kB at 1 MB/s */
    assert_int_equal(net_world_free(w), 0);
}

/* A frontend that had more queues at its last backend says how many it has
 * now. */
static void test_fewer_queues(void **state)
{
    const char *node = "/local/domain/5/device/vif/0/multi-queue-num-queues";
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    (void)state;
    assert_int_equal(weir_fake_store_set(w->store, node, "4"), 0);
    assert_int_equal(weir_fake_store_own(w->store, node, 5, NET_BACK), 0);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    net_fill(out, 100, 1);
    send_one(nf, out, 100, 1);
    assert_int_equal(net_tap_read(g->tap, in), 100);
    assert_int_equal(net_world_free(w), 0);
}

/* What the host sends and no guest can take is counted, not just gone. */
static void test_runts_are_counted(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    (void)state;
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    net_fill(out, 60, 1);
    net_tap_write(g->tap, out, 13);
    net_tap_write(g->tap, out, 60);
    assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 60);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_RX_DROPPED, 1), 1);
    assert_int_equal(net_world_free(w), 0);
}

static void test_multicast(void **state)
{
    struct weir_netfront_config cfg = {.multicast_control = true};
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 7};
    (void)state;
    net_fill(out, 80, 1);
    memcpy(out, group, 6);
    net_tap_write(g->tap, out, 80); /* not asked for */
    net_fill(out, 81, 2);
    net_tap_write(g->tap, out, 81);
    assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 81);
    assert_int_equal(weir_netfront_multicast(nf, group, true), 0);
    send_one(nf, out, 60, 1);
    assert_int_equal(net_tap_read(g->tap, in), 60);
    memcpy(out, group, 6);
    net_tap_write(g->tap, out, 82);
    assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 82);
    assert_int_equal(weir_netfront_multicast(nf, group, false), 0);
    send_one(nf, out, 60, 1);
    assert_int_equal(net_tap_read(g->tap, in), 60);
    net_tap_write(g->tap, out, 83);
    memset(out, 0xff, 6); /* broadcast always comes */
    net_tap_write(g->tap, out, 84);
    assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 84);
    assert_true(weir_netfront_room(nf, 0) > 0); /* takes answers in */
    assert_int_equal(nf->queue[0].extras, 0);
    assert_int_equal(net_world_free(w), 0);
}

static void test_queues(void **state)
{
    struct weir_resource res = {
        .vif = {.flags = WEIR_VIF_VNET_HDR, .queues = 2}};
    struct weir_netfront_config cfg = {.queues = 4};
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, &res);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    (void)state;
    assert_int_equal(nf->nqueues, 2);
    assert_true(nf->pooled);
    for (unsigned q = 0; q < 2; q++) {
        struct weir_netfront_vec v = {out, 300 + q};
        net_fill(out, v.len, q);
        assert_int_equal(weir_netfront_send(nf, q, &v, 1, NULL), 0);
        weir_netfront_flush(nf, q);
        assert_int_equal(net_tap_read(g->tap, in), 300 + q);
        assert_int_equal(net_check(in + HDR, 300 + q, q), 0);
    }
    assert_int_equal(net_world_free(w), 0);
}

/* The frontend goes away and comes back: same pages, fresh rings. */
static void test_reconnect(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    (void)state;
    for (unsigned i = 0; i < 5; i++) {
        unsigned pages = weir_fake_pages(g->port);
        net_fill(out, 700, i);
        send_one(nf, out, 700, 2);
        assert_int_equal(net_tap_read(g->tap, in), 700);
        nf->dev.ops->disconnect(&nf->dev);
        nf->dev.state = WEIR_XENBUS_INITIALISING;
        weir_fake_store_set(w->store, "/local/domain/5/device/vif/0/state",
                            "1");
        for (int k = 0; k < 200 && !nf->connected; k++)
            net_world_step(w);
        assert_true(nf->connected && nf->pooled);
        assert_int_equal(weir_fake_pages(g->port), pages);
        net_tap_write(g->tap, out, 700);
        assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 700);
        assert_int_equal(net_check(in, 700, i), 0);
    }
    assert_int_equal(net_world_free(w), 0);
}

/* Xen's, for one: the log is ordinary memory there. */
static void test_port_that_keeps_nothing(void **state)
{
    struct net_world *w = net_world_new();
    struct weir_port_ops ops = *w->back->ops;
    const struct weir_port_ops *all = w->back->ops;
    struct net_guest *g = net_world_vif(w, 0, NULL);
    (void)state;
    ops.keep = NULL;
    ops.forget_kept = NULL;
    w->back->ops = &ops;
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    net_fill(out, 1500, 7);
    send_one(nf, out, 1500, 2);
    assert_int_equal(net_tap_read(g->tap, in), 1500);
    net_tap_write(g->tap, out, 1500);
    assert_int_equal(net_recv(nf, in, sizeof(in), NULL), 1500);
    assert_int_equal(net_check(in, 1500, 7), 0);
    assert_int_equal(weir_fake_calls(w->back, WEIR_FAKE_KEEP), 0);
    weir_netfront_close(nf);
    net_world_step(w);
    w->back->ops = all;
    assert_int_equal(net_world_free(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sizes_pool),
        cmocka_unit_test(test_sizes_copy),
        cmocka_unit_test(test_bursts),
        cmocka_unit_test(test_full_ring_wakes),
        cmocka_unit_test(test_slow_guest),
        cmocka_unit_test(test_antispoof),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_rate_shared),
        cmocka_unit_test(test_runts_are_counted),
        cmocka_unit_test(test_fewer_queues),
        cmocka_unit_test(test_multicast),
        cmocka_unit_test(test_queues),
        cmocka_unit_test(test_reconnect),
        cmocka_unit_test(test_port_that_keeps_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
