/* SPDX-License-Identifier: MIT
 *
 * Packets that are wrong, and packets that are too many.
 */
#include <stdio.h>
#include <string.h>

#include "tests/e2e/hostile_vif.h"

#define MORE  WEIR_NETTXF_MORE_DATA
#define EXTRA WEIR_NETTXF_EXTRA_INFO
#define BAD   WEIR_NETIF_RSP_ERROR

static union weir_netif_tx_slot gso(unsigned type, unsigned size, unsigned more)
{
    union weir_netif_tx_slot s;

    memset(&s, 0, sizeof(s));
    s.extra.type = WEIR_NETIF_EXTRA_GSO;
    s.extra.flags = (uint8_t)more;
    s.extra.u.gso.type = (uint8_t)type;
    s.extra.u.gso.size = (uint16_t)size;
    return s;
}

static union weir_netif_tx_slot mcast(unsigned type, unsigned n)
{
    union weir_netif_tx_slot s;

    memset(&s, 0, sizeof(s));
    s.extra.type = (uint8_t)type;
    s.extra.u.mcast.addr[0] = 1;
    s.extra.u.mcast.addr[4] = (uint8_t)(n >> 8);
    s.extra.u.mcast.addr[5] = (uint8_t)n;
    return s;
}

static void bad_pieces(struct vif *v)
{
    static const unsigned one[][2] = {{0, 0},      {0, 1},     {0, 13},
                                      {4090, 100}, {4096, 60}, {1, 4096},
                                      {0, 4097},   {0, 65535}, {65535, 65535},
                                      {65535, 1},  {4095, 60}, {0x8000, 60}};
    union weir_netif_tx_slot s[24];

    for (unsigned i = 0; i < sizeof(one) / sizeof(one[0]); i++) {
        s[0] = vif_slot(v, 0, one[i][0], one[i][1], 0);
        vif_expect(v, s, 1, 0, BAD);
        if (one[i][0] + one[i][1] <= 4096 || one[i][1] > 65000)
            continue;
        s[0] = vif_slot(v, 0, 0, one[i][1] + 100, MORE); /* as a later piece */
        s[1] = vif_slot(v, 1, one[i][0], one[i][1], 0);
        vif_expect(v, s, 2, 0, BAD);
    }
    s[0] = vif_slot(v, 0, 0, 100, MORE); /* less than its pieces */
    s[1] = vif_slot(v, 1, 0, 101, 0);
    vif_expect(v, s, 2, 0, BAD);
    for (unsigned i = 0; i < 21; i++)
        s[i] = vif_slot(v, i, 0, i == 0 ? 2100 : 100, i < 20 ? MORE : 0);
    vif_expect(v, s, 21, 0, BAD);
    for (unsigned i = 0; i < 18; i++) /* as many as are allowed */
        s[i] = vif_slot(v, i, 0, i == 0 ? 65535 : 3800, i < 17 ? MORE : 0);
    vif_frame(v, 4096);
    vif_expect(v, s, 18, 0, WEIR_NETIF_RSP_OKAY);
}

static void bad_refs(struct vif *v)
{
    const grant_ref_t bad[] = {0xffffffff,   0x80000000,       0,    1,
                               v->other_ref, v->ref[63] + 400, 65536};
    union weir_netif_tx_slot s[3];

    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        s[0] = vif_slot(v, 0, 0, 300, 0);
        s[0].req.gref = bad[i];
        vif_expect(v, s, 1, 0, BAD);
        s[0] = vif_slot(v, 0, 0, 300, MORE);
        s[1] = vif_slot(v, 1, 0, 100, MORE);
        s[2] = vif_slot(v, 2, 0, 100, 0);
        s[2].req.gref = bad[i];
        vif_expect(v, s, 3, 0, BAD);
    }
    vif_frame(v, 100);
    s[0] = vif_slot(v, 0, 0, 100, 0);
    s[0].req.gref = v->ro_ref; /* reading is allowed */
    vif_expect(v, s, 1, 0, WEIR_NETIF_RSP_OKAY);
}

static void bad_extras(struct vif *v)
{
    static const uint8_t types[] = {0, 5, 6, 127, 255};
    union weir_netif_tx_slot s[6];

    for (unsigned i = 0; i < sizeof(types); i++) {
        s[0] = vif_slot(v, 0, 0, 100, EXTRA);
        s[1] = gso(1, 100, 0);
        s[1].extra.type = types[i];
        vif_expect(v, s, 2, 2, BAD);
    }
    s[0] = vif_slot(v, 0, 0, 100, EXTRA);
    s[1] = gso(1, 0, 0);
    vif_expect(v, s, 2, 2, BAD);
    s[1] = gso(3, 100, 0);
    vif_expect(v, s, 2, 2, BAD);
    s[1] = gso(255, 100, 0);
    vif_expect(v, s, 2, 2, BAD);
    s[1] = gso(1, 100, 1);
    s[2] = gso(2, 100, 0);
    vif_expect(v, s, 3, 6, BAD);
    s[1] = mcast(WEIR_NETIF_EXTRA_MCAST_ADD, 1);
    s[1].extra.flags = 1;
    s[2] = mcast(WEIR_NETIF_EXTRA_MCAST_DEL, 1);
    vif_expect(v, s, 3, 6, BAD);
    s[0] = vif_slot(v, 0, 0, 200, EXTRA | MORE);
    s[1] = mcast(WEIR_NETIF_EXTRA_MCAST_ADD, 1);
    s[2] = vif_slot(v, 1, 0, 100, 0);
    vif_expect(v, s, 3, 2, BAD);
    s[0] = vif_slot(v, 0, 0, 200, MORE); /* an extra behind a later piece */
    s[1] = vif_slot(v, 1, 0, 100, EXTRA);
    vif_expect(v, s, 2, 0, BAD);
}

/* A packet that never ends closes the connection, half of one just waits. */
static void no_end(struct vif *v, bool extras)
{
    union weir_netif_tx_slot s[64];

    for (unsigned i = 0; i < 64; i++)
        s[i] = extras && i > 0 ? gso(1, 100, 1)
                               : vif_slot(v, i, 0, 100, extras ? EXTRA : MORE);
    for (unsigned i = 0; i < 5; i++)
        weir_netif_tx_front_put(&v->tx, &s[i]);
    weir_netif_tx_front_push(&v->tx);
    vif_kick(v);
    hostile_sleep_us(50000);
    HOSTILE_CHECK(v->h, hostile_peer_state(&v->dev) == 4,
                  "closed for half a packet");
    for (unsigned i = 5; i < 64; i++)
        weir_netif_tx_front_put(&v->tx, &s[i]);
    weir_netif_tx_front_push(&v->tx);
    vif_kick(v);
    hostile_expect_closed(&v->dev, "packet without an end");
    vif_reconnect(v);
}

void attack_tx(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    vif_works(&v);
    bad_pieces(&v);
    bad_refs(&v);
    bad_extras(&v);
    /* The same from pages that the backend keeps mapped: no hypervisor checks
     * a copy there. */
    for (unsigned i = 0; i < VIF_PAGES; i++)
        v.list[i] = (struct weir_netif_gref){.ref = v.ref[i]};
    HOSTILE_CHECK(h,
                  vif_ctrl(&v, WEIR_NETIF_CTRL_ADD_GREF_MAPPING, 0, v.list_ref,
                           VIF_PAGES, NULL) == 0,
                  "pool");
    bad_pieces(&v);
    bad_refs(&v);
    bad_extras(&v);
    no_end(&v, false);
    no_end(&v, true);
    vif_works(&v);
    vif_close(&v);
}

/* Headers that could be TCP's and lie about everything, for the receivers'
 * software segmentation and checksums. */
static void lying_headers(struct vif *v, unsigned round)
{
    uint8_t *p = v->data;

    for (unsigned i = 14; i < 200; i++)
        p[i] = (uint8_t)vif_random();
    memset(p, 0xff, 6);
    memcpy(p + 6, v->mac, 6);
    memcpy(p + 12, round % 3 == 0 ? "\x86\xdd" : "\x08\x00", 2);
    p[14] = round % 3 == 0 ? 0x60 : (uint8_t)(0x40 | vif_random() % 16);
    if (round % 3 == 0)
        p[20] = round % 2 != 0 ? 6 : (uint8_t)vif_random();
    else
        p[23] = round % 2 != 0 ? 6 : 17;
    if (round % 5 == 0) { /* VLAN in VLAN */
        memcpy(p + 12, "\x81\x00\x00\x01\x81\x00\x00\x02\x08\x00", 10);
        p[22] = 0x4f;
    }
}

void attack_offload(struct hostile *h)
{
    static struct vif v;

    vif_open(h, &v);
    vif_connect(&v);
    for (unsigned round = 0; round < 2500; round++) {
        union weir_netif_tx_slot s[20];
        int16_t status[20];
        unsigned n = 0, size = 14 + vif_random() % (round % 4 ? 200 : 60000);
        bool with_gso = round % 2 != 0;
        unsigned left = size > 4096 ? size - 4096 : 0;

        lying_headers(&v, round);
        s[n++] = vif_slot(&v, 0, 0, size,
                          (left ? MORE : 0u) | (with_gso ? EXTRA : 0u) |
                              (vif_random() & 3u));
        if (with_gso)
            s[n++] =
                gso(1 + round % 2, 1 + vif_random() % 3000 * (round % 3), 0);
        while (left > 0) {
            unsigned part = left < 4096 ? left : 4096;

            left -= part;
            s[n] = vif_slot(&v, n, 0, part, left ? MORE : 0);
            n++;
        }
        HOSTILE_CHECK(h, vif_send(&v, s, n, status), "round %u: no answer",
                      round);
    }
    HOSTILE_CHECK(h, hostile_peer_state(&v.dev) == 4, "closed");
    vif_works(&v);
    vif_close(&v);
}

void attack_mcast(struct hostile *h)
{
    static struct vif v;
    union weir_netif_tx_slot s[2];
    int16_t status[2];
    unsigned taken = 0;

    vif_open(h, &v);
    vif_connect(&v);
    for (unsigned i = 0; i < 1000; i++) {
        s[0] = vif_slot(&v, 0, 0, 0, EXTRA);
        s[1] = mcast(WEIR_NETIF_EXTRA_MCAST_ADD, i);
        HOSTILE_CHECK(h, vif_send(&v, s, 2, status), "no answer");
        taken += status[0] == WEIR_NETIF_RSP_OKAY;
    }
    HOSTILE_CHECK(h, taken == 64, "%u addresses were taken", taken);
    s[1].extra.u.mcast.addr[0] = 2; /* not multicast */
    vif_expect(&v, s, 2, 2, BAD);
    for (unsigned i = 0; i < 1000; i++) {
        s[1] = mcast(WEIR_NETIF_EXTRA_MCAST_DEL, i);
        vif_expect(&v, s, 2, 2, WEIR_NETIF_RSP_OKAY);
    }
    vif_works(&v);
    vif_close(&v);
}

void attack_spoof(struct hostile *h)
{
    static struct vif v;
    union weir_netif_tx_slot s;

    vif_open(h, &v);
    vif_connect(&v);
    for (unsigned i = 0; i < 200; i++) {
        vif_frame(&v, 100);
        v.data[6 + i % 6] ^= (uint8_t)(1u << i % 8);
        s = vif_slot(&v, 0, 0, 100, 0);
        vif_expect(&v, &s, 1, 0, WEIR_NETIF_RSP_DROPPED);
    }
    vif_works(&v);
    vif_close(&v);
}

/* Slots and data change while they are read. */
void attack_net_rewrite(struct hostile *h)
{
    static struct vif v;
    volatile uint8_t *slots;
    uint64_t enough;

    vif_open(h, &v);
    vif_connect(&v);
    slots = (volatile uint8_t *)v.tx_page + 64;
    enough = hostile_ms(h) + 5000;
    for (unsigned round = 0; round < 400 && hostile_ms(h) < enough; round++) {
        uint64_t end = hostile_ms(h) + 200;

        vif_frame(&v, 1500);
        for (unsigned i = 0; i < 32; i++) {
            union weir_netif_tx_slot s = vif_slot(&v, 0, 0, 1500, 0);

            weir_netif_tx_front_put(&v.tx, &s);
        }
        weir_netif_tx_front_push(&v.tx);
        vif_kick(&v);
        while (((volatile struct weir_sring_header *)v.tx_page)->rsp_prod !=
                   v.tx.r.req_pushed &&
               hostile_ms(h) < end) {
            for (unsigned i = 0; i < 32; i++) {
                slots[vif_random() % (256 * 12)] = (uint8_t)vif_random();
                v.data[vif_random() % 64] = (uint8_t)vif_random();
            }
            if (hostile_peer_state(&v.dev) != 4)
                break;
        }
        v.tx.r.rsp_cons = v.tx.r.rsp_seen = v.tx.r.req_pushed;
        /* Flags turned to MORE may make one packet of all, without an end or
         * with an end that never comes. */
        if (((volatile struct weir_sring_header *)v.tx_page)->rsp_prod !=
            v.tx.r.req_pushed) {
            vif_reconnect(&v);
        }
    }
    vif_reconnect(&v);
    vif_works(&v);
    vif_close(&v);
}

/* Broadcasts without a pause; nobody reads what comes back. */
void attack_net_flood(struct hostile *h)
{
    static struct vif v;
    uint64_t end;

    vif_open(h, &v);
    vif_connect(&v);
    vif_frame(&v, 1000);
    end = hostile_ms(h) + 1500;
    while (hostile_ms(h) < end) {
        struct weir_netif_tx_response rsp;
        union weir_netif_tx_slot s = vif_slot(&v, 0, 0, 1000, 0);

        while (weir_netif_tx_front_put(&v.tx, &s) == 0)
            ;
        weir_netif_tx_front_push(&v.tx);
        h->port->ops->evtchn_notify(h->port, v.evtchn[0]);
        while (weir_netif_tx_front_get(&v.tx, &rsp) > 0)
            HOSTILE_CHECK(h, rsp.status == 0, "status %d", rsp.status);
    }
    hostile_sleep_us(100000);
    vif_reconnect(&v);
    vif_works(&v);
    vif_close(&v);
}
