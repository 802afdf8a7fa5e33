/* SPDX-License-Identifier: MIT
 *
 * The inter-guest switch: alone, and between guests.
 */
#include "backends/net/switch.h"
#include "tests/unit/net_world.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_guest_to_guest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
