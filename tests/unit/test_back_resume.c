/* SPDX-License-Identifier: MIT
 *
 * A backend program that is started in place of one that died: each state a
 * device can be found in, and what is left of devices that do not come back.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/common/backend.h"
#include "backends/common/domain_main.h"
#include "backends/common/kept.h"
#include "backends/common/qthread.h"
#include "backends/common/resource.h"
#include "backends/common/stats.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

#define FPATH "/local/domain/5/device/vbd/51712"
#define BPATH "/local/domain/2/backend/vbd/5/51712"
#define KEY   weir_kept_key(WEIR_RES_VBD, 5, 51712, 7)

static struct {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *port;
    struct weir_xs xs, watcher;
    struct weir_stats_page stats;
    struct weir_backend *be;
    int channel;
    int resume_result;
    bool breaks; /* the registry, when the device is taken over */
    unsigned opens, connects, resumes, disconnects, closes;
} t;

static void set(const char *path, const char *value, domid_t owner, int reader)
{
    assert_int_equal(weir_fake_store_set(t.store, path, value), 0);
    assert_int_equal(weir_fake_store_own(t.store, path, owner, reader), 0);
}

static void expect(const char *path, const char *want)
{
    char got[160] = "";

    weir_fake_store_get(t.store, path, got, sizeof(got));
    assert_string_equal(got, want);
}

static int setup(void **state)
{
    (void)state;
    memset(&t, 0, sizeof(t));
    t.machine = weir_fake_machine_new(256);
    assert_non_null(t.machine);
    weir_fake_domain_add(t.machine, 5, 0);
    t.port = weir_fake_domain_add(t.machine, 2, 0);
    assert_int_equal(weir_fake_store_new(&t.store), 0);
    set("/local/domain/2/backend", "", 2, -1);
    set("/local/domain/2/backend/vbd", "", 2, -1);
    set("/local/domain/2/backend/vbd/5", "", 2, 5);
    set(FPATH, "", 5, 2);
    set(FPATH "/state", "1", 5, 2);
    set(BPATH, "", 2, 5);
    set(BPATH "/frontend", FPATH, 2, 5);
    set(BPATH "/frontend-id", "5", 2, 5);
    set(BPATH "/state", "1", 2, 5);
    weir_stats_take_over(&t.stats, 1);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    weir_fake_store_free(t.store);
    assert_int_equal(weir_fake_machine_free(t.machine), 0);
    return 0;
}

static int back_open(struct weir_back_dev *dev)
{
    (void)dev;
    t.opens++;
    return 0;
}

static int back_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    (void)dev;
    (void)tx;
    return 0;
}

static int back_connect(struct weir_back_dev *dev)
{
    t.connects += !dev->resume;
    t.resumes += dev->resume;
    if (t.breaks)
        t.xs.broken = -ENOTCONN;
    return dev->resume ? t.resume_result : 0;
}

static void back_disconnect(struct weir_back_dev *dev)
{
    (void)dev;
    t.disconnects++;
}

static void back_close(struct weir_back_dev *dev)
{
    (void)dev;
    t.closes++;
}

static const struct weir_back_class back_class = {
    .name = "vbd",
    .resource_class = WEIR_RES_VBD,
    .dev_size = sizeof(struct weir_back_dev),
    .open = back_open,
    .publish = back_publish,
    .connect = back_connect,
    .disconnect = back_disconnect,
    .close = back_close,
};
static const struct weir_back_class *const classes[] = {&back_class};

static void step(void)
{
    assert_int_equal(weir_backend_step(t.be, 0), 0);
    assert_int_equal(weir_backend_step(t.be, 0), 0);
}

static void send_op(enum weir_res_op op, uint32_t seq)
{
    struct weir_resource r = {.op = op, .frontend = 5, .seq = seq};

    if (op != WEIR_RES_RESUMED && op != WEIR_RES_PING) {
        r.cls = WEIR_RES_VBD;
        r.devid = 51712;
    }
    assert_int_equal(weir_resource_send(t.channel, &r, NULL), 0);
    step();
}

/* The next answer but READY. */
static void expect_answer(uint32_t type, uint32_t seq)
{
    struct weir_resource_event ev;

    do
        assert_int_equal(weir_resource_wait(t.channel, &ev, 0), 0);
    while (ev.type == WEIR_RES_EV_READY);
    assert_int_equal(ev.type, type);
    assert_int_equal(ev.seq, seq);
}

static void expect_no_answer(void)
{
    struct weir_resource_event ev;

    assert_int_equal(weir_resource_wait(t.channel, &ev, 0), -ETIMEDOUT);
}

static void start(void)
{
    struct weir_backend_config cfg = {.port = t.port,
                                      .xs = &t.xs,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .stats = &t.stats};
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    t.channel = sv[0];
    cfg.resource_fd = sv[1];
    assert_int_equal(weir_fake_store_connect(t.store, &t.xs, 2), 0);
    assert_int_equal(weir_backend_new(&cfg, &t.be), 0);
    step();
}

static void stop(void)
{
    int fd = weir_backend_cfg(t.be)->resource_fd;

    weir_backend_free(t.be);
    weir_fake_store_disconnect(t.store, &t.xs);
    close(fd);
    close(t.channel);
}

/* The predecessor left these states; everything up to RESUMED. */
static void resume(const char *own, const char *peer)
{
    set(BPATH "/state", own, 2, 5);
    set(FPATH "/state", peer, 5, 2);
    start();
    assert_int_equal(t.opens, 0);
    send_op(WEIR_RES_RESUME, 40);
}

/* How often the frontend hears of the backend's state. */
static unsigned heard(void)
{
    struct weir_xs_event ev;
    unsigned n = 0;

    while (weir_xs_next_event(&t.watcher, &ev) == 1)
        n++;
    return n;
}

static void test_connected_device_goes_on_unseen(void **state)
{
    (void)state;
    set(BPATH "/state", "4", 2, 5);
    assert_int_equal(weir_fake_store_connect(t.store, &t.watcher, 5), 0);
    assert_int_equal(weir_xs_watch(&t.watcher, BPATH, "w"), 0);
    assert_int_equal(heard(), 1); /* of the watch itself */
    resume("4", "4");
    heard(); /* of what this test wrote */
    assert_int_equal(t.resumes, 1);
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    send_op(WEIR_RES_RESUMED, 41);
    step();
    assert_int_equal(heard(), 0);
    assert_int_equal(t.connects, 0);
    assert_int_equal(t.disconnects, 0);
    expect(BPATH "/state", "4");
    expect_no_answer();
    weir_fake_store_disconnect(t.store, &t.watcher);
    stop();
    assert_int_equal(t.disconnects, 1);
    assert_int_equal(t.closes, 1);
}

static void test_device_that_cannot_go_on_closes_with_its_reason(void **state)
{
    (void)state;
    t.resume_result = -EPROTO;
    resume("4", "4");
    expect(BPATH "/state", "5");
    expect(BPATH "/error", strerror(EPROTO));
    expect_answer(WEIR_RES_EV_ERROR, 40);
    expect_no_answer();
    set(FPATH "/state", "6", 5, 2);
    step();
    expect(BPATH "/state", "6");
    set(FPATH "/state", "1", 5, 2); /* it may come again */
    step();
    set(FPATH "/state", "3", 5, 2);
    step();
    expect(BPATH "/state", "4");
    assert_int_equal(t.connects, 1);
    stop();
}

/* It never saw Connected, so nothing of it is in flight. */
static void test_frontend_that_waits_is_connected_afresh_if_need_be(void **s)
{
    (void)s;
    t.resume_result = -ENOENT;
    resume("4", "3");
    expect(BPATH "/state", "4");
    assert_int_equal(t.resumes, 1);
    assert_int_equal(t.connects, 1);
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    stop();
}

static void test_frontend_that_waits_is_resumed(void **state)
{
    (void)state;
    resume("4", "3");
    assert_int_equal(t.resumes, 1);
    assert_int_equal(t.connects, 0);
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    stop();
}

static void test_frontend_that_moved_on_is_followed(void **state)
{
    static const struct {
        const char *own, *peer, *then;
        unsigned connects;
    } c[] = {
        {"4", "5", "5", 0}, /* it closes */
        {"4", "6", "6", 0}, /* it closed */
        {"4", "1", "2", 0}, /* it was started again */
        {"4", "0", "6", 0}, /* its directory is gone */
        {"2", "3", "4", 1}, /* it published its rings */
        {"2", "4", "4", 1}, /* and went straight to Connected */
        {"2", "1", "2", 0}, {"5", "6", "6", 0}, {"6", "6", "6", 0},
        {"6", "1", "2", 0}, {"1", "1", "2", 0}, {"1", "3", "4", 1},
        {"9", "1", "2", 0},
    };

    for (unsigned i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
        if (i > 0)
            assert_int_equal(setup(state), 0);
        resume(c[i].own, c[i].peer);
        expect(BPATH "/state", c[i].then);
        assert_int_equal(t.resumes, 0);
        assert_int_equal(t.connects, c[i].connects);
        expect_answer(WEIR_RES_EV_RESUMED, 40);
        expect_no_answer();
        stop();
        if (i + 1 < sizeof(c) / sizeof(c[0]))
            assert_int_equal(teardown(state), 0);
    }
}

/* What was connected before the predecessor died is nothing to go on with when
 * that never came to InitWait. */
static void test_device_the_predecessor_had_not_begun_is_new(void **state)
{
    (void)state;
    resume("1", "4");
    expect(BPATH "/state", "2");
    assert_int_equal(t.connects + t.resumes, 0);
    stop();
}

/* Its rings were another device's: what lies in them are no requests of this
 * one, whoever waits for new ones. */
static void test_rings_of_a_stale_frontend_stay_untouched(void **state)
{
    (void)state;
    set(FPATH "/state", "4", 5, 2);
    start();
    send_op(WEIR_RES_ATTACH, 39);
    expect(BPATH "/state", "2");
    for (unsigned i = 0; i < 2; i++) { /* its program dies, twice */
        stop();
        start();
        send_op(WEIR_RES_RESUME, 40);
        expect_answer(WEIR_RES_EV_RESUMED, 40);
        expect(BPATH "/state", "2");
        assert_int_equal(t.connects + t.resumes, 0);
    }
    set(FPATH "/state", "1", 5, 2); /* it starts over */
    step();
    stop();
    start();
    set(FPATH "/state", "4", 5, 2);
    send_op(WEIR_RES_RESUME, 40);
    expect(BPATH "/state", "4");
    assert_int_equal(t.connects, 1);
    stop();
}

static void test_directory_that_is_gone_stays_gone(void **state)
{
    (void)state;
    assert_int_equal(weir_fake_store_rm(t.store, BPATH), 0);
    start();
    send_op(WEIR_RES_RESUME, 40);
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    expect(BPATH "/state", "");
    send_op(WEIR_RES_DETACH, 42);
    expect_answer(WEIR_RES_EV_DETACHED, 42);
    stop();
}

static void test_detach_that_was_under_way_ends(void **state)
{
    (void)state;
    resume("5", "4");
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    send_op(WEIR_RES_DETACH, 42);
    expect(BPATH "/state", "5");
    set(FPATH "/state", "6", 5, 2);
    step();
    expect(BPATH "/state", "6");
    expect_answer(WEIR_RES_EV_DETACHED, 42);
    stop();
}

/* Its frontend may have much to do before it closes, and is served. */
static void test_closing_device_goes_on_if_it_was_connected(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0) {
            assert_int_equal(teardown(state), 0);
            assert_int_equal(setup(state), 0);
            t.resume_result = -ENOENT; /* it failed, or closed before */
        }
        resume("5", "4");
        assert_int_equal(t.resumes, 1);
        assert_int_equal(t.connects, 0);
        assert_int_equal(t.disconnects, i);
        expect(BPATH "/state", "5");
        expect(BPATH "/error", "");
        expect_answer(WEIR_RES_EV_RESUMED, 40);
        expect_no_answer();
        stop();
    }
}

static void test_second_resume_of_a_device_is_refused(void **state)
{
    (void)state;
    resume("4", "4");
    expect_answer(WEIR_RES_EV_RESUMED, 40);
    send_op(WEIR_RES_RESUME, 43);
    expect_answer(WEIR_RES_EV_ERROR, 43);
    assert_int_equal(t.resumes, 1);
    stop();
}

static void test_heartbeat_is_answered_with_its_number(void **state)
{
    (void)state;
    start();
    send_op(WEIR_RES_PING, 77);
    expect_answer(WEIR_RES_EV_PONG, 77);
    stop();
}

static void test_counters_go_on_and_those_of_lost_devices_end(void **state)
{
    struct weir_dev_stats *mine, *lost;

    (void)state;
    lost = weir_stats_claim(&t.stats, WEIR_RES_VBD, 9, 1);
    mine = weir_stats_claim(&t.stats, WEIR_RES_VBD, 5, 51712);
    mine->word[WEIR_STAT_RD_REQ] = 100;
    mine->word[WEIR_STAT_PERSISTENT] = 11;
    mine->word[WEIR_STAT_VBD_INFLIGHT] = 3;
    weir_stats_take_over(&t.stats, 99);
    assert_int_equal(t.stats.started_ns, 1);
    resume("4", "4");
    assert_int_equal(mine->word[WEIR_STAT_RD_REQ], 100);
    assert_int_equal(mine->word[WEIR_STAT_PERSISTENT], 0);
    assert_int_equal(mine->word[WEIR_STAT_VBD_INFLIGHT], 0);
    assert_int_equal(mine->state, WEIR_XENBUS_CONNECTED);
    assert_int_equal(lost->cls, WEIR_RES_VBD);
    send_op(WEIR_RES_RESUMED, 41);
    assert_int_equal(lost->cls, 0);
    assert_int_equal(mine->word[WEIR_STAT_RD_REQ], 100);
    stop();
    t.stats.magic++;
    t.stats.dev[3].cls = 1;
    weir_stats_take_over(&t.stats, 99);
    assert_int_equal(t.stats.started_ns, 99);
    assert_int_equal(t.stats.dev[3].cls, 0);
}

/* A predecessor's key may be of another size, and it may have used up all there
 * is: that ends with RESUMED at the latest. */
static void test_statistics_are_not_worth_a_domain(void **state)
{
    struct weir_stats_page *page;
    bool shown, found;
    void *p;

    (void)state;
    page = weir_stats_open(t.port, &shown);
    assert_true(shown);
    page->started_ns = 77;
    weir_fake_domain_revive(t.port);
    page = weir_stats_open(t.port, &shown);
    assert_true(shown);
    assert_int_equal(page->started_ns, 77);
    t.port->ops->free_pages(t.port, page, 1);
    assert_int_equal(t.port->ops->keep(t.port, WEIR_KEPT_STATS, 2, &p, &found),
                     0);
    weir_fake_domain_revive(t.port);
    page = weir_stats_open(t.port, &shown);
    assert_false(shown);
    weir_stats_take_over(page, 5);
    assert_int_equal(page->started_ns, 5);
    start();
    send_op(WEIR_RES_RESUMED, 1);
    stop();
    assert_ptr_not_equal(weir_stats_open(t.port, &shown), page);
    assert_true(shown);
    weir_fake_fail(t.port, WEIR_FAKE_KEEP, 0, 1, ENOMEM);
    assert_ptr_equal(weir_stats_open(t.port, &shown), page);
    assert_false(shown);
    weir_fake_domain_revive(t.port);
    start();
    send_op(WEIR_RES_RESUMED, 1);
    stop();
}

static void test_kept_pages_are_found_once_and_else_forgotten(void **state)
{
    uint8_t *p, *again;

    (void)state;
    assert_int_equal(weir_kept_find(t.port, KEY, 2, (void **)&p), -ENOENT);
    assert_int_equal(weir_fake_pages(t.port), 0);
    assert_int_equal(weir_kept_make(t.port, KEY, 2, (void **)&p), 0);
    memset(p, 0x5a, 2 * WEIR_PAGE_SIZE);
    weir_fake_domain_revive(t.port);
    assert_int_equal(weir_kept_find(t.port, KEY, 1, (void **)&again), -ENOENT);
    assert_int_equal(weir_kept_find(t.port, KEY, 2, (void **)&again), 0);
    assert_int_equal(again[2 * WEIR_PAGE_SIZE - 1], 0x5a);
    weir_fake_domain_revive(t.port);
    assert_int_equal(weir_kept_make(t.port, KEY, 2, (void **)&again), 0);
    assert_int_equal(again[0] | again[2 * WEIR_PAGE_SIZE - 1], 0);
    weir_fake_domain_revive(t.port);
    assert_int_equal(weir_fake_pages(t.port), 2);
    start();
    send_op(WEIR_RES_RESUMED, 1);
    assert_int_equal(weir_fake_pages(t.port), 0);
    stop();
}

/* A program that ends because it cannot go on is like one that was killed: its
 * successor finds what it kept. */
static void test_without_a_registry_it_leaves_all_to_a_successor(void **state)
{
    static const struct weir_backend_program prog = {.name = "test"};
    struct weir_resource r = {.op = WEIR_RES_RESUME,
                              .cls = WEIR_RES_VBD,
                              .frontend = 5,
                              .devid = 51712};
    struct weir_backend_config cfg = {.port = t.port,
                                      .xs = &t.xs,
                                      .classes = classes,
                                      .nclasses = 1,
                                      .stats = &t.stats};
    int sv[2];

    (void)state;
    set(BPATH "/state", "4", 2, 5);
    set(FPATH "/state", "4", 5, 2);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    t.channel = sv[0];
    cfg.resource_fd = sv[1];
    assert_int_equal(weir_qpool_new(1, NULL, NULL, &cfg.pool), 0);
    assert_int_equal(weir_fake_store_connect(t.store, &t.xs, 2), 0);
    assert_int_equal(weir_resource_send(t.channel, &r, NULL), 0);
    t.breaks = true;
    assert_int_equal(weir_backend_serve(&prog, &cfg), 1);
    assert_int_equal(t.resumes, 1);
    assert_int_equal(t.disconnects, 0);
    expect_answer(WEIR_RES_EV_RESUMED, 0);
    expect_no_answer();
    weir_fake_store_disconnect(t.store, &t.xs);
    weir_qpool_free(cfg.pool);
    close(sv[0]);
    close(sv[1]);
}

static void test_head_of_another_build_is_not_taken(void **state)
{
    struct weir_kept_head h = {0};

    (void)state;
    weir_kept_head_set(&h, 0x1234, 2, 64);
    assert_false(weir_kept_head_ok(&h, 0x1234, 2, 64)); /* not filled */
    weir_kept_ready(&h);
    assert_true(weir_kept_head_ok(&h, 0x1234, 2, 64));
    assert_false(weir_kept_head_ok(&h, 0x1235, 2, 64));
    assert_false(weir_kept_head_ok(&h, 0x1234, 1, 64));
    assert_false(weir_kept_head_ok(&h, 0x1234, 2, 72));
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_connected_device_goes_on_unseen),
        T(test_device_that_cannot_go_on_closes_with_its_reason),
        T(test_frontend_that_waits_is_connected_afresh_if_need_be),
        T(test_frontend_that_waits_is_resumed),
        T(test_frontend_that_moved_on_is_followed),
        T(test_device_the_predecessor_had_not_begun_is_new),
        T(test_rings_of_a_stale_frontend_stay_untouched),
        T(test_directory_that_is_gone_stays_gone),
        T(test_detach_that_was_under_way_ends),
        T(test_closing_device_goes_on_if_it_was_connected),
        T(test_second_resume_of_a_device_is_refused),
        T(test_heartbeat_is_answered_with_its_number),
        T(test_counters_go_on_and_those_of_lost_devices_end),
        T(test_statistics_are_not_worth_a_domain),
        T(test_kept_pages_are_found_once_and_else_forgotten),
        T(test_without_a_registry_it_leaves_all_to_a_successor),
        T(test_head_of_another_build_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
