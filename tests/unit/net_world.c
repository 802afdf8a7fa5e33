/* SPDX-License-Identifier: MIT */
#include "tests/unit/net_world.h"
#include "backends/common/stats.h"
#include "backends/net/sink_switch.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#define HDR 10 /* bytes, virtio-net header */

struct net_world *net_world_new(void)
{
    static const struct weir_back_class *const classes[] = {&weir_vif_class};
    struct net_world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    w->machine = weir_fake_machine_new(8192);
    assert_non_null(w->machine);
    assert_int_equal(weir_fake_store_new(&w->store), 0);
    w->back = weir_fake_domain_add(w->machine, NET_BACK, 0);
    weir_fake_store_introduce(w->store, NET_BACK);
    assert_int_equal(weir_fake_store_connect(w->store, &w->xs, NET_BACK), 0);
    assert_int_equal(weir_qpool_new(4, NULL, NULL, &w->pool), 0);
    assert_int_equal(weir_switch_new(weir_vif_switch_deliver, &w->net.sw), 0);
    w->net.spin_ns = 20000;
    weir_stats_init(&w->stats, 1);
    weir_fake_store_set(w->store, "/local/domain/2/backend", "");
    weir_fake_store_own(w->store, "/local/domain/2", NET_BACK, -1);
    weir_fake_store_own(w->store, "/local/domain/2/backend", NET_BACK, -1);
    struct weir_backend_config cfg = {
        .port = w->back,
        .xs = &w->xs,
        .resource_fd = -1,
        .classes = classes,
        .nclasses = 1,
        .stats = &w->stats,
        .pool = w->pool,
        .context = &w->net,
    };
    assert_int_equal(weir_backend_new(&cfg, &w->be), 0);
    for (unsigned i = 0; i < NET_GUESTS; i++)
        w->guest[i].tap = -1;
    return w;
}

unsigned net_world_free(struct net_world *w)
{
    for (unsigned i = 0; i < NET_GUESTS; i++) {
        struct net_guest *g = &w->guest[i];
        if (g->nf) {
            /* close waits for the backend, which steps here */
            weir_fake_store_rm(w->store, g->nf->dev.backend_path);
            net_world_step(w);
            weir_netfront_close(g->nf);
            weir_gnttab_reap(&g->gnttab);
            weir_gnttab_fini(&g->gnttab);
            weir_fake_store_disconnect(w->store, &g->bus.xs);
            free(g->nf);
            g->nf = NULL;
        }
        if (g->tap >= 0)
            close(g->tap);
    }
    net_world_step(w);
    weir_backend_free(w->be);
    weir_qpool_free(w->pool);
    weir_switch_free(w->net.sw);
    weir_fake_store_disconnect(w->store, &w->xs);
    weir_fake_store_free(w->store);
    unsigned leaks = weir_fake_machine_free(w->machine);
    free(w);
    return leaks;
}

static void node(struct net_world *w, domid_t owner, domid_t reader,
                 const char *dir, const char *key, const char *value)
{
    char path[160];
    snprintf(path, sizeof(path), "%s%s%s", dir, key[0] ? "/" : "", key);
    assert_int_equal(weir_fake_store_set(w->store, path, value), 0);
    assert_int_equal(weir_fake_store_own(w->store, path, owner, reader), 0);
}

static void write_registry(struct net_world *w, domid_t f)
{
    char home[32], front[64], back[64], id[16];
    snprintf(front, sizeof(front), "/local/domain/%u/device/vif/0", f);
    snprintf(back, sizeof(back), "/local/domain/2/backend/vif/%u/0", f);
    snprintf(home, sizeof(home), "/local/domain/%u", f);
    node(w, f, NET_BACK, home, "device", "");
    node(w, f, NET_BACK, home, "device/vif", "");
    node(w, f, NET_BACK, front, "", "");
    node(w, f, NET_BACK, front, "backend", back);
    node(w, f, NET_BACK, front, "backend-id", "2");
    node(w, f, NET_BACK, front, "mac", "00:16:3e:00:00:05");
    node(w, f, NET_BACK, front, "handle", "0");
    node(w, f, NET_BACK, front, "state", "1");
    node(w, NET_BACK, f, back, "", "");
    snprintf(id, sizeof(id), "%u", f);
    node(w, NET_BACK, f, back, "frontend", front);
    node(w, NET_BACK, f, back, "frontend-id", id);
    node(w, NET_BACK, f, back, "state", "1");
}

struct net_guest *net_world_vif(struct net_world *w, unsigned i,
                                const struct weir_resource *given)
{
    static const uint8_t mac[6] = {0x00, 0x16, 0x3e, 0, 0, 5};
    struct net_guest *g = &w->guest[i];
    struct weir_resource res = {0};
    int sv[2];
    g->domid = (domid_t)(NET_FRONT + i);
    g->port = weir_fake_domain_add(w->machine, g->domid, 0);
    weir_fake_store_introduce(w->store, g->domid);
    if (given)
        res = *given;
    else
        res.vif.flags = WEIR_VIF_VNET_HDR;
    if (!res.vif.mac[0] && !res.vif.mac[5])
        memcpy(res.vif.mac, mac, 6);
    res.magic = WEIR_RES_MAGIC;
    res.version = WEIR_RES_VERSION;
    res.op = WEIR_RES_ATTACH;
    res.cls = WEIR_RES_VIF;
    res.frontend = g->domid;
    if (!res.vif.queues)
        res.vif.queues = 1;
    if (res.vif.sink == WEIR_VIF_TAP) {
        assert_int_equal(
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, sv), 0);
        int room = 4 << 20;
        setsockopt(sv[0], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        setsockopt(sv[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
        g->tap = sv[0];
        res.nfds = 1;
    }
    write_registry(w, g->domid);
    assert_int_equal(weir_backend_give(w->be, &res, &sv[1], res.nfds), 0);
    return g;
}

void net_world_step(struct net_world *w)
{
    assert_int_equal(weir_backend_step(w->be, 0), 0);
    for (unsigned i = 0; i < NET_GUESTS; i++)
        if (w->guest[i].nf)
            weir_front_bus_poll(&w->guest[i].bus);
}

struct weir_netfront *net_world_connect(struct net_world *w, unsigned i,
                                        const struct weir_netfront_config *c)
{
    struct net_guest *g = &w->guest[i];
    g->nf = calloc(1, sizeof(*g->nf));
    assert_non_null(g->nf);
    assert_int_equal(weir_gnttab_init(&g->gnttab, g->port), 0);
    g->bus.port = g->port;
    g->bus.gnttab = &g->gnttab;
    assert_int_equal(weir_fake_store_connect(w->store, &g->bus.xs, g->domid),
                     0);
    assert_int_equal(weir_netfront_open(g->nf, &g->bus, 0, c), 0);
    for (int k = 0; k < 200 && !g->nf->connected; k++)
        net_world_step(w);
    assert_true(g->nf->connected);
    net_world_step(w);
    assert_int_equal(g->nf->dev.state, WEIR_XENBUS_CONNECTED);
    return g->nf;
}

int net_world_state(struct net_world *w, unsigned i, bool back)
{
    char path[96], v[16];
    snprintf(path, sizeof(path),
             back ? "/local/domain/2/backend/vif/%u/0/state"
                  : "/local/domain/%u/device/vif/0/state",
             w->guest[i].domid);
    return weir_fake_store_get(w->store, path, v, sizeof(v)) > 0 ? atoi(v) : 0;
}

void net_world_error(struct net_world *w, unsigned i, char *buf, size_t size)
{
    char path[96];
    snprintf(path, sizeof(path), "/local/domain/2/backend/vif/%u/0/error",
             w->guest[i].domid);
    if (weir_fake_store_get(w->store, path, buf, size) < 0)
        buf[0] = '\0';
}

uint64_t net_world_stat(struct net_world *w, unsigned i, unsigned word)
{
    for (unsigned k = 0; k < WEIR_STATS_DEVS; k++)
        if (w->stats.dev[k].cls == WEIR_RES_VIF &&
            w->stats.dev[k].frontend == w->guest[i].domid)
            return __atomic_load_n(&w->stats.dev[k].word[word],
                                   __ATOMIC_RELAXED);
    return 0;
}

static uint8_t next(uint32_t *state)
{
    *state = *state * 1664525u + 1013904223u;
    return (uint8_t)(*state >> 24);
}

void net_fill(uint8_t *p, uint32_t len, uint32_t seed)
{
    static const uint8_t head[14] = {0x00, 0x16, 0x3e, 0, 0, 5,    0x00,
                                     0x16, 0x3e, 0,    0, 5, 0x88, 0xb5};
    uint32_t state = seed * 2654435761u + len;
    memcpy(p, head, len < 14 ? len : 14);
    for (uint32_t i = 14; i < len; i++)
        p[i] = next(&state);
}

int net_check(const uint8_t *p, uint32_t len, uint32_t seed)
{
    uint32_t state = seed * 2654435761u + len;
    for (uint32_t i = 14; i < len; i++)
        if (p[i] != next(&state))
            return -1;
    return 0;
}

/* From the tap's other end, with a deadline; length without the header. */
int net_tap_read(int fd, uint8_t *buf)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (poll(&p, 1, 2000) != 1)
        return -1;
    return (int)read(fd, buf, HDR + 65536) - HDR;
}

void net_tap_write(int fd, const uint8_t *frame, uint32_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    static uint8_t buf[HDR + 65536];
    memset(buf, 0, HDR);
    memcpy(buf + HDR, frame, len);
    assert_int_equal(poll(&p, 1, 2000), 1);
    assert_int_equal(write(fd, buf, HDR + len), HDR + len);
}

int net_recv(struct weir_netfront *nf, uint8_t *buf, uint32_t size,
             struct weir_netfront_offload *off)
{
    for (int i = 0; i < 20; i++) {
        int n = weir_netfront_recv(nf, 0, buf, size, off);
        if (n)
            return n;
        assert_int_equal(weir_netfront_wait(nf, 0, UINT64_C(200000000)), 0);
    }
    return 0;
}

/* Statistics are counted after the packets they count. */
uint64_t net_stat_becomes(struct net_world *w, unsigned word, uint64_t want)
{
    for (int i = 0; i < 2000 && net_world_stat(w, 0, word) != want; i++)
        usleep(1000);
    return net_world_stat(w, 0, word);
}
