/* SPDX-License-Identifier: MIT
 *
 * A backend program that is started in place of one that died: each state a
 * device can be found in.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "tests/unit/back_rig.h"

/* How often the frontend hears of the backend's state. */
static unsigned heard(void)
{
    struct weir_xs_event ev;
    unsigned n = 0;

    while (weir_xs_next_event(&back_rig.watcher, &ev) == 1)
        n++;
    return n;
}

static void test_connected_device_goes_on_unseen(void **state)
{
    (void)state;
    back_set(BPATH "/state", "4", 2, 5);
    assert_int_equal(
        weir_fake_store_connect(back_rig.store, &back_rig.watcher, 5), 0);
    assert_int_equal(weir_xs_watch(&back_rig.watcher, BPATH, "w"), 0);
    assert_int_equal(heard(), 1); /* of the watch itself */
    back_resume("4", "4");
    heard(); /* of what this test wrote */
    assert_int_equal(back_rig.resumes, 1);
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_send_op(WEIR_RES_RESUMED, 41);
    back_step();
    assert_int_equal(heard(), 0);
    assert_int_equal(back_rig.connects, 0);
    assert_int_equal(back_rig.disconnects, 0);
    back_expect(BPATH "/state", "4");
    back_expect_no_answer();
    weir_fake_store_disconnect(back_rig.store, &back_rig.watcher);
    back_stop();
    assert_int_equal(back_rig.disconnects, 1);
    assert_int_equal(back_rig.closes, 1);
}

static void test_device_that_cannot_go_on_closes_with_its_reason(void **state)
{
    (void)state;
    back_rig.resume_result = -EPROTO;
    back_resume("4", "4");
    back_expect(BPATH "/state", "5");
    back_expect(BPATH "/error", strerror(EPROTO));
    back_expect_answer(WEIR_RES_EV_ERROR, 40);
    back_expect_no_answer();
    back_set(FPATH "/state", "6", 5, 2);
    back_step();
    back_expect(BPATH "/state", "6");
    back_set(FPATH "/state", "1", 5, 2); /* it may come again */
    back_step();
    back_set(FPATH "/state", "3", 5, 2);
    back_step();
    back_expect(BPATH "/state", "4");
    assert_int_equal(back_rig.connects, 1);
    back_stop();
}

/* It never saw Connected, so nothing of it is in flight. */
static void test_frontend_that_waits_is_connected_afresh_if_need_be(void **s)
{
    (void)s;
    back_rig.resume_result = -ENOENT;
    back_resume("4", "3");
    back_expect(BPATH "/state", "4");
    assert_int_equal(back_rig.resumes, 1);
    assert_int_equal(back_rig.connects, 1);
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_stop();
}

static void test_frontend_that_waits_is_resumed(void **state)
{
    (void)state;
    back_resume("4", "3");
    assert_int_equal(back_rig.resumes, 1);
    assert_int_equal(back_rig.connects, 0);
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_stop();
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
            assert_int_equal(back_setup(state), 0);
        back_resume(c[i].own, c[i].peer);
        back_expect(BPATH "/state", c[i].then);
        assert_int_equal(back_rig.resumes, 0);
        assert_int_equal(back_rig.connects, c[i].connects);
        back_expect_answer(WEIR_RES_EV_RESUMED, 40);
        back_expect_no_answer();
        back_stop();
        if (i + 1 < sizeof(c) / sizeof(c[0]))
            assert_int_equal(back_teardown(state), 0);
    }
}

/* What was connected before the predecessor died is nothing to go on with when
 * that never came to InitWait. */
static void test_device_the_predecessor_had_not_begun_is_new(void **state)
{
    (void)state;
    back_resume("1", "4");
    back_expect(BPATH "/state", "2");
    assert_int_equal(back_rig.connects + back_rig.resumes, 0);
    back_stop();
}

/* Its rings were another device's: what lies in them are no requests of this
 * one, whoever waits for new ones. */
static void test_rings_of_a_stale_frontend_stay_untouched(void **state)
{
    (void)state;
    back_set(FPATH "/state", "4", 5, 2);
    back_start();
    back_send_op(WEIR_RES_ATTACH, 39);
    back_expect(BPATH "/state", "2");
    for (unsigned i = 0; i < 2; i++) { /* its program dies, twice */
        back_stop();
        back_start();
        back_send_op(WEIR_RES_RESUME, 40);
        back_expect_answer(WEIR_RES_EV_RESUMED, 40);
        back_expect(BPATH "/state", "2");
        assert_int_equal(back_rig.connects + back_rig.resumes, 0);
    }
    back_set(FPATH "/state", "1", 5, 2); /* it starts over */
    back_step();
    back_stop();
    back_start();
    back_set(FPATH "/state", "4", 5, 2);
    back_send_op(WEIR_RES_RESUME, 40);
    back_expect(BPATH "/state", "4");
    assert_int_equal(back_rig.connects, 1);
    back_stop();
}

static void test_directory_that_is_gone_stays_gone(void **state)
{
    (void)state;
    assert_int_equal(weir_fake_store_rm(back_rig.store, BPATH), 0);
    back_start();
    back_send_op(WEIR_RES_RESUME, 40);
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_expect(BPATH "/state", "");
    back_send_op(WEIR_RES_DETACH, 42);
    back_expect_answer(WEIR_RES_EV_DETACHED, 42);
    back_stop();
}

static void test_detach_that_was_under_way_ends(void **state)
{
    (void)state;
    back_resume("5", "4");
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_send_op(WEIR_RES_DETACH, 42);
    back_expect(BPATH "/state", "5");
    back_set(FPATH "/state", "6", 5, 2);
    back_step();
    back_expect(BPATH "/state", "6");
    back_expect_answer(WEIR_RES_EV_DETACHED, 42);
    back_stop();
}

/* Another manager does not know whether the last one had sent it. */
static void test_detach_again_with_its_number_is_one(void **state)
{
    (void)state;
    back_resume("4", "4");
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_send_op(WEIR_RES_DETACH, 42);
    back_expect(BPATH "/state", "5");
    back_send_op(WEIR_RES_DETACH, 42);
    back_expect_no_answer(); /* its frontend has all its time */
    back_send_op(WEIR_RES_DETACH, 43);
    back_expect_answer(WEIR_RES_EV_DETACHED, 43);
    back_send_op(WEIR_RES_DETACH, 43); /* of what is gone */
    back_expect_answer(WEIR_RES_EV_DETACHED, 43);
    back_stop();
}

/* Its answer died with the manager, and the next one has looked at the
 * directory, which is there still. */
static void test_detach_of_what_is_released_is_answered(void **state)
{
    (void)state;
    back_resume("4", "4");
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_send_op(WEIR_RES_DETACH, 42);
    back_set(FPATH "/state", "6", 5, 2);
    back_step();
    back_expect_answer(WEIR_RES_EV_DETACHED, 42);
    back_set(BPATH "/online", "0", 2, 5);
    back_step();
    back_send_op(WEIR_RES_DETACH, 42);
    back_expect_answer(WEIR_RES_EV_DETACHED, 42);
    back_expect_no_answer();
    back_expect(BPATH "/state", "6");
    back_stop();
}

/* Its frontend may have much to do before it closes, and is served. */
static void test_closing_device_goes_on_if_it_was_connected(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        if (i > 0) {
            assert_int_equal(back_teardown(state), 0);
            assert_int_equal(back_setup(state), 0);
            back_rig.resume_result = -ENOENT; /* it failed, or closed before */
        }
        back_resume("5", "4");
        assert_int_equal(back_rig.resumes, 1);
        assert_int_equal(back_rig.connects, 0);
        assert_int_equal(back_rig.disconnects, i);
        back_expect(BPATH "/state", "5");
        back_expect(BPATH "/error", "");
        back_expect_answer(WEIR_RES_EV_RESUMED, 40);
        back_expect_no_answer();
        back_stop();
    }
}

static void test_second_resume_of_a_device_is_refused(void **state)
{
    (void)state;
    back_resume("4", "4");
    back_expect_answer(WEIR_RES_EV_RESUMED, 40);
    back_send_op(WEIR_RES_RESUME, 43);
    back_expect_answer(WEIR_RES_EV_ERROR, 43);
    assert_int_equal(back_rig.resumes, 1);
    back_stop();
}

static void test_heartbeat_is_answered_with_its_number(void **state)
{
    (void)state;
    back_start();
    back_send_op(WEIR_RES_PING, 77);
    back_expect_answer(WEIR_RES_EV_PONG, 77);
    back_stop();
}

int main(void)
{
#define T(fn) cmocka_unit_test_setup_teardown(fn, back_setup, back_teardown)
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
        T(test_detach_again_with_its_number_is_one),
        T(test_detach_of_what_is_released_is_answered),
        T(test_closing_device_goes_on_if_it_was_connected),
        T(test_second_resume_of_a_device_is_refused),
        T(test_heartbeat_is_answered_with_its_number),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
