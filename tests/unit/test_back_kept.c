/* SPDX-License-Identifier: MIT
 *
 * What a backend program leaves to its successor, and what becomes of what
 * nobody takes over.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "backends/common/domain_main.h"
#include "backends/common/kept.h"
#include "backends/common/qthread.h"
#include "backends/common/resource.h"
#include "backends/common/stats.h"
#include "tests/unit/back_rig.h"

static void test_counters_go_on_and_those_of_lost_devices_end(void **state)
{
    struct weir_dev_stats *mine, *lost;

    (void)state;
    lost = weir_stats_claim(&back_rig.stats, WEIR_RES_VBD, 9, 1);
    mine = weir_stats_claim(&back_rig.stats, WEIR_RES_VBD, 5, 51712);
    mine->word[WEIR_STAT_RD_REQ] = 100;
    mine->word[WEIR_STAT_PERSISTENT] = 11;
    mine->word[WEIR_STAT_VBD_INFLIGHT] = 3;
    weir_stats_take_over(&back_rig.stats, 99);
    assert_int_equal(back_rig.stats.started_ns, 1);
    back_resume("4", "4");
    assert_int_equal(mine->word[WEIR_STAT_RD_REQ], 100);
    assert_int_equal(mine->word[WEIR_STAT_PERSISTENT], 0);
    assert_int_equal(mine->word[WEIR_STAT_VBD_INFLIGHT], 0);
    assert_int_equal(mine->state, WEIR_XENBUS_CONNECTED);
    assert_int_equal(lost->cls, WEIR_RES_VBD);
    back_send_op(WEIR_RES_RESUMED, 41);
    assert_int_equal(lost->cls, 0);
    assert_int_equal(mine->word[WEIR_STAT_RD_REQ], 100);
    back_stop();
    back_rig.stats.magic++;
    back_rig.stats.dev[3].cls = 1;
    weir_stats_take_over(&back_rig.stats, 99);
    assert_int_equal(back_rig.stats.started_ns, 99);
    assert_int_equal(back_rig.stats.dev[3].cls, 0);
}

/* A predecessor's key may be of another size, and it may have used up all there
 * is: that ends with RESUMED at the latest. */
static void test_statistics_are_not_worth_a_domain(void **state)
{
    struct weir_stats_page *page;
    bool shown, found;
    void *p;

    (void)state;
    page = weir_stats_open(back_rig.port, &shown);
    assert_true(shown);
    page->started_ns = 77;
    weir_fake_domain_revive(back_rig.port);
    page = weir_stats_open(back_rig.port, &shown);
    assert_true(shown);
    assert_int_equal(page->started_ns, 77);
    back_rig.port->ops->free_pages(back_rig.port, page, 1);
    assert_int_equal(
        back_rig.port->ops->keep(back_rig.port, WEIR_KEPT_STATS, 2, &p, &found),
        0);
    weir_fake_domain_revive(back_rig.port);
    page = weir_stats_open(back_rig.port, &shown);
    assert_false(shown);
    weir_stats_take_over(page, 5);
    assert_int_equal(page->started_ns, 5);
    back_start();
    back_send_op(WEIR_RES_RESUMED, 1);
    back_stop();
    assert_ptr_not_equal(weir_stats_open(back_rig.port, &shown), page);
    assert_true(shown);
    weir_fake_fail(back_rig.port, WEIR_FAKE_KEEP, 0, 1, ENOMEM);
    assert_ptr_equal(weir_stats_open(back_rig.port, &shown), page);
    assert_false(shown);
    weir_fake_domain_revive(back_rig.port);
    back_start();
    back_send_op(WEIR_RES_RESUMED, 1);
    back_stop();
}

static void test_kept_pages_are_found_once_and_else_forgotten(void **state)
{
    uint8_t *p, *again;

    (void)state;
    assert_int_equal(weir_kept_find(back_rig.port, BACK_KEY, 2, (void **)&p),
                     -ENOENT);
    assert_int_equal(weir_fake_pages(back_rig.port), 0);
    assert_int_equal(weir_kept_make(back_rig.port, BACK_KEY, 2, (void **)&p),
                     0);
    memset(p, 0x5a, 2 * WEIR_PAGE_SIZE);
    weir_fake_domain_revive(back_rig.port);
    assert_int_equal(
        weir_kept_find(back_rig.port, BACK_KEY, 1, (void **)&again), -ENOENT);
    assert_int_equal(
        weir_kept_find(back_rig.port, BACK_KEY, 2, (void **)&again), 0);
    assert_int_equal(again[2 * WEIR_PAGE_SIZE - 1], 0x5a);
    weir_fake_domain_revive(back_rig.port);
    assert_int_equal(
        weir_kept_make(back_rig.port, BACK_KEY, 2, (void **)&again), 0);
    assert_int_equal(again[0] | again[2 * WEIR_PAGE_SIZE - 1], 0);
    weir_fake_domain_revive(back_rig.port);
    assert_int_equal(weir_fake_pages(back_rig.port), 2);
    back_start();
    back_send_op(WEIR_RES_RESUMED, 1);
    assert_int_equal(weir_fake_pages(back_rig.port), 0);
    back_stop();
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
    struct weir_backend_config cfg = {.port = back_rig.port,
                                      .xs = &back_rig.xs,
                                      .classes = back_classes,
                                      .nclasses = 1,
                                      .stats = &back_rig.stats};
    int sv[2];

    (void)state;
    back_set(BPATH "/state", "4", 2, 5);
    back_set(FPATH "/state", "4", 5, 2);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sv), 0);
    back_rig.channel = sv[0];
    cfg.resource_fd = sv[1];
    assert_int_equal(weir_qpool_new(1, NULL, NULL, &cfg.pool), 0);
    assert_int_equal(weir_fake_store_connect(back_rig.store, &back_rig.xs, 2),
                     0);
    assert_int_equal(weir_resource_send(back_rig.channel, &r, NULL), 0);
    back_rig.breaks = true;
    assert_int_equal(weir_backend_serve(&prog, &cfg), 1);
    assert_int_equal(back_rig.resumes, 1);
    assert_int_equal(back_rig.disconnects, 0);
    back_expect_answer(WEIR_RES_EV_RESUMED, 0);
    back_expect_no_answer();
    weir_fake_store_disconnect(back_rig.store, &back_rig.xs);
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
#define T(fn) cmocka_unit_test_setup_teardown(fn, back_setup, back_teardown)
    const struct CMUnitTest tests[] = {
        T(test_counters_go_on_and_those_of_lost_devices_end),
        T(test_statistics_are_not_worth_a_domain),
        T(test_kept_pages_are_found_once_and_else_forgotten),
        T(test_without_a_registry_it_leaves_all_to_a_successor),
        T(test_head_of_another_build_is_not_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
