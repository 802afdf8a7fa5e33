/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hostile_vif.h"

#include <stdio.h>
#include <string.h>

void vif_open(struct hostile *h, struct vif *v)
{
    domid_t to;

    memset(v, 0, sizeof(*v));
    v->h = h;
    hostile_find(h, &v->dev, "vif", 0);
    to = v->dev.peer_domid;
    v->tx_page = hostile_pages(h, 1);
    v->rx_page = hostile_pages(h, 1);
    v->ctrl_page = hostile_pages(h, 1);
    v->tx_ref = hostile_grant(h, to, v->tx_page, false);
    v->rx_ref = hostile_grant(h, to, v->rx_page, false);
    v->ctrl_ref = hostile_grant(h, to, v->ctrl_page, false);
    v->data = hostile_pages(h, VIF_PAGES);
    for (unsigned i = 0; i < VIF_PAGES; i++)
        v->ref[i] = hostile_grant(h, to, v->data + i * 4096u, false);
    v->ro_ref = hostile_grant(h, to, v->data, true);
    v->other_ref = hostile_grant(h, 1, v->data, false);
    v->list = hostile_pages(h, 1);
    v->list_ref = hostile_grant(h, to, v->list, false);
    memcpy(v->mac, "\x00\x16\x3e\x66\x66\x66", 6);
}

void vif_nodes(struct vif *v)
{
    static const char *const on[] = {
        "request-rx-copy",   "feature-rx-notify", "feature-sg",
        "feature-gso-tcpv4", "feature-gso-tcpv6", "feature-ipv6-csum-offload"};
    static const char *const off[] = {"event-channel", "multi-queue-num-queues",
                                      "request-multicast-control",
                                      "feature-no-csum-offload"};
    struct hostile_dev *d = &v->dev;

    for (unsigned i = 0; i < sizeof(off) / sizeof(off[0]); i++)
        hostile_rm(d, off[i]);
    for (unsigned i = 0; i < sizeof(on) / sizeof(on[0]); i++)
        hostile_set(d, on[i], "1");
    hostile_set_u64(d, "tx-ring-ref", v->tx_ref);
    hostile_set_u64(d, "rx-ring-ref", v->rx_ref);
    hostile_set_u64(d, "ctrl-ring-ref", v->ctrl_ref);
    hostile_set_u64(d, "event-channel-tx", v->evtchn[0]);
    hostile_set_u64(d, "event-channel-rx", v->evtchn[1]);
    hostile_set_u64(d, "event-channel-ctrl", v->evtchn[2]);
}

static void fresh(struct vif *v)
{
    struct weir_port *p = v->h->port;

    for (unsigned i = 0; i < 3; i++) {
        int err;

        if (v->evtchn[i] != 0)
            p->ops->evtchn_close(p, v->evtchn[i]);
        err = p->ops->evtchn_alloc(p, v->dev.peer_domid, &v->evtchn[i]);
        HOSTILE_CHECK(v->h, err == 0, "channel: %s", strerror(-err));
    }
    HOSTILE_CHECK(v->h,
                  weir_netif_tx_front_init(&v->tx, &v->tx_page, 1) == 0 &&
                      weir_netif_rx_front_init(&v->rx, &v->rx_page, 1) == 0 &&
                      weir_netif_ctrl_front_init(&v->ctrl, &v->ctrl_page, 1) ==
                          0,
                  "rings");
}

void vif_connect(struct vif *v)
{
    hostile_expect(&v->dev, 2);
    fresh(v);
    vif_nodes(v);
    hostile_set(&v->dev, "state", "4");
    hostile_expect(&v->dev, 4);
}

void vif_reconnect(struct vif *v)
{
    hostile_restart(&v->dev);
    vif_connect(v);
}

void vif_close(struct vif *v)
{
    hostile_set(&v->dev, "state", "6");
    hostile_expect(&v->dev, 6);
    hostile_ungrant(v->h, v->tx_ref);
    hostile_ungrant(v->h, v->rx_ref);
    hostile_ungrant(v->h, v->ctrl_ref);
    hostile_ungrant(v->h, v->list_ref);
    hostile_ungrant(v->h, v->ro_ref);
    hostile_ungrant(v->h, v->other_ref);
    for (unsigned i = 0; i < VIF_PAGES; i++)
        hostile_ungrant(v->h, v->ref[i]);
}

void vif_kick(struct vif *v)
{
    for (unsigned i = 0; i < 3; i++)
        v->h->port->ops->evtchn_notify(v->h->port, v->evtchn[i]);
}

union weir_netif_tx_slot vif_slot(struct vif *v, unsigned page, unsigned offset,
                                  unsigned size, unsigned flags)
{
    static uint16_t id;

    return (union weir_netif_tx_slot){.req = {.gref = v->ref[page],
                                              .offset = (uint16_t)offset,
                                              .flags = (uint16_t)flags,
                                              .id = id++,
                                              .size = (uint16_t)size}};
}

bool vif_send(struct vif *v, const union weir_netif_tx_slot *slot, unsigned n,
              int16_t *status)
{
    uint64_t end = hostile_ms(v->h) + 5000;
    struct weir_netif_tx_response rsp;

    for (unsigned i = 0; i < n; i++)
        HOSTILE_CHECK(v->h, weir_netif_tx_front_put(&v->tx, &slot[i]) == 0,
                      "the ring is full");
    weir_netif_tx_front_push(&v->tx);
    vif_kick(v);
    for (unsigned i = 0; i < n;) {
        int got = weir_netif_tx_front_get(&v->tx, &rsp);

        HOSTILE_CHECK(v->h, got >= 0, "more answers than requests");
        if (got > 0) {
            status[i++] = rsp.status;
            continue;
        }
        if (hostile_ms(v->h) > end)
            return false;
        hostile_sleep_us(20);
    }
    return true;
}

void vif_expect(struct vif *v, const union weir_netif_tx_slot *slot, unsigned n,
                uint32_t extras, int status)
{
    int16_t got[VIF_SLOTS];

    HOSTILE_CHECK(v->h, vif_send(v, slot, n, got), "no answer (state %u)",
                  hostile_peer_state(&v->dev));
    for (unsigned i = 0; i < n; i++) {
        int want =
            i < 32 && (extras >> i & 1) != 0 ? WEIR_NETIF_RSP_NULL : status;

        HOSTILE_CHECK(v->h, got[i] == want,
                      "slot %u of %u: status %d instead of %d", i, n, got[i],
                      want);
    }
}

void vif_frame(struct vif *v, unsigned size)
{
    memset(v->data, 0xff, 6);
    memcpy(v->data + 6, v->mac, 6);
    memcpy(v->data + 12, "\x88\xb8", 2);
    memset(v->data + 14, 0x42, size - 14);
}

void vif_works(struct vif *v)
{
    union weir_netif_tx_slot s = vif_slot(v, 0, 0, 100, 0);

    vif_frame(v, 100);
    vif_expect(v, &s, 1, 0, WEIR_NETIF_RSP_OKAY);
}

uint32_t vif_ctrl(struct vif *v, unsigned type, uint32_t d0, uint32_t d1,
                  uint32_t d2, uint32_t *data)
{
    static uint16_t id = 7;
    struct weir_netif_ctrl_request r = {
        .id = ++id, .type = (uint16_t)type, .data = {d0, d1, d2}};
    struct weir_netif_ctrl_response rsp;
    uint64_t end = hostile_ms(v->h) + 5000;

    HOSTILE_CHECK(v->h, weir_netif_ctrl_front_put(&v->ctrl, &r) == 0, "full");
    weir_netif_ctrl_front_push(&v->ctrl);
    vif_kick(v);
    while (weir_netif_ctrl_front_get(&v->ctrl, &rsp) <= 0) {
        HOSTILE_CHECK(v->h, hostile_ms(v->h) < end,
                      "no answer to control request %u", type);
        hostile_sleep_us(50);
    }
    HOSTILE_CHECK(v->h, rsp.id == id && rsp.type == (uint16_t)type,
                  "an answer to another request");
    if (data != NULL)
        *data = rsp.data;
    return rsp.status;
}

uint32_t vif_random(void)
{
    static uint32_t x = 2463534242u;

    x ^= x << 13;
    x ^= x >> 17;
    return x ^= x << 5;
}
