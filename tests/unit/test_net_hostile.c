/* SPDX-License-Identifier: MIT
 *
 * Frontends that break the rules, against the real backend.  In each test a
 * second, decent guest goes on working.
 */
#include "tests/unit/net_raw.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HDR 10

static uint8_t buf[HDR + 65536];

struct pair {
    struct net_world *w;
    struct raw_front f;
};

static int tap_read(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    return poll(&p, 1, 2000) == 1 ? (int)read(fd, buf, sizeof(buf)) - HDR : -1;
}

static void begin(struct pair *p)
{
    p->w = net_world_new();
    net_world_vif(p->w, 0, NULL);
    net_world_vif(p->w, 1, NULL);
    net_world_connect(p->w, 1, NULL);
    raw_front_open(&p->f, p->w, 0);
}

/* The neighbour sends and receives as if nothing had happened. */
static void end(struct pair *p)
{
    struct net_guest *g = &p->w->guest[1];
    struct weir_netfront_vec v = {buf, 1000};
    net_fill(buf, 1000, 3);
    assert_int_equal(weir_netfront_send(g->nf, 0, &v, 1, NULL), 0);
    weir_netfront_flush(g->nf, 0);
    assert_int_equal(tap_read(g->tap), 1000);
    assert_int_equal(net_check(buf + HDR, 1000, 3), 0);
    raw_front_close(&p->f);
    assert_int_equal(net_world_free(p->w), 0);
}

static void tx(struct raw_front *f, uint32_t ref, unsigned offset,
               unsigned flags, unsigned id, unsigned size)
{
    union weir_netif_tx_slot s = {.req = {.gref = ref,
                                          .offset = (uint16_t)offset,
                                          .flags = (uint16_t)flags,
                                          .id = (uint16_t)id,
                                          .size = (uint16_t)size}};
    assert_int_equal(weir_netif_tx_front_put(&f->tx, &s), 0);
}

static void extra(struct raw_front *f, unsigned type, unsigned flags,
                  unsigned gso_type, unsigned gso_size)
{
    union weir_netif_tx_slot s;
    memset(&s, 0, sizeof(s));
    s.extra.type = (uint8_t)type;
    s.extra.flags = (uint8_t)flags;
    s.extra.u.gso.type = (uint8_t)gso_type;
    s.extra.u.gso.size = (uint16_t)gso_size;
    assert_int_equal(weir_netif_tx_front_put(&f->tx, &s), 0);
}

static void expect(struct raw_front *f, int id, int status)
{
    struct weir_netif_tx_response rsp;
    assert_true(raw_front_answer(f, &rsp));
    if (id >= 0)
        assert_int_equal(rsp.id, id);
    assert_int_equal(rsp.status, status);
}

/* After whatever came before, a decent packet of this frontend passes. */
static void still_works(struct raw_front *f)
{
    net_fill(f->page, 60, 8);
    tx(f, f->ref[0], 0, 0, 999, 60);
    raw_front_push(f);
    expect(f, 999, WEIR_NETIF_RSP_OKAY);
    assert_int_equal(tap_read(f->w->guest[0].tap), 60);
    assert_int_equal(net_check(buf + HDR, 60, 8), 0);
}

#define MORE  WEIR_NETTXF_MORE_DATA
#define EXTRA WEIR_NETTXF_EXTRA_INFO
#define ERR   WEIR_NETIF_RSP_ERROR
#define NIL   WEIR_NETIF_RSP_NULL

static void test_bad_packets_get_errors(void **state)
{
    struct pair p;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct raw_front *f = &p.f;
    tx(f, f->ref[0], 4000, 0, 1, 200); /* beyond the page */
    tx(f, f->ref[0], 0, 0, 2, 13);     /* no Ethernet header */
    tx(f, f->ref[0], 0, 0, 3, 65535);  /* one slot cannot hold it */
    tx(f, 12345678, 0, 0, 4, 100);     /* no such grant */
    tx(f, f->ref[0], 0, MORE, 5, 100); /* pieces longer than the packet */
    tx(f, f->ref[1], 0, 0, 6, 101);
    tx(f, f->ref[0], 0, MORE, 7, 5000);
    tx(f, f->ref[1], 65535, 0, 8, 4000);
    raw_front_push(f);
    for (int id = 1; id <= 8; id++)
        expect(f, id, ERR);
    tx(f, f->ref[0], 0, EXTRA, 10, 100); /* unknown extra */
    extra(f, 9, 0, 0, 0);
    tx(f, f->ref[0], 0, EXTRA, 11, 100); /* GSO size 0 */
    extra(f, WEIR_NETIF_EXTRA_GSO, 0, 1, 0);
    tx(f, f->ref[0], 0, EXTRA, 12, 100); /* unknown GSO type */
    extra(f, WEIR_NETIF_EXTRA_GSO, 0, 7, 1000);
    tx(f, f->ref[0], 0, EXTRA, 13, 100); /* two of them */
    extra(f, WEIR_NETIF_EXTRA_GSO, 1, 1, 1000);
    extra(f, WEIR_NETIF_EXTRA_GSO, 0, 1, 1000);
    raw_front_push(f);
    for (int id = 10; id <= 13; id++) {
        expect(f, id, ERR);
        expect(f, -1, NIL);
    }
    expect(f, -1, NIL);
    tx(f, f->ref[0], 0, MORE, 20, 2100); /* 21 slots */
    for (int i = 1; i < 21; i++)
        tx(f, f->ref[i], 0, i < 20 ? MORE : 0, 20 + (unsigned)i, 100);
    raw_front_push(f);
    for (int i = 0; i < 21; i++)
        expect(f, 20 + i, ERR);
    still_works(f);
    end(&p);
}

/* 18 and 20 slots of any size, 0 and 1 included, at any offset; and a chain
 * that is published piece by piece. */
static void test_odd_slots_pass(void **state)
{
    struct pair p;
    static uint8_t want[65536];
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct raw_front *f = &p.f;
    for (unsigned round = 0; round < 60; round++) {
        unsigned n = round % 20 + 1, size[20], total = 0;
        for (unsigned i = 0; i < n; i++) {
            size[i] = round < 20   ? (i + round) % 3
                      : round < 40 ? (i * 37 + round) % 200
                                   : (i * 997 + round * 31) % 3200;
            total += size[i];
        }
        if (total < 14) {
            size[n - 1] += 14;
            total += 14;
        }
        net_fill(want, total, round);
        for (unsigned i = 0, at = 0; i < n; at += size[i++]) {
            unsigned offset = size[i] ? (i * 61) % (4096 - size[i]) : 4096;
            memcpy(f->page + i * 4096 + offset % 4096, want + at, size[i]);
            tx(f, f->ref[i], offset, i + 1 < n ? MORE : 0, i,
               i ? size[i] : total);
            if (round % 7 == 3)
                raw_front_push(f);
        }
        raw_front_push(f);
        for (unsigned i = 0; i < n; i++)
            expect(f, (int)i, WEIR_NETIF_RSP_OKAY);
        assert_int_equal(tap_read(p.w->guest[0].tap), total);
        assert_memory_equal(buf + HDR, want, total);
    }
    end(&p);
}

static void test_endless_packet(void **state)
{
    struct pair p;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    for (unsigned i = 0; i < 100; i++)
        tx(&p.f, p.f.ref[0], 0, MORE, i, 10);
    raw_front_push(&p.f);
    raw_front_expect_closed(&p.f, "without an end");
    end(&p);
}

static void corrupt(int ring, const char *why)
{
    struct pair p;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct weir_sring_header *h = (void *)(p.f.ring + ring * 4096);
    h->req_prod = 100000;
    raw_front_push(&p.f);
    struct weir_port *port = p.w->guest[0].port;
    port->ops->evtchn_notify(port, p.f.ctrl_evtchn);
    memset(buf, 0, HDR + 60); /* a packet makes it look at the rx ring */
    if (ring == 1)
        assert_int_equal(write(p.w->guest[0].tap, buf, HDR + 60), HDR + 60);
    raw_front_expect_closed(&p.f, why);
    end(&p);
}

static void test_producer_index_beyond_ring(void **state)
{
    (void)state;
    corrupt(0, "tx ring");
    corrupt(1, "rx ring");
    corrupt(2, "control ring");
}

static void refused(const char *key, const char *value, const char *why)
{
    struct pair p;
    begin(&p);
    raw_front_node(&p.f, key, value);
    raw_front_node(&p.f, "state", "3");
    raw_front_expect_closed(&p.f, why);
    end(&p);
}

static void test_bad_nodes(void **state)
{
    (void)state;
    refused("tx-ring-ref", "77777", "cannot be mapped");
    refused("rx-ring-ref", "-1", "rx-ring-ref");
    refused("event-channel", "12a", "event-channel");
    refused("event-channel", "999999", "event channel");
    refused("multi-queue-num-queues", "1000", "queues");
    refused("multi-queue-num-queues", "0", "queues");
    refused("request-rx-copy", "0", "request-rx-copy");
    refused("ctrl-ring-ref", "99999", "mapped");
}

static void test_pool_requests(void **state)
{
    struct pair p;
    uint32_t n = 0;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct raw_front *f = &p.f;
    struct weir_netif_gref *list = (void *)(f->page + 23 * 4096);
    const uint16_t add = WEIR_NETIF_CTRL_ADD_GREF_MAPPING,
                   del = WEIR_NETIF_CTRL_DEL_GREF_MAPPING;
    const uint32_t list_ref = f->ref[23], bad = 2, ok = 0, no = 1;
    unsigned mapped = weir_fake_mapped(p.w->back);
    assert_int_equal(raw_front_ctrl(f, 1, 0, 0, 0, NULL), no); /* hash */
    assert_int_equal(raw_front_ctrl(f, 5, 9, 9, 9, NULL), no);
    assert_int_equal(raw_front_ctrl(f, 4711, 0, 0, 0, NULL), no);
    assert_int_equal(raw_front_ctrl(f, 8, 0, 0, 0, &n), ok);
    assert_true(n >= 512);
    assert_int_equal(raw_front_ctrl(f, 8, 1, 0, 0, NULL), bad);
    for (int i = 0; i < 10; i++)
        list[i] = (struct weir_netif_gref){.ref = f->ref[i]};
    assert_int_equal(raw_front_ctrl(f, add, 7, list_ref, 10, NULL), bad);
    assert_int_equal(raw_front_ctrl(f, add, 0, 99999, 10, NULL), bad);
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 0, NULL), bad);
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 513, NULL), bad);
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, UINT32_MAX, NULL),
                     bad);
    list[7].ref = 88888; /* all or nothing */
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 10, NULL), bad);
    list[7].ref = f->ref[2]; /* twice */
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 10, NULL), bad);
    assert_int_equal(weir_fake_mapped(p.w->back), mapped);
    list[7].ref = f->ref[7];
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 10, NULL), ok);
    assert_int_equal(raw_front_ctrl(f, add, 0, list_ref, 10, NULL), bad);
    assert_int_equal(weir_fake_mapped(p.w->back), mapped + 10);
    assert_int_equal(weir_gnttab_end(&f->gnttab, f->ref[3]), -WEIR_EBUSY);
    still_works(f);
    list[5].ref = 66666;
    assert_int_equal(raw_front_ctrl(f, del, 0, list_ref, 10, &n), ok);
    assert_int_equal(n, 9);
    for (int i = 0; i < 10; i++)
        assert_int_equal(list[i].status, i == 5 ? bad : ok);
    assert_int_equal(weir_fake_mapped(p.w->back), mapped + 1);
    still_works(f); /* by grant copy again */
    end(&p);
}

/* Buffers that cannot be written: that slot says so, the next packet comes. */
static void test_bad_receive_buffers(void **state)
{
    struct pair p;
    union weir_netif_rx_slot s;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct raw_front *f = &p.f;
    struct weir_netif_gref *list = (void *)(f->page + 23 * 4096);
    list[0] = (struct weir_netif_gref){.ref = f->ref[1],
                                       .flags = WEIR_NETIF_GREF_READONLY};
    assert_int_equal(raw_front_ctrl(f, WEIR_NETIF_CTRL_ADD_GREF_MAPPING, 0,
                                    f->ref[23], 1, NULL),
                     0);
    const uint32_t refs[3] = {77777, f->ref[1], f->ref[2]};
    for (uint16_t i = 0; i < 3; i++) {
        struct weir_netif_rx_request r = {.id = i, .gref = refs[i]};
        weir_netif_rx_front_put(&f->rx, &r);
        memset(buf, 0, HDR);
        net_fill(buf + HDR, 100, i);
        assert_int_equal(write(p.w->guest[0].tap, buf, HDR + 100), HDR + 100);
    }
    raw_front_push(f);
    for (uint16_t i = 0; i < 3; i++) {
        int tries = 0;
        while (!weir_netif_rx_front_get(&f->rx, &s) && tries++ < 2000)
            usleep(1000);
        assert_int_equal(s.rsp.id, i);
        assert_int_equal(s.rsp.status, i < 2 ? ERR : 100);
    }
    assert_int_equal(net_check(f->page + 2 * 4096, 100, 2), 0);
    end(&p);
}

static void test_event_storm(void **state)
{
    struct pair p;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    struct weir_port *port = p.w->guest[0].port;
    uint64_t t0 = port->ops->now_ns(port), sent = 0;
    while (port->ops->now_ns(port) - t0 < 300000000) {
        port->ops->evtchn_notify(port, p.f.evtchn);
        sent++;
    }
    uint64_t spurious = net_world_stat(p.w, 0, WEIR_STAT_VIF_SPURIOUS);
    assert_in_range(spurious, 1, 200); /* late, with back-off */
    assert_true(sent > spurious * 10);
    still_works(&p.f);
    end(&p);
}

/* A guest that dies with its pages mapped and packets in both rings. */
static void test_frontend_dies(void **state)
{
    struct pair p;
    (void)state;
    begin(&p);
    raw_front_connect(&p.f, 4);
    for (unsigned i = 0; i < 100; i++)
        tx(&p.f, p.f.ref[i % 20], 0, 0, i, 100);
    raw_front_push(&p.f);
    weir_fake_domain_destroy(p.w->guest[0].port);
    weir_fake_store_rm(p.w->store, "/local/domain/5");
    weir_fake_store_rm(p.w->store, "/local/domain/2/backend/vif/5");
    for (int i = 0; i < 50; i++)
        net_world_step(p.w);
    struct net_guest *g = &p.w->guest[1];
    struct weir_netfront_vec v = {buf, 500};
    assert_int_equal(weir_netfront_send(g->nf, 0, &v, 1, NULL), 0);
    weir_netfront_flush(g->nf, 0);
    assert_int_equal(tap_read(g->tap), 500);
    net_world_free(p.w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_packets_get_errors),
        cmocka_unit_test(test_odd_slots_pass),
        cmocka_unit_test(test_endless_packet),
        cmocka_unit_test(test_producer_index_beyond_ring),
        cmocka_unit_test(test_bad_nodes),
        cmocka_unit_test(test_pool_requests),
        cmocka_unit_test(test_bad_receive_buffers),
        cmocka_unit_test(test_event_storm),
        cmocka_unit_test(test_frontend_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
