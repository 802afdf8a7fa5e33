/* SPDX-License-Identifier: MIT
 *
 * Who is woken when: notifications of backend and frontend, and threads that
 * wait for each other.
 */
#include "backends/common/stats.h"
#include "tests/unit/net_raw.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#define HDR 10

static uint8_t buf[HDR + 65536];

static void post_rx(struct raw_front *f, uint16_t i)
{
    struct weir_netif_rx_request r = {.id = i, .gref = f->ref[i]};
    assert_int_equal(weir_netif_rx_front_put(&f->rx, &r), 0);
}

/* A packet of three slots waits while one is posted: the backend asks to be
 * told of the third. */
static void test_waits_for_the_rest(void **state)
{
    struct net_world *w = net_world_new();
    struct raw_front f;
    union weir_netif_rx_slot s;
    (void)state;
    int tap = net_world_vif(w, 0, NULL)->tap;
    raw_front_open(&f, w, 0);
    raw_front_connect(&f, 4);
    volatile struct weir_sring_header *hdr = (void *)(f.ring + 4096);
    post_rx(&f, 0);
    raw_front_push(&f);
    net_fill(buf, 9000, 1);
    net_tap_write(tap, buf, 9000);
    for (int i = 0; i < 2000 && weir_load_relaxed32(&hdr->req_event) != 3; i++)
        usleep(1000);
    assert_int_equal(weir_load_relaxed32(&hdr->req_event), 3);
    post_rx(&f, 1);
    assert_false(weir_netif_rx_front_push(&f.rx));
    post_rx(&f, 2);
    assert_true(weir_netif_rx_front_push(&f.rx));
    raw_front_push(&f); /* notifies */
    for (uint16_t i = 0; i < 3; i++) {
        int tries = 0;
        while (!weir_netif_rx_front_get(&f.rx, &s) && tries++ < 2000)
            usleep(1000);
        assert_int_equal(s.rsp.id, i);
        assert_int_equal(s.rsp.status, i < 2 ? 4096 : 9000 - 8192);
    }
    raw_front_close(&f);
    assert_int_equal(net_world_free(w), 0);
}

#define ENOUGH 20000u /* notifications to judge by */

/* Fewer than one notification in a thousand was for nothing; false: there
 * were too few to say. */
static bool few(const char *who, uint64_t spurious, uint64_t all)
{
    if (all < ENOUGH)
        return false;
    print_message("%s: %llu of %llu spurious\n", who,
                  (unsigned long long)spurious, (unsigned long long)all);
    assert_true(spurious * 1000 < all);
    return true;
}

static bool few_back(struct net_world *w)
{
    uint64_t in = net_world_stat(w, 0, WEIR_STAT_VIF_KICKS_IN);
    return few("backend", net_world_stat(w, 0, WEIR_STAT_VIF_SPURIOUS), in);
}

static bool few_front(const struct weir_netfront *nf)
{
    const struct weir_netfront_stats *st = &nf->queue[0].stats;
    return few("frontend", st->spurious, st->notified);
}

/* Frames go round one at a time, and both sides sleep in between: each
 * notification must have been worth it. */
static void test_few_spurious(void **state)
{
    const struct weir_netfront_config cfg = {.spin_ns = UINT64_MAX};
    struct net_world *w = net_world_new();
    (void)state;
    w->net.spin_ns = 0;
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    for (uint32_t i = 0;
         net_world_stat(w, 0, WEIR_STAT_VIF_KICKS_IN) < ENOUGH ||
         nf->queue[0].stats.notified < ENOUGH;
         i++) {
        struct weir_netfront_vec v = {buf, 60};
        assert_true(i < 50 * ENOUGH);
        net_fill(buf, 60, i);
        assert_int_equal(weir_netfront_send(nf, 0, &v, 1, NULL), 0);
        weir_netfront_flush(nf, 0);
        assert_int_equal(net_tap_read(g->tap, buf), 60);
        net_tap_write(g->tap, buf + HDR, 60);
        assert_int_equal(net_recv(nf, buf, sizeof(buf), NULL), 60);
    }
    assert_true(few_back(w) && few_front(nf));
    assert_int_equal(net_world_free(w), 0);
}

/* A host that sends back one frame of eight, until its end is closed. */
static void *echo(void *arg)
{
    static uint8_t f[HDR + 65536];
    int fd = *(int *)arg;
    for (unsigned i = 0;; i++) {
        int n = net_tap_read(fd, f);
        if (n < 60)
            return NULL;
        if (i % 8 == 0 && write(fd, f, HDR + (size_t)n) < 0)
            continue; /* its queue is full: lost, as on a wire */
    }
}

/* The same with full rings: the sender waits for room and for frames. */
static void test_few_spurious_full(void **state)
{
    const struct weir_netfront_config cfg = {.spin_ns = UINT64_MAX};
    struct net_world *w = net_world_new();
    struct weir_netfront_vec v = {buf, 1514};
    static uint8_t in[65536];
    pthread_t host;
    int ret = 0;
    (void)state;
    w->net.spin_ns = 0;
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, &cfg);
    net_fill(buf, 1514, 1);
    assert_int_equal(pthread_create(&host, NULL, echo, &g->tap), 0);
    for (uint32_t i = 0; nf->queue[0].stats.notified < ENOUGH; i++) {
        assert_true(i < 50 * ENOUGH);
        do
            ret = weir_netfront_send(nf, 0, &v, 1, NULL);
        while (!ret);
        assert_int_equal(ret, -WEIR_EAGAIN);
        assert_int_equal(weir_netfront_wait(nf, 0, UINT64_C(1000000000)), 0);
        while (weir_netfront_recv(nf, 0, in, sizeof(in), NULL) > 0)
            ;
    }
    assert_true(few_front(nf));
    v.len = 14; /* tells the host to end */
    while ((ret = weir_netfront_send(nf, 0, &v, 1, NULL)) == -WEIR_EAGAIN)
        assert_int_equal(weir_netfront_wait(nf, 0, UINT64_C(1000000000)), 0);
    assert_int_equal(ret, 0);
    weir_netfront_flush(nf, 0);
    pthread_join(host, NULL);
    assert_int_equal(net_world_free(w), 0);
}

/* A hypervisor that takes its time over long lists. */
static struct {
    const struct weir_port_ops *real;
    struct weir_port_ops ops;
    volatile uint32_t on, slow, go;
} slow_map;

static int map_slowly(struct weir_port *p, struct weir_map_op *op, unsigned n)
{
    if (n >= 16 && weir_load_acquire32(&slow_map.on)) {
        weir_store_release32(&slow_map.slow, 1);
        for (int i = 0; i < 5000 && !weir_load_acquire32(&slow_map.go); i++)
            usleep(1000);
    }
    return slow_map.real->map(p, op, n);
}

static void slow_down(struct net_world *w)
{
    slow_map.slow = slow_map.go = slow_map.on = 0;
    slow_map.real = w->back->ops;
    slow_map.ops = *w->back->ops;
    slow_map.ops.map = map_slowly;
    w->back->ops = &slow_map.ops;
}

/* The backend's thread is in the middle of a list from here on. */
static void start_list(struct raw_front *f)
{
    const uint16_t type = WEIR_NETIF_CTRL_ADD_GREF_MAPPING;
    struct weir_port *guest = f->w->guest[0].port;
    struct weir_netif_gref *list = (void *)(f->page + 23 * 4096);
    weir_store_release32(&slow_map.on, 1);
    for (int i = 0; i < 16; i++)
        list[i] = (struct weir_netif_gref){.ref = f->ref[i]};
    struct weir_netif_ctrl_request req = {
        .id = 5, .type = type, .data = {0, f->ref[23], 16}};
    weir_netif_ctrl_front_put(&f->ctrl, &req);
    weir_netif_ctrl_front_push(&f->ctrl);
    guest->ops->evtchn_notify(guest, f->ctrl_evtchn);
    for (int i = 0; i < 2000 && !weir_load_acquire32(&slow_map.slow); i++)
        usleep(1000);
    assert_int_equal(weir_load_acquire32(&slow_map.slow), 1);
}

static void end_list(struct raw_front *f)
{
    struct weir_netif_ctrl_response rsp = {0};
    weir_store_release32(&slow_map.go, 1);
    for (int i = 0; i < 2000 && !weir_netif_ctrl_front_get(&f->ctrl, &rsp); i++)
        usleep(1000);
    assert_int_equal(rsp.id, 5);
    assert_int_equal(rsp.status, 0);
}

/* A frame and its event come while the backend is awake: it sees the frame,
 * and the event does not end its next sleep. */
static void test_old_event_wakes_nobody(void **state)
{
    struct net_world *w = net_world_new();
    struct weir_netif_tx_response rsp;
    struct raw_front f;
    (void)state;
    slow_down(w);
    net_world_vif(w, 0, NULL);
    raw_front_open(&f, w, 0);
    raw_front_connect(&f, 4);
    usleep(50000); /* what setting up raised is heard */
    start_list(&f);
    uint64_t before = net_world_stat(w, 0, WEIR_STAT_VIF_SPURIOUS);
    union weir_netif_tx_slot s = {.req = {.gref = f.ref[20], .size = 60}};
    weir_netif_tx_front_put(&f.tx, &s);
    raw_front_push(&f);
    end_list(&f);
    assert_true(raw_front_answer(&f, &rsp));
    usleep(50000);
    assert_int_equal(net_world_stat(w, 0, WEIR_STAT_VIF_SPURIOUS), before);
    raw_front_close(&f);
    assert_int_equal(net_world_free(w), 0);
}

/* While a guest's long list is mapped its neighbours' frames to everybody pass:
 * their threads do not wait for it. */
static void test_pool_stops_nobody(void **state)
{
    const struct weir_resource res = {.vif = {.sink = WEIR_VIF_SWITCH},
                                      .label = "lan"};
    struct net_world *w = net_world_new();
    struct raw_front f;
    (void)state;
    slow_down(w);
    net_world_vif(w, 0, &res);
    net_world_vif(w, 1, &res);
    struct weir_netfront *b = net_world_connect(w, 1, NULL);
    raw_front_open(&f, w, 0);
    raw_front_connect(&f, 4);
    start_list(&f);
    struct weir_netfront_vec v = {buf, 60};
    net_fill(buf, 60, 1);
    memset(buf, 0xff, 6);
    assert_int_equal(weir_netfront_send(b, 0, &v, 1, NULL), 0);
    weir_netfront_flush(b, 0);
    unsigned room = weir_netif_tx_front_free(&b->queue[0].tx);
    for (int i = 0;
         i < 2000 && weir_netif_tx_front_free(&b->queue[0].tx) == room; i++) {
        usleep(1000);
        weir_netfront_room(b, 0);
    }
    assert_int_equal(weir_netif_tx_front_free(&b->queue[0].tx), room + 1);
    end_list(&f);
    raw_front_close(&f);
    assert_int_equal(net_world_free(w), 0);
}

static uint64_t cpu_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

/* A tap that somebody deletes is readable for ever and gives nothing. */
static void test_tap_vanishes(void **state)
{
    struct net_world *w = net_world_new();
    struct weir_netfront_vec v = {buf, 60};
    (void)state;
    struct net_guest *g = net_world_vif(w, 0, NULL);
    struct weir_netfront *nf = net_world_connect(w, 0, NULL);
    signal(SIGPIPE, SIG_IGN); /* of the socket in its place */
    close(g->tap);
    g->tap = -1;
    usleep(20000);
    uint64_t before = cpu_ns();
    usleep(300000);
    assert_true(cpu_ns() - before < 100000000);
    net_fill(buf, 60, 1);
    assert_int_equal(weir_netfront_send(nf, 0, &v, 1, NULL), 0);
    weir_netfront_flush(nf, 0);
    assert_int_equal(net_stat_becomes(w, WEIR_STAT_TX_DROPPED, 1), 1);
    assert_int_equal(net_world_free(w), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_waits_for_the_rest),
        cmocka_unit_test(test_old_event_wakes_nobody),
        cmocka_unit_test(test_pool_stops_nobody),
        cmocka_unit_test(test_tap_vanishes),
        cmocka_unit_test(test_few_spurious),
        cmocka_unit_test(test_few_spurious_full),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
