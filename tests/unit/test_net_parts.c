/* SPDX-License-Identifier: MIT
 *
 * The pure parts of the backend: slot validation, pool table, checksums.
 */
#include "backends/net/offload.h"
#include "backends/net/log.h"
#include "backends/net/pool.h"
#include "backends/net/txreq.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define MORE  WEIR_NETTXF_MORE_DATA
#define EXTRA WEIR_NETTXF_EXTRA_INFO

static union weir_netif_tx_slot slot[WEIR_TXREQ_CHAIN + 8];
static struct weir_txreq r;

static void req(unsigned i, unsigned offset, unsigned flags, unsigned size)
{
    slot[i].req = (struct weir_netif_tx_request){
        .gref = 8 + i,
        .offset = (uint16_t)offset,
        .flags = (uint16_t)flags,
        .size = (uint16_t)size,
    };
}

static void is(unsigned n, enum weir_txreq_result want, const char *why)
{
    assert_int_equal(weir_txreq_parse(slot, n, &r), want);
    if (why) {
        assert_non_null(r.why);
        assert_non_null(strstr(r.why, why));
    }
}

static void test_piece_within_page(void **state)
{
    (void)state;
    req(0, 4096 - 60, 0, 60);
    is(1, WEIR_TXREQ_OK, NULL);
    req(0, 4096 - 59, 0, 60);
    is(1, WEIR_TXREQ_BAD, "beyond its page");
    req(0, 65535, 0, 65535);
    is(1, WEIR_TXREQ_BAD, "beyond its page");
    req(0, 0, MORE, 3000); /* the first piece is the rest: 3000 - 1000 */
    req(1, 3096, 0, 1000);
    is(2, WEIR_TXREQ_OK, NULL);
    assert_int_equal(r.piece[0].size, 2000);
    req(1, 3097, 0, 1000);
    is(2, WEIR_TXREQ_BAD, "beyond its page");
    req(0, 2097, MORE, 3000);
    req(1, 0, 0, 1000);
    is(2, WEIR_TXREQ_BAD, "beyond its page");
}

static void test_sizes_add_up(void **state)
{
    (void)state;
    req(0, 0, MORE, 1000);
    req(1, 0, 0, 1000);
    is(2, WEIR_TXREQ_OK, NULL);
    assert_int_equal(r.piece[0].size, 0);
    req(1, 0, 0, 1001);
    is(2, WEIR_TXREQ_BAD, "longer than the packet");
    assert_int_equal(r.slots, 2);
    req(0, 0, 0, 13);
    is(1, WEIR_TXREQ_BAD, "Ethernet");
    req(0, 0, 0, 14);
    is(1, WEIR_TXREQ_OK, NULL);
}

static void test_chain_lengths(void **state)
{
    (void)state;
    for (unsigned i = 0; i < WEIR_TXREQ_CHAIN + 8; i++)
        req(i, 0, MORE, i ? 10 : 1000);
    is(5, WEIR_TXREQ_PARTIAL, NULL);
    is(WEIR_TXREQ_CHAIN, WEIR_TXREQ_FATAL, "without an end");
    slot[19].req.flags = 0; /* 20 slots */
    is(40, WEIR_TXREQ_OK, NULL);
    assert_int_equal(r.npieces, 20);
    slot[19].req.flags = MORE;
    slot[20].req.flags = 0;
    is(40, WEIR_TXREQ_BAD, "20 slots");
    assert_int_equal(r.slots, 21);
}

static void test_log_has_room_for_a_ring(void **state)
{
    (void)state;
    assert_int_equal(weir_netif_rx_ring_slots(1), WEIR_NET_LOG_RX);
    assert_true(weir_netif_tx_ring_slots(1) >= WEIR_NET_LOG_BATCH);
}

static void test_pool_survives_collisions(void **state)
{
    static struct weir_pool p;
    static uint64_t kept[WEIR_POOL_MAX];
    static bool in[8 * WEIR_POOL_SLOTS];
    static uint8_t page[1];
    struct weir_pool_entry e = {.addr = page}, out;
    unsigned count = 0;
    (void)state;
    p.kept = kept;
    srand(7);
    for (unsigned step = 0; step < 200000; step++) {
        /* few home slots, many references each */
        uint32_t ref =
            (uint32_t)(rand() % 200) + (uint32_t)(rand() % 8) * WEIR_POOL_SLOTS;
        e.ref = ref;
        if (rand() % 8 == 0)
            weir_pool_settle(kept, true);
        if (rand() & 1) {
            int want = in[ref] ? -EEXIST : count == WEIR_POOL_MAX ? -ENOSPC : 0;
            assert_int_equal(weir_pool_add(&p, &e), want);
            count += want == 0;
            in[ref] |= want == 0;
        } else {
            assert_int_equal(weir_pool_remove(&p, ref, &out),
                             in[ref] ? 0 : -ENOENT);
            count -= in[ref];
            in[ref] = false;
        }
        uint32_t any =
            (uint32_t)(rand() % 200) + (uint32_t)(rand() % 8) * WEIR_POOL_SLOTS;
        assert_int_equal(weir_pool_find(&p, any) != NULL, in[any]);
        assert_int_equal(p.count, count);
    }
}

/* Against the sum in one's complement, two bytes at a time. */
static void test_sum(void **state)
{
    uint8_t b[67];
    (void)state;
    for (unsigned len = 0; len < sizeof(b); len++) {
        uint32_t want = 0;
        for (unsigned i = 0; i < len; i++) {
            b[i] = (uint8_t)(i * 37 + len);
            want += i & 1 ? b[i] : (uint32_t)b[i] << 8;
        }
        while (want >> 16)
            want = (want & 0xffff) + (want >> 16);
        assert_int_equal(weir_net_fold(weir_net_sum(b, len, 0)), want);
    }
}

static void test_udp6_checksum(void **state)
{
    uint8_t p[14 + 40 + 8 + 8 + 5] = {0};
    (void)state;
    p[12] = 0x86;
    p[13] = 0xdd;
    p[14] = 0x60;
    p[19] = 8 + 8 + 5; /* payload length: options, UDP, 5 bytes */
    p[20] = 60;        /* destination options, then UDP */
    p[22] = 1;
    p[53] = 2;
    p[54] = 17;
    p[62 + 5] = 13; /* UDP length */
    memcpy(p + 70, "hello", 5);
    assert_true(weir_net_fill_checksum(p, sizeof(p)));
    uint64_t sum = weir_net_sum(p + 22, 32, 17 + 13);
    assert_int_equal(weir_net_fold(weir_net_sum(p + 62, 13, sum)), 0xffff);
    struct weir_net_l4 l4;
    for (uint32_t len = 0; len < 70; len++)
        assert_false(weir_net_l4_find(p, len, &l4));
}

/* What fits one segment is no large one for the host, whatever size of segment
 * the guest names. */
static void test_vnet_one_segment(void **state)
{
    struct weir_net_packet p = {
        .len = 1054, .npieces = 1, .gso = WEIR_GSO_TCPV4, .csum_blank = true};
    struct virtio_net_hdr v;
    uint8_t hdr[WEIR_VNET_HDR];
    (void)state;
    p.piece[0] = (struct weir_net_piece){p.hdr, 54};
    p.piece[1] = (struct weir_net_piece){p.hdr, 1000};
    p.npieces = 2;
    p.hdr[12] = 8;
    p.hdr[14] = 0x45;
    p.hdr[23] = 6;
    p.hdr[46] = 0x50;
    static const uint16_t size[] = {1, 999, 1000, 1001, 65534, 65535};
    for (unsigned i = 0; i < 6; i++) {
        p.gso_size = size[i];
        assert_true(weir_vnet_from_packet(&p, hdr));
        memcpy(&v, hdr, sizeof(v));
        assert_int_equal(v.flags, VIRTIO_NET_HDR_F_NEEDS_CSUM);
        assert_int_equal(v.csum_start, 34);
        assert_int_equal(v.csum_offset, 16);
        assert_int_equal(v.gso_type, i < 2 ? VIRTIO_NET_HDR_GSO_TCPV4
                                           : VIRTIO_NET_HDR_GSO_NONE);
        assert_int_equal(v.gso_size, i < 2 ? size[i] : 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_piece_within_page),
        cmocka_unit_test(test_sizes_add_up),
        cmocka_unit_test(test_chain_lengths),
        cmocka_unit_test(test_log_has_room_for_a_ring),
        cmocka_unit_test(test_pool_survives_collisions),
        cmocka_unit_test(test_sum),
        cmocka_unit_test(test_udp6_checksum),
        cmocka_unit_test(test_vnet_one_segment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
