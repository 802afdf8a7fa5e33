/* SPDX-License-Identifier: MIT
 *
 * Checksum and segmentation offload between netfront and a tap.
 */
#include "backends/net/offload.h"
#include "tests/unit/net_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define HDR 10

static uint8_t out[HDR + 65536], in[HDR + 65536];

/* 54 bytes of Ethernet, IPv4 and TCP header, checksum blank. */
static void tcp4(uint8_t *p, uint32_t len)
{
    net_fill(p, len, 9);
    memcpy(p + 12, "\x08\x00\x45\0", 4);
    p[16] = (uint8_t)((len - 14) >> 8);
    p[17] = (uint8_t)(len - 14);
    memcpy(p + 18, "\0\1\0\0\x40\x06\0\0\x0a\0\0\1\x0a\0\0\2", 16);
    memcpy(p + 34, "\0\1\0\2\0\0\0\1\0\0\0\0\x50\x18\x10\0\0\0\0\0", 20);
}

static void test_offload_to_tap(void **state)
{
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    struct weir_netfront_offload off = {
        .flags = WEIR_NETFRONT_CSUM_BLANK, .gso = 1, .gso_size = 1448};
    struct weir_netfront_vec v = {out, 40000};
    (void)state;
    tcp4(out, v.len);
    assert_int_equal(weir_netfront_send(nf, 0, &v, 1, &off), 0);
    weir_netfront_flush(nf, 0);
    assert_int_equal(net_tap_read(g->tap, in), v.len);
    assert_memory_equal(in + HDR, out, v.len);
    assert_int_equal(in[0], 1);                 /* needs checksum */
    assert_int_equal(in[1], 1);                 /* TCPv4 */
    assert_int_equal(in[2] | in[3] << 8, 54);   /* header length */
    assert_int_equal(in[4] | in[5] << 8, 1448); /* segment size */
    assert_int_equal(in[6] | in[7] << 8, 34);   /* checksum start */
    assert_int_equal(in[8] | in[9] << 8, 16);   /* and offset */
    /* GSO for what is no TCP is dropped, not passed on */
    net_fill(out, 5000, 1);
    v.len = 5000;
    assert_int_equal(weir_netfront_send(nf, 0, &v, 1, &off), 0);
    v.len = 60;
    assert_int_equal(weir_netfront_send(nf, 0, &v, 1, NULL), 0);
    weir_netfront_flush(nf, 0);
    assert_int_equal(net_tap_read(g->tap, in), 60);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_TX_DROPPED, 1), 1);
    assert_int_equal(net_world_free(w), 0);
}

static void gso_in(bool accepts)
{
    struct weir_netfront_config cfg = {.rx_offload = accepts};
    struct net_world *w = net_world_new();
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    struct weir_netfront_offload off;
    static const uint8_t hdr[HDR] = {1, 1, 54, 0, 0xa8, 5, 34, 0, 16, 0};
    uint32_t payload = 20000, seen = 0;
    memcpy(out, hdr, HDR);
    tcp4(out + HDR, 54 + payload);
    assert_int_equal(write(g->tap, out, HDR + 54 + payload),
                     HDR + 54 + payload);
    if (accepts) {
        assert_int_equal(net_recv(nf, in, sizeof(in), &off), 54 + payload);
        assert_int_equal(off.gso, 1);
        assert_int_equal(off.gso_size, 1448);
        assert_true(off.flags & WEIR_NETFRONT_CSUM_BLANK);
    } else {
        while (seen < payload) {
            int n = net_recv(nf, in, sizeof(in), &off);
            assert_true(n > 54 && n <= 54 + 1448);
            assert_false(off.flags & WEIR_NETFRONT_CSUM_BLANK);
            assert_memory_equal(in + 54, out + HDR + 54 + seen, n - 54);
            assert_int_equal(weir_net_fold(weir_net_sum(in + 14, 20, 0)),
                             0xffff);
            uint64_t sum = weir_net_sum(in + 26, 8, 6u + (unsigned)n - 34u);
            assert_int_equal(
                weir_net_fold(weir_net_sum(in + 34, (unsigned)n - 34, sum)),
                0xffff);
            seen += (unsigned)n - 54;
            /* PSH is the last one's */
            assert_int_equal(in[47], seen == payload ? 0x18 : 0x10);
        }
    }
    assert_int_equal(net_world_free(w), 0);
}

static void test_gso_in(void **state)
{
    (void)state;
    gso_in(true);
    gso_in(false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offload_to_tap),
        cmocka_unit_test(test_gso_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
