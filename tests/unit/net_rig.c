/* SPDX-License-Identifier: MIT
 *
 * The network crash rig: a machine, a backend program and its successors, the
 * process of a case.
 */
#include "tests/unit/net_rig.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/common/crash_point.h"
#include "backends/common/stats.h"
#include "backends/net/sink_switch.h"
#include "tests/unit/fake_private.h"
#include "tests/unit/fake_qthread.h"

#define IDLE 300 /* rounds in which nothing moves: it is over */

static const struct weir_back_class *const classes[] = {&weir_vif_class};

/* ---- of the case's process ---- */

static jmp_buf death;
static uint64_t left;       /* passages of points; 0: none kills */
static struct rig *watched; /* NULL: its rings may be spoilt */

/* No answer that was published is ever taken back: the frontend of another
 * CPU would see it. */
static void watch(const struct weir_ring_mem *m, uint32_t *seen)
{
    uint32_t now = weir_ring_read_indexes(m).rsp_prod;

    RIG_CHECK((int32_t)(now - *seen) >= 0, "rsp_prod goes back from %u to %u",
              *seen, now);
    *seen = now;
}

static void watch_rings(struct rig *r)
{
    for (unsigned i = 0; i < r->c->fronts; i++) {
        struct rig_front *f = &r->front[i];

        for (unsigned k = 0; k < r->c->queues; k++) {
            watch(&f->queue[k].tx.r.mem, &f->queue[k].tx_seen);
            watch(&f->queue[k].rx.r.mem, &f->queue[k].rx_seen);
        }
        if (r->c->pool)
            watch(&f->ctrl.ring.r.mem, &f->ctrl.seen);
    }
}

void weir_crash_point(void)
{
    if (watched != NULL)
        watch_rings(watched);
    if (left != 0 && --left == 0)
        longjmp(death, 1);
}

/* ---- the registry ---- */

static const char *path_of(unsigned front, bool back, const char *key)
{
    static char path[2][96];

    snprintf(path[back], sizeof(path[back]),
             back ? "/local/domain/2/backend/vif/%u/0%s"
                  : "/local/domain/%u/device/vif/0%s",
             RIG_FRONT + front, key);
    return path[back];
}

static unsigned state_of(struct rig *r, unsigned front, bool back)
{
    return rig_state(r->store, path_of(front, back, ""));
}

static void set_state(struct rig *r, unsigned i, const char *state)
{
    rig_set(r, path_of(i, false, ""), "state", state, (domid_t)(RIG_FRONT + i),
            RIG_BACK);
}

static void make_registry(struct rig *r, unsigned i)
{
    domid_t dom = (domid_t)(RIG_FRONT + i);
    char dir[64], id[8];

    snprintf(id, sizeof(id), "%u", dom);
    snprintf(dir, sizeof(dir), "/local/domain/2/backend/vif/%u", dom);
    rig_set(r, dir, "", "", RIG_BACK, dom);
    rig_set(r, path_of(i, false, ""), "", "", dom, RIG_BACK);
    set_state(r, i, "1");
    rig_set(r, path_of(i, true, ""), "", "", RIG_BACK, dom);
    rig_set(r, path_of(i, true, ""), "frontend", path_of(i, false, ""),
            RIG_BACK, dom);
    rig_set(r, path_of(i, true, ""), "frontend-id", id, RIG_BACK, dom);
    rig_set(r, path_of(i, true, ""), "state", "1", RIG_BACK, dom);
}

static void make_machine(struct rig *r)
{
    int room = 8 << 20;

    r->random = r->c->seed;
    r->machine = weir_fake_machine_new(2048);
    r->bport = weir_fake_domain_add(r->machine, RIG_BACK, 0);
    RIG_CHECK(
        weir_fake_store_new(&r->store) == 0 &&
            socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, r->tap) == 0,
        "no machine");
    for (int i = 0; i < 2; i++)
        setsockopt(r->tap[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
    rig_set(r, "/local/domain/2/backend", "", "", RIG_BACK, RIG_FRONT);
    rig_set(r, "/local/domain/2/backend/vif", "", "", RIG_BACK, RIG_FRONT);
    for (unsigned i = 0; i < r->c->fronts; i++) {
        make_registry(r, i);
        rig_front_open(r, i);
    }
}

/* ---- a program: until it dies, or all is over ---- */

struct program {
    struct weir_xs xs;
    struct weir_stats_page stats;
    struct weir_net_context net;
    struct weir_qpool *pool;
    struct weir_backend *be;
};

static void give(struct rig *r, struct program *p, unsigned i, bool resume)
{
    int fd = r->c->fronts > 1 ? -1 : dup(r->tap[1]);
    struct weir_resource res = {.magic = WEIR_RES_MAGIC,
                                .version = WEIR_RES_VERSION,
                                .op =
                                    resume ? WEIR_RES_RESUME : WEIR_RES_ATTACH,
                                .cls = WEIR_RES_VIF,
                                .frontend = (uint16_t)(RIG_FRONT + i),
                                .nfds = fd >= 0,
                                .label = "net"};

    res.vif.sink = fd >= 0 ? WEIR_VIF_TAP : WEIR_VIF_SWITCH;
    res.vif.flags = fd >= 0 ? WEIR_VIF_VNET_HDR : 0;
    res.vif.queues = RIG_QUEUES;
    res.vif.rate_bps = r->c->rate;
    res.vif.rate_window_us = 1000;
    RIG_CHECK(weir_backend_give(p->be, &res, &fd, res.nfds) == 0,
              "the device is refused");
}

/* Of the pool's pages, which are mapped behind the rings: as many of them as
 * there are for sure. */
static void fail_maps(struct rig *r)
{
    const struct rig_ctrl *c = &r->front[0].ctrl;
    unsigned n = rig_front_added(&r->front[0]);

    if (c->pending && c->type == WEIR_NETIF_CTRL_DEL_GREF_MAPPING)
        n -= c->n;
    if (n > 0)
        weir_fake_fail(r->bport, WEIR_FAKE_MAP, 2,
                       n < r->c->no_maps ? n : r->c->no_maps, 12);
}

static void start(struct rig *r, struct program *p, bool resume)
{
    struct weir_resource resumed = {.magic = WEIR_RES_MAGIC,
                                    .version = WEIR_RES_VERSION,
                                    .op = WEIR_RES_RESUMED};
    struct weir_backend_config cfg = {.port = r->bport,
                                      .xs = &p->xs,
                                      .resource_fd = -1,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .stats = &p->stats,
                                      .context = &p->net};

    memset(p, 0, sizeof(*p));
    weir_stats_take_over(&p->stats, 1);
    RIG_CHECK(weir_fake_store_connect(r->store, &p->xs, RIG_BACK) == 0 &&
                  weir_qpool_new(RIG_QUEUES * RIG_FRONTS, NULL, NULL,
                                 &p->pool) == 0 &&
                  weir_switch_new(weir_vif_switch_deliver, &p->net.sw) == 0,
              "no program");
    cfg.pool = p->pool;
    RIG_CHECK(weir_backend_new(&cfg, &p->be) == 0, "no backend");
    if (resume && r->c->no_maps != 0)
        fail_maps(r);
    for (unsigned i = 0; i < r->c->fronts; i++)
        give(r, p, i, resume);
    if (resume)
        weir_backend_give(p->be, &resumed, NULL, 0);
}

static void is_connected(struct rig *r, unsigned i)
{
    char error[160] = "";

    weir_fake_store_get(r->store, path_of(i, true, "/error"), error,
                        sizeof(error));
    RIG_CHECK(state_of(r, i, true) == WEIR_XENBUS_CONNECTED,
              "backend %u is in state %u: %s", i, state_of(r, i, true), error);
}

/* The frontends' part of coming up. */
static void connect_fronts(struct rig *r, struct program *p)
{
    rig_control(p->be);
    for (unsigned i = 0; i < r->c->fronts; i++) {
        if (state_of(r, i, false) < WEIR_XENBUS_INITIALISED) {
            if (r->c->fronts == 1) /* frames to nobody would be lost */
                rig_front_step(&r->front[i]);
            set_state(r, i, "3");
        }
        rig_control(p->be);
        fake_qthreads_run(p->pool);
        is_connected(r, i);
        if (state_of(r, i, false) < WEIR_XENBUS_CONNECTED)
            set_state(r, i, "4");
    }
    rig_control(p->be);
}

static bool step(struct rig *r, struct program *p)
{
    bool moved = r->c->fronts == 1 && rig_tap_step(r);

    for (unsigned i = 0; i < r->c->fronts; i++)
        moved |= rig_front_step(&r->front[i]);
    fake_qthreads_run(p->pool);
    return moved;
}

/* Until nothing moves any more. */
static void live(struct rig *r, struct program *p)
{
    for (unsigned idle = 0; idle < IDLE; idle++) {
        if (step(r, p))
            idle = 0;
        else if (r->c->rate != 0)
            usleep(200);
    }
    rig_control(p->be);
    for (unsigned i = 0; i < r->c->fronts; i++)
        is_connected(r, i);
}

/* ---- what is to be so in the end ---- */

static void few_lost(const struct rig *r, const char *way, unsigned sent,
                     unsigned got)
{
    unsigned most = r->deaths * r->c->queues * RIG_LOST;

    RIG_CHECK(got <= sent && sent - got <= most,
              "%s: %u of %u frames lost by %u deaths", way, sent - got, sent,
              r->deaths);
}

static void check_groups(struct rig *r, struct program *p)
{
    struct rig_front *f = &r->front[0];
    unsigned want = 0;

    rig_tap_groups(r);
    for (unsigned i = 0; i < IDLE; i++)
        step(r, p);
    for (unsigned i = 0; i < RIG_GROUPS; i++)
        want += f->group[i];
    RIG_CHECK(f->groups_seen == want, "frames to %u groups, %u were joined",
              f->groups_seen, want);
}

static void check_mapped(struct rig *r)
{
    unsigned want = 0;

    for (unsigned i = 0; i < r->c->fronts; i++)
        want += 2 * r->c->queues + r->c->pool + rig_front_added(&r->front[i]);
    RIG_CHECK(weir_fake_mapped(r->bport) == want ||
                  (r->c->no_maps != 0 && weir_fake_mapped(r->bport) < want),
              "%u pages are mapped, not %u", weir_fake_mapped(r->bport), want);
}

static void verify(struct rig *r, struct program *p)
{
    for (unsigned i = 0; i < r->c->fronts; i++)
        rig_front_verify(&r->front[i]);
    if (r->c->fronts > 1) {
        few_lost(r, "first to second", r->front[0].sent, r->front[1].ngot);
        few_lost(r, "second to first", r->front[1].sent, r->front[0].ngot);
    } else {
        RIG_CHECK(r->tap_sent == r->c->frames, "the tap is stuck");
        few_lost(r, "to the tap", r->front[0].sent, r->ntap_got);
        few_lost(r, "from the tap", r->tap_sent, r->front[0].ngot);
        check_groups(r, p);
    }
    check_mapped(r);
}

/* Frontends and backend part in order, and nothing is left of either. */
static void end(struct rig *r, struct program *p)
{
    for (unsigned i = 0; i < r->c->fronts; i++)
        set_state(r, i, "6");
    rig_control(p->be);
    for (unsigned i = 0; i < r->c->fronts; i++)
        RIG_CHECK(state_of(r, i, true) == WEIR_XENBUS_CLOSED, "not Closed");
    rig_nothing_left(r->bport);
}

/* Bytes that the log has, more often those that mean much. */
static void spoil(struct rig *r)
{
    struct fake_domain *d = fake_of(r->bport);

    for (unsigned n = 0; n < r->c->spoil;) {
        const struct fake_kept *k = &d->kept[rig_random(r, FAKE_KEPT)];
        uint8_t *p = d->m->mem + (size_t)k->first * WEIR_PAGE_SIZE;
        uint32_t most = rig_random(r, 2) == 0 ? 128 : 10800;

        if (k->count == 0)
            continue;
        if (most > k->count * WEIR_PAGE_SIZE)
            most = k->count * WEIR_PAGE_SIZE;
        p[rig_random(r, most)] =
            (uint8_t)rig_random(r, rig_random(r, 2) == 0 ? 8 : 256);
        n++;
    }
}

/* Frontends would see what they need not understand: they stand still. */
static int live_spoilt(struct rig *r, struct program *p)
{
    for (unsigned i = 0; i < 100; i++) {
        fake_qthreads_run(p->pool);
        if (i % 50 == 0)
            rig_control(p->be);
    }
    rig_control(p->be);
    for (unsigned i = 0; i < r->c->fronts; i++) {
        unsigned state = state_of(r, i, true);
        char reason[160] = "";

        weir_fake_store_get(r->store, path_of(i, true, "/error"), reason,
                            sizeof(reason));
        RIG_CHECK(state == WEIR_XENBUS_CONNECTED ||
                      (state == WEIR_XENBUS_CLOSING && reason[0] != '\0'),
                  "backend %u is in state %u: %s", i, state, reason);
    }
    weir_backend_free(p->be);
    RIG_CHECK(weir_fake_pages(r->bport) == 0 && weir_fake_mapped(r->bport) == 0,
              "the backend keeps %u pages, %u mappings",
              weir_fake_pages(r->bport), weir_fake_mapped(r->bport));
    return RIG_GOOD;
}

static int run(const void *a_case, uint64_t at)
{
    const struct net_case *c = a_case;
    static struct rig r; /* not in registers when the program dies */
    static struct program p;

    r.c = c;
    make_machine(&r);
    watched = c->spoil == 0 ? &r : NULL;
    left = at;
    if (setjmp(death) != 0) {
        r.deaths++;
        weir_fake_store_disconnect(r.store, &p.xs);
        weir_fake_domain_revive(r.bport);
        for (unsigned i = 0; i < r.c->fronts; i++) /* they live on */
            rig_front_step(&r.front[i]);
        spoil(&r);
        left = c->again && r.deaths < 8 ? 1 + rig_random(&r, 2000) : 0;
    }
    start(&r, &p, r.deaths > 0);
    if (r.deaths > 0 && c->spoil > 0)
        return live_spoilt(&r, &p);
    connect_fronts(&r, &p);
    live(&r, &p);
    left = 0;
    verify(&r, &p);
    end(&r, &p);
    return r.deaths > 0 ? RIG_GOOD : RIG_OVER;
}

enum rig_result net_rig_run(const void *c, uint64_t at, bool quiet)
{
    return rig_fork(run, c, at, quiet);
}
