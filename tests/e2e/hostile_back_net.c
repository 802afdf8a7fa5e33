/* SPDX-License-Identifier: MIT
 *
 * A network backend that answers what it likes.  It echoes nothing: each honest
 * round answers what was sent and fills one receive buffer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ring/netif_ring.h"
#include "tests/e2e/hostile_back.h"

#define HONEST 40

struct nic {
    struct back *b;
    struct weir_netif_tx_back_ring tx;
    struct weir_netif_rx_back_ring rx;
    struct weir_netif_ctrl_back_ring ctrl;
    void *tx_page, *rx_page, *ctrl_page;
    evtchn_port_t port, ctrl_port;
    uint8_t *frame; /* mapping of the last rx page */
};

static void kick(struct nic *n)
{
    n->b->h->port->ops->evtchn_notify(n->b->h->port, n->port);
}

static struct weir_netif_tx_response take_tx(struct nic *n)
{
    uint64_t end = hostile_ms(n->b->h) + 5000;
    union weir_netif_tx_slot s;
    int got;

    while ((got = weir_netif_tx_back_get(&n->tx, &s)) == 0) {
        HOSTILE_CHECK(n->b->h, hostile_ms(n->b->h) < end, "no packet comes");
        hostile_sleep_us(50);
    }
    HOSTILE_CHECK(n->b->h, got == 1, "the victim's ring is broken");
    return (struct weir_netif_tx_response){.id = s.req.id};
}

static void put_tx(struct nic *n, struct weir_netif_tx_response rsp)
{
    weir_netif_tx_back_put(&n->tx, &rsp);
    weir_netif_tx_back_push(&n->tx);
    kick(n);
}

static union weir_netif_rx_slot take_rx(struct nic *n)
{
    uint64_t end = hostile_ms(n->b->h) + 5000;
    struct weir_netif_rx_request r;
    union weir_netif_rx_slot s;

    while (weir_netif_rx_back_get(&n->rx, &r) != 1) {
        HOSTILE_CHECK(n->b->h, hostile_ms(n->b->h) < end, "no buffer comes");
        hostile_sleep_us(50);
    }
    memset(&s, 0, sizeof(s));
    s.rsp.id = r.id;
    s.rsp.status = 100;
    return s;
}

static void put_rx(struct nic *n, union weir_netif_rx_slot s)
{
    weir_netif_rx_back_put(&n->rx, &s);
    weir_netif_rx_back_push(&n->rx);
    kick(n);
}

static void honest(struct nic *n, unsigned count)
{
    while (count-- > 0) {
        put_tx(n, take_tx(n));
        put_rx(n, take_rx(n));
    }
}

static void bad_rx(struct nic *n, const char *a)
{
    union weir_netif_rx_slot s = take_rx(n);

    if (strcmp(a, "rx-id") == 0) {
        s.rsp.id ^= 0x101;
    } else if (strcmp(a, "rx-offset") == 0) {
        s.rsp.offset = 4000;
    } else if (strcmp(a, "rx-offset-max") == 0) {
        s.rsp.offset = 65535;
        s.rsp.status = 32767;
    } else if (strcmp(a, "rx-length") == 0) {
        s.rsp.status = 4097;
    } else if (strcmp(a, "rx-extra") == 0) {
        s.rsp.flags = WEIR_NETRXF_EXTRA_INFO;
        put_rx(n, s);
        s = take_rx(n);
        s.extra.type = 200;
    }
    put_rx(n, s);
}

/* Bad, but not beyond what a frame may be: dropped, and no more. */
static void odd_rx(struct nic *n)
{
    static const int16_t status[] = {0, 1, 13, -1, -2, -3, -32768};

    for (unsigned i = 0; i < 7; i++) {
        union weir_netif_rx_slot s = take_rx(n);

        s.rsp.status = status[i];
        put_rx(n, s);
    }
    for (unsigned i = 0; i < 600; i++) { /* far more than 18 pieces */
        union weir_netif_rx_slot s = take_rx(n);

        s.rsp.status = 4096;
        s.rsp.flags = i < 599 ? WEIR_NETRXF_MORE_DATA : 0;
        put_rx(n, s);
    }
    for (unsigned i = 0; i < 300; i++) { /* extras without an end */
        union weir_netif_rx_slot s = take_rx(n);

        if (i == 0) {
            s.rsp.flags = WEIR_NETRXF_EXTRA_INFO;
        } else {
            memset(&s, 0, sizeof(s));
            s.extra.type = WEIR_NETIF_EXTRA_GSO;
            s.extra.flags = i < 299;
        }
        put_rx(n, s);
    }
    honest(n, 100);
}

/* Nothing but bad frames, faster than they can be thrown away. */
static void flood_bad(struct nic *n)
{
    uint64_t end = hostile_ms(n->b->h) + 10000;

    while (hostile_peer_state(&n->b->dev) == 4) {
        HOSTILE_CHECK(n->b->h, hostile_ms(n->b->h) < end,
                      "the victim cannot get away");
        for (unsigned i = 0; i < 5000; i++) {
            struct weir_netif_rx_request r;
            union weir_netif_rx_slot s;

            if (weir_netif_rx_back_get(&n->rx, &r) != 1)
                continue;
            memset(&s, 0, sizeof(s));
            s.rsp.id = r.id;
            s.rsp.status = -1;
            weir_netif_rx_back_put(&n->rx, &s);
            if (weir_netif_rx_back_push(&n->rx))
                kick(n);
        }
    }
}

static void bad_tx(struct nic *n, const char *a)
{
    struct weir_netif_tx_response r = take_tx(n);

    if (strcmp(a, "tx-id") == 0) {
        r.id = 60000;
    } else if (strcmp(a, "tx-twice") == 0) {
        /* Published together: between two the victim may send the id anew. */
        take_tx(n);
        weir_netif_tx_back_put(&n->tx, &r);
    } else if (strcmp(a, "tx-status") == 0) {
        r.status = 77;
    } else if (strcmp(a, "tx-null") == 0) {
        r.status = WEIR_NETIF_RSP_NULL;
    }
    put_tx(n, r);
}

static void scribble(struct nic *n)
{
    uint64_t end = hostile_ms(n->b->h) + 1000;
    volatile struct weir_sring_header *t = n->tx_page, *r = n->rx_page;
    volatile uint8_t *tp = n->tx_page, *rp = n->rx_page;

    while (hostile_ms(n->b->h) < end) {
        for (unsigned i = 0; i < 200; i++) {
            tp[64 + back_random() % 4032] = (uint8_t)back_random();
            rp[64 + back_random() % 4032] = (uint8_t)back_random();
        }
        t->rsp_prod = t->req_prod;
        r->rsp_prod = r->req_prod;
        kick(n);
    }
}

static void bad_ctrl(struct nic *n, const char *a)
{
    struct weir_netif_ctrl_request r;
    struct weir_netif_ctrl_response rsp;
    uint64_t end = hostile_ms(n->b->h) + 5000;

    while (weir_netif_ctrl_back_get(&n->ctrl, &r) != 1)
        HOSTILE_CHECK(n->b->h, hostile_ms(n->b->h) < end, "no request");
    rsp = (struct weir_netif_ctrl_response){
        .id = r.id, .type = r.type, .data = UINT32_MAX};
    if (strcmp(a, "ctrl-id") == 0)
        rsp.id ^= 5;
    else if (strcmp(a, "ctrl-status") == 0)
        rsp.status = 4000000000u;
    weir_netif_ctrl_back_put(&n->ctrl, &rsp);
    weir_netif_ctrl_back_push(&n->ctrl);
    if (strcmp(a, "ctrl-jump") == 0)
        ((volatile struct weir_sring_header *)n->ctrl_page)->rsp_prod += 999;
    n->b->h->port->ops->evtchn_notify(n->b->h->port, n->ctrl_port);
}

static void publish(struct back *b, bool ctrl)
{
    static const char *const on[] = {"feature-sg", "feature-rx-copy",
                                     "feature-gso-tcpv4"};

    for (unsigned i = 0; i < 3; i++)
        hostile_set(&b->dev, on[i], "1");
    if (ctrl)
        hostile_set(&b->dev, "feature-ctrl-ring", "1");
    if (strcmp(b->attack, "features") == 0) {
        hostile_set(&b->dev, "multi-queue-max-queues", "18446744073709551615");
        hostile_set(&b->dev, "feature-sg", "-1");
        hostile_set(&b->dev, "feature-split-event-channels", "xyz");
        hostile_set(&b->dev, "feature-gso-tcpv6", "");
    }
    hostile_set(&b->dev, "state", "2");
}

static void connect_nic(struct nic *n, bool ctrl)
{
    struct back *b = n->b;

    publish(b, ctrl);
    hostile_expect(&b->dev, 4);
    n->tx_page = back_map(b, (grant_ref_t)back_number(b, "tx-ring-ref"), false);
    n->rx_page = back_map(b, (grant_ref_t)back_number(b, "rx-ring-ref"), false);
    HOSTILE_CHECK(b->h, n->tx_page != NULL && n->rx_page != NULL, "rings");
    HOSTILE_CHECK(b->h,
                  weir_netif_tx_back_init(&n->tx, &n->tx_page, 1) == 0 &&
                      weir_netif_rx_back_init(&n->rx, &n->rx_page, 1) == 0,
                  "rings");
    n->port = back_bind(b, "event-channel");
    if (ctrl) {
        n->ctrl_page =
            back_map(b, (grant_ref_t)back_number(b, "ctrl-ring-ref"), false);
        HOSTILE_CHECK(
            b->h,
            n->ctrl_page != NULL &&
                weir_netif_ctrl_back_init(&n->ctrl, &n->ctrl_page, 1) == 0,
            "control ring");
        n->ctrl_port = back_bind(b, "event-channel-ctrl");
    }
    hostile_set(&b->dev, "state", "4");
}

void back_net(struct back *b)
{
    static struct nic n;
    const char *a = b->attack;
    bool ctrl = strncmp(a, "ctrl", 4) == 0;

    n.b = b;
    back_find(b, "vif", 0);
    connect_nic(&n, ctrl);
    if (ctrl) {
        bad_ctrl(&n, a);
        if (strcmp(a, "ctrl-status") != 0)
            return;
    }
    hostile_expect(&b->dev, 4);
    honest(&n, HONEST);
    hostile_sleep_us(100000); /* all of it is taken */
    if (strcmp(a, "tx-jump") == 0 || strcmp(a, "rx-jump") == 0) {
        ((volatile struct weir_sring_header *)(a[0] == 't' ? n.tx_page
                                                           : n.rx_page))
            ->rsp_prod += 5000;
        kick(&n);
    } else if (strcmp(a, "rx-bad") == 0) {
        flood_bad(&n);
    } else if (strcmp(a, "rx-odd") == 0) {
        odd_rx(&n);
    } else if (strncmp(a, "rx-", 3) == 0) {
        bad_rx(&n, a);
    } else if (strncmp(a, "tx-", 3) == 0) {
        bad_tx(&n, a);
    } else if (strcmp(a, "scribble") == 0) {
        scribble(&n);
    } else if (strcmp(a, "seize") == 0) {
        HOSTILE_CHECK(b->h, back_seize(b) > 10, "no pages");
        honest(&n, 100);
    } else if (strcmp(a, "flap") == 0) {
        back_flap(b);
    } else if (strcmp(a, "die") == 0) {
        _exit(0);
    } else if (strcmp(a, "features") == 0 || ctrl) {
        honest(&n, 100);
    }
}
