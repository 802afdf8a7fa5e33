/* SPDX-License-Identifier: MIT */
#include "tests/unit/net_raw.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static struct weir_port *port_of(const struct raw_front *f)
{
    return f->w->guest[f->guest].port;
}

void raw_front_node(struct raw_front *f, const char *key, const char *value)
{
    char path[96];
    domid_t d = f->w->guest[f->guest].domid;
    snprintf(path, sizeof(path), "/local/domain/%u/device/vif/0/%s", d, key);
    assert_int_equal(weir_fake_store_set(f->w->store, path, value), 0);
    assert_int_equal(weir_fake_store_own(f->w->store, path, d, NET_BACK), 0);
}

static void number(struct raw_front *f, const char *key, uint32_t v)
{
    char text[16];
    snprintf(text, sizeof(text), "%u", v);
    raw_front_node(f, key, text);
}

static void *pages(struct raw_front *f, unsigned n, grant_ref_t *ref)
{
    struct weir_port *p = port_of(f);
    void *first;
    assert_int_equal(p->ops->alloc_pages(p, n, &first), 0);
    for (unsigned i = 0; i < n; i++)
        assert_int_equal(weir_gnttab_grant(&f->gnttab, NET_BACK,
                                           (uint8_t *)first + i * 4096, false,
                                           &ref[i]),
                         0);
    return first;
}

void raw_front_open(struct raw_front *f, struct net_world *w, unsigned guest)
{
    memset(f, 0, sizeof(*f));
    f->w = w;
    f->guest = guest;
    struct weir_port *p = port_of(f);
    assert_int_equal(weir_gnttab_init(&f->gnttab, p), 0);
    f->page = pages(f, RAW_PAGES, f->ref);
    f->ring = pages(f, 3, f->ring_ref);
    void *at[3] = {f->ring, f->ring + 4096, f->ring + 8192};
    weir_netif_tx_front_init(&f->tx, &at[0], 1);
    weir_netif_rx_front_init(&f->rx, &at[1], 1);
    weir_netif_ctrl_front_init(&f->ctrl, &at[2], 1);
    assert_int_equal(p->ops->evtchn_alloc(p, NET_BACK, &f->evtchn), 0);
    assert_int_equal(p->ops->evtchn_alloc(p, NET_BACK, &f->ctrl_evtchn), 0);
    for (int i = 0; i < 50 && net_world_state(w, guest, true) != 2; i++)
        net_world_step(w);
    number(f, "tx-ring-ref", f->ring_ref[0]);
    number(f, "rx-ring-ref", f->ring_ref[1]);
    number(f, "ctrl-ring-ref", f->ring_ref[2]);
    number(f, "event-channel", f->evtchn);
    number(f, "event-channel-ctrl", f->ctrl_evtchn);
    number(f, "request-rx-copy", 1);
    number(f, "feature-rx-notify", 1);
    number(f, "feature-sg", 1);
}

void raw_front_connect(struct raw_front *f, int want)
{
    number(f, "state", 3);
    for (int i = 0; i < 200; i++) {
        net_world_step(f->w);
        if (net_world_state(f->w, f->guest, true) == want)
            return;
    }
    assert_int_equal(net_world_state(f->w, f->guest, true), want);
}

void raw_front_push(struct raw_front *f)
{
    struct weir_port *p = port_of(f);
    weir_netif_tx_front_push(&f->tx);
    weir_netif_rx_front_push(&f->rx);
    p->ops->evtchn_notify(p, f->evtchn);
}

bool raw_front_answer(struct raw_front *f, struct weir_netif_tx_response *rsp)
{
    for (int i = 0; i < 2000; i++) {
        int ret = weir_netif_tx_front_get(&f->tx, rsp);
        assert_true(ret >= 0);
        if (ret)
            return true;
        usleep(1000);
    }
    return false;
}

uint32_t raw_front_ctrl(struct raw_front *f, uint16_t type, uint32_t d0,
                        uint32_t d1, uint32_t d2, uint32_t *data)
{
    struct weir_port *p = port_of(f);
    struct weir_netif_ctrl_request req = {
        .id = 77, .type = type, .data = {d0, d1, d2}};
    struct weir_netif_ctrl_response rsp = {0};
    weir_netif_ctrl_front_put(&f->ctrl, &req);
    weir_netif_ctrl_front_push(&f->ctrl);
    p->ops->evtchn_notify(p, f->ctrl_evtchn);
    for (int i = 0; i < 2000 && !weir_netif_ctrl_front_get(&f->ctrl, &rsp); i++)
        usleep(1000);
    assert_int_equal(rsp.id, 77);
    assert_int_equal(rsp.type, type);
    if (data)
        *data = rsp.data;
    return rsp.status;
}

void raw_front_expect_closed(struct raw_front *f, const char *why)
{
    char error[200] = "";
    int state = 0;
    for (int i = 0; i < 2000; i++) {
        net_world_step(f->w);
        state = net_world_state(f->w, f->guest, true);
        net_world_error(f->w, f->guest, error, sizeof(error));
        if ((state == 5 || state == 6) && strstr(error, why))
            return;
        usleep(1000);
    }
    fail_msg("state %d, error '%s'; expected '%s'", state, error, why);
}

static void give_back(void *context, void *page)
{
    struct weir_port *p = context;
    p->ops->free_pages(p, page, 1);
}

void raw_front_close(struct raw_front *f)
{
    struct weir_port *p = port_of(f);
    number(f, "state", 6);
    for (int i = 0; i < 50; i++)
        net_world_step(f->w);
    for (unsigned i = 0; i < 3; i++)
        weir_gnttab_end_deferred(&f->gnttab, f->ring_ref[i], f->ring + i * 4096,
                                 give_back, p);
    for (unsigned i = 0; i < RAW_PAGES; i++)
        weir_gnttab_end_deferred(&f->gnttab, f->ref[i], f->page + i * 4096,
                                 give_back, p);
    assert_int_equal(weir_gnttab_reap(&f->gnttab), 0);
    p->ops->evtchn_close(p, f->evtchn);
    p->ops->evtchn_close(p, f->ctrl_evtchn);
    assert_int_equal(weir_gnttab_fini(&f->gnttab), 0);
}
