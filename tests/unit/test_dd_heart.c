/* SPDX-License-Identifier: MIT
 *
 * Which driver domains are taken to hang, and which are not.
 */
#include "tests/unit/dd_revival_rig.h"
#include "tests/unit/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void seconds(unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        rig.now += SECOND;
        weir_heart_timer(&rig.devd, rig.now);
    }
}

static void a_hang_is_seen_after_its_time(void **state)
{
    (void)state;
    seconds(1);
    told_expect("ping ");
    weir_heart_pong(&rig.disk);
    seconds(6); /* one that asks, five without rig.answer */
    told_expect("ping ping ping ping ping kill ");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RESTARTING);
    assert_string_equal(rig.disk.reason, "it hung: no answer for 5 s");
    assert_int_equal(rig.now - rig.disk.revival.down_ns, 5 * SECOND);
    seconds(10);
    told_expect("");
}

static void late_answers_are_answers(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 20; i++) {
        seconds(4);
        weir_heart_pong(&rig.disk);
    }
    assert_false(told_has("kill"));
}

/* Stopped and continued: it has not listened itself. */
static void a_manager_that_was_held_up_counts_nothing(void **state)
{
    (void)state;
    seconds(2);
    for (unsigned i = 0; i < 20; i++) {
        rig.now += 30 * SECOND;
        weir_heart_timer(&rig.devd, rig.now);
    }
    assert_false(told_has("kill"));
}

static void what_was_not_read_yet_may_be_the_answer(void **state)
{
    (void)state;
    seconds(2);
    assert_int_equal(write(rig.channel[1], "x", 1), 1);
    seconds(20);
    assert_false(told_has("kill"));
}

/* A program that is dying closes it; one that lives is lost to its guests. */
static void a_closed_channel_is_no_answer(void **state)
{
    (void)state;
    rig.disk.res_src.fd = -1;
    seconds(5);
    assert_false(told_has("kill"));
    seconds(1);
    assert_true(told_has("kill"));
    assert_string_equal(rig.disk.reason, "it hung: no answer for 5 s");
}

static void a_paused_one_does_not_hang(void **state)
{
    (void)state;
    rig.disk.paused = true;
    seconds(20);
    told_expect("");
    rig.disk.paused = false;
    seconds(3);
    told_forget();
    rig.hv_state = WEIR_DOM_PAUSED; /* the news has not come */
    seconds(20);
    assert_false(told_has("kill"));
}

static void a_hang_ends_where_nothing_restarts(void **state)
{
    (void)state;
    rig.disk.cfg.on_crash = WEIR_ACTION_DESTROY;
    rig.disk.cfg.heartbeat = 1;
    seconds(2);
    told_expect("ping kill ");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING); /* its death comes */
    seconds(5);
    told_expect("");
}

static void nobody_else_is_asked(void **state)
{
    (void)state;
    rig.disk.cfg.heartbeat = 0;
    rig.web.cfg.heartbeat = 1;
    rig.web.res_src.fd = rig.channel[0];
    seconds(5);
    told_expect("");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(a_hang_is_seen_after_its_time),
        T(late_answers_are_answers),
        T(a_manager_that_was_held_up_counts_nothing),
        T(what_was_not_read_yet_may_be_the_answer),
        T(a_closed_channel_is_no_answer),
        T(a_paused_one_does_not_hang),
        T(a_hang_ends_where_nothing_restarts),
        T(nobody_else_is_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
