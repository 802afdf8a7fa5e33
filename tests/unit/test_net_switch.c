/* SPDX-License-Identifier: MIT
 *
 * The inter-guest switch: alone, and between guests.
 */
#include "backends/common/stats.h"
#include "backends/net/switch.h"
#include "tests/unit/net_world.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static uint8_t buf[65536];

struct sink {
    unsigned packets;
};

static void deliver(void *receiver, unsigned hint,
                    const struct weir_net_packet *const *p, unsigned n)
{
    (void)hint;
    (void)p;
    ((struct sink *)receiver)->packets += n;
}

static void frame(struct weir_net_packet *p, unsigned from, unsigned to)
{
    memset(p, 0, sizeof(*p));
    p->len = 60;
    p->npieces = 1;
    p->piece[0] = (struct weir_net_piece){p->hdr, 60};
    p->hdr[0] = p->hdr[6] = 2;
    p->hdr[3] = (uint8_t)(to >> 16);
    p->hdr[4] = (uint8_t)(to >> 8);
    p->hdr[5] = (uint8_t)to;
    p->hdr[9] = (uint8_t)(from >> 16);
    p->hdr[10] = (uint8_t)(from >> 8);
    p->hdr[11] = (uint8_t)from;
}

static void test_switch(void **state)
{
    struct sink s[4] = {{0}};
    struct weir_net_packet p;
    struct weir_switch *sw;
    unsigned port[4];
    (void)state;
    assert_int_equal(weir_switch_new(deliver, &sw), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(
            weir_switch_join(sw, &s[i], i < 3 ? "lan" : "other", &port[i]), 0);
    frame(&p, 1, 2); /* unknown: to all of the network */
    weir_switch_send(sw, port[0], 0, &p, 1, 10);
    assert_int_equal(s[1].packets + s[2].packets, 2);
    assert_int_equal(s[0].packets + s[3].packets, 0);
    frame(&p, 2, 1); /* 1 is known now */
    weir_switch_send(sw, port[1], 0, &p, 1, 10);
    assert_int_equal(s[0].packets, 1);
    assert_int_equal(s[2].packets, 1);
    assert_int_equal(weir_switch_lookup(sw, port[2], p.hdr, 10), port[0]);
    assert_int_equal(weir_switch_lookup(sw, port[3], p.hdr, 10), -ENOENT);
    assert_int_equal(weir_switch_lookup(sw, port[2], p.hdr, 1000), -ENOENT);
    frame(&p, 1, 99); /* the station moved */
    weir_switch_send(sw, port[2], 0, &p, 1, 20);
    assert_int_equal(weir_switch_lookup(sw, port[0], p.hdr + 6, 20), port[2]);
    frame(&p, 5, 1); /* to itself: nobody's */
    assert_int_equal(weir_switch_send(sw, port[2], 0, &p, 1, 20), 1);
    weir_switch_leave(sw, port[2]);
    assert_int_equal(weir_switch_lookup(sw, port[0], p.hdr, 20), -ENOENT);
    /* an address flood takes its own share only */
    frame(&p, 2, 7);
    weir_switch_send(sw, port[1], 0, &p, 1, 30);
    for (unsigned i = 1000; i < 51000; i++) {
        frame(&p, i, 7);
        weir_switch_send(sw, port[0], 0, &p, 1, 30);
    }
    frame(&p, 3, 2);
    assert_int_equal(weir_switch_lookup(sw, port[0], p.hdr, 30), port[1]);
    unsigned known = 0;
    for (unsigned i = 1000; i < 51000; i++) {
        frame(&p, 3, i);
        known += weir_switch_lookup(sw, port[1], p.hdr, 30) == (int)port[0];
    }
    assert_in_range(known, 1, WEIR_SWITCH_PER_PORT);
    weir_switch_free(sw);
}

/* Two senders that are never both outside: each stays with its receiver until
 * the other has arrived there, or it is clear that it does not come. */
struct relay {
    struct weir_switch *sw;
    unsigned port[2];
    volatile uint32_t turns[2], joined;
};

struct relay_end {
    struct relay *r;
    unsigned me;
};

static void deliver_until_relieved(void *receiver, unsigned hint,
                                   const struct weir_net_packet *const *p,
                                   unsigned n)
{
    struct relay *r = receiver;
    uint32_t other = weir_load_acquire32(&r->turns[!hint]);
    (void)p;
    (void)n;
    weir_store_release32(&r->turns[hint], r->turns[hint] + 1);
    for (int i = 0; i < 20 && weir_load_acquire32(&r->turns[!hint]) == other;
         i++)
        usleep(1000);
}

static void *relay_run(void *arg)
{
    const struct relay_end *e = arg;
    struct relay *r = e->r;
    struct weir_net_packet p;
    frame(&p, 100 + e->me, 99);
    while (r->turns[e->me] < 500 && !weir_load_acquire32(&r->joined))
        weir_switch_send(r->sw, r->port[e->me], e->me, &p, 1, 10);
    return NULL;
}

/* Guests that send without a pause keep nobody from coming or leaving. */
static void test_writers_get_in(void **state)
{
    static struct relay r;
    struct relay_end e[2] = {{&r, 0}, {&r, 1}};
    pthread_t t[2];
    unsigned port;
    (void)state;
    assert_int_equal(weir_switch_new(deliver_until_relieved, &r.sw), 0);
    for (int i = 0; i < 2; i++)
        assert_int_equal(weir_switch_join(r.sw, &r, "lan", &r.port[i]), 0);
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, relay_run, &e[i]);
    while (weir_load_acquire32(&r.turns[0]) < 3 ||
           weir_load_acquire32(&r.turns[1]) < 3)
        usleep(100);
    assert_int_equal(weir_switch_join(r.sw, &r, "other", &port), 0);
    weir_store_release32(&r.joined, 1);
    uint32_t turns =
        weir_load_acquire32(&r.turns[0]) + weir_load_acquire32(&r.turns[1]);
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    assert_in_range(turns, 6, 500);
    weir_switch_free(r.sw);
}

/* A batch for two stations in turns reaches each at once, in order. */
struct heard {
    unsigned calls, packets, last;
    bool in_order;
};

static void deliver_heard(void *receiver, unsigned hint,
                          const struct weir_net_packet *const *p, unsigned n)
{
    struct heard *h = receiver;
    (void)hint;
    h->calls++;
    for (unsigned i = 0; i < n; i++) {
        h->in_order = h->in_order && p[i]->hdr[20] > h->last;
        h->last = p[i]->hdr[20];
        h->packets++;
    }
}

static void test_one_delivery_a_batch(void **state)
{
    struct heard h[3] = {{.in_order = true}, {.in_order = true}};
    static struct weir_net_packet p[64];
    struct weir_switch *sw;
    unsigned port[3];
    (void)state;
    assert_int_equal(weir_switch_new(deliver_heard, &sw), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(weir_switch_join(sw, &h[i], "lan", &port[i]), 0);
        frame(&p[0], 10 + i, 10 + i); /* says where it is */
        weir_switch_send(sw, port[i], 0, &p[0], 1, 10);
    }
    memset(h, 0, sizeof(h));
    h[0].in_order = h[1].in_order = true;
    for (unsigned i = 0; i < 64; i++) {
        frame(&p[i], 12, 10 + i % 2);
        if (i == 32) /* to everybody: what came before it arrives before it */
            memset(p[i].hdr, 0xff, 6);
        p[i].hdr[20] = (uint8_t)(i + 1);
    }
    assert_int_equal(weir_switch_send(sw, port[2], 0, p, 64, 10), 0);
    for (unsigned i = 0; i < 2; i++) {
        assert_true(h[i].in_order);
        assert_int_equal(h[i].packets, i ? 33 : 32);
        assert_int_equal(h[i].calls, 3);
    }
    weir_switch_free(sw);
}

/* Two guests and the real path between them. */
static void test_guest_to_guest(void **state)
{
    struct weir_resource res = {.vif = {.sink = WEIR_VIF_SWITCH},
                                .label = "lan"};
    struct weir_netfront_config plain = {.no_pool = true};
    struct net_world *w = net_world_new();
    static uint8_t out[65536];
    (void)state;
    net_world_vif(w, 0, &res);
    net_world_vif(w, 1, &res);
    net_world_vif(w, 2, &res);
    struct weir_netfront *a = net_world_connect(w, 0, NULL);
    struct weir_netfront *b = net_world_connect(w, 1, NULL);
    struct weir_netfront *c = net_world_connect(w, 2, &plain);
    for (uint32_t i = 0; i < 300; i++) {
        struct weir_netfront_vec v = {out, 60 + i * 217};
        net_fill(out, v.len, i);
        memset(out, 0xff, 6);
        assert_int_equal(weir_netfront_send(a, 0, &v, 1, NULL), 0);
        weir_netfront_flush(a, 0);
        struct weir_netfront *to[2] = {b, c};
        for (int k = 0; k < 2; k++) {
            int n = 0;
            for (int t = 0; t < 20 && !n; t++) {
                n = weir_netfront_recv(to[k], 0, buf, sizeof(buf), NULL);
                if (!n)
                    weir_netfront_wait(to[k], 0, 100000000);
            }
            assert_int_equal(n, v.len);
            assert_int_equal(net_check(buf, v.len, i), 0);
        }
    }
    assert_int_equal(net_world_free(w), 0);
}

/* A frame that says it is a large TCP segment and is not: no guest gets it,
 * whether it takes such segments or not. */
static void test_false_gso(void **state)
{
    const struct weir_resource res = {.vif = {.sink = WEIR_VIF_SWITCH},
                                      .label = "lan"};
    const struct weir_netfront_config takes = {.rx_offload = true};
    const struct weir_netfront_offload gso = {.gso = 1, .gso_size = 100};
    struct net_world *w = net_world_new();
    static uint8_t out[3000];
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        net_world_vif(w, i, &res);
    struct weir_netfront *a = net_world_connect(w, 0, NULL);
    struct weir_netfront *to[2] = {net_world_connect(w, 1, &takes),
                                   net_world_connect(w, 2, NULL)};
    struct weir_netfront_vec v = {out, 3000};
    net_fill(out, 3000, 1);
    memset(out, 0xff, 6);
    assert_int_equal(weir_netfront_send(a, 0, &v, 1, &gso), 0);
    v.len = 100;
    net_fill(out, 100, 1);
    memset(out, 0xff, 6);
    assert_int_equal(weir_netfront_send(a, 0, &v, 1, NULL), 0);
    weir_netfront_flush(a, 0);
    struct weir_netfront_offload off;
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(net_recv(to[i], buf, sizeof(buf), &off), 100);
        assert_int_equal(net_world_stat(w, i + 1, WEIR_STAT_RX_DROPPED), 1);
    }
    assert_int_equal(net_world_free(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_writers_get_in),
        cmocka_unit_test(test_one_delivery_a_batch),
        cmocka_unit_test(test_guest_to_guest),
        cmocka_unit_test(test_false_gso),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
