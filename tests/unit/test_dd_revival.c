/* SPDX-License-Identifier: MIT
 *
 * A driver domain's way from one program to the next.
 */
#include "tests/unit/dd_revival_rig.h"
#include "tests/unit/told.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The process is gone, weir-hv knows. */
static void dies(const char *how)
{
    rig.hv_state = WEIR_DOM_CRASHED;
    rig.disk.exit_src.fd = -1;
    weir_revive_died(&rig.disk, how);
}

static void comes_up(void)
{
    rig.hv_state = WEIR_DOM_RUNNING;
    weir_resume_devices(&rig.disk);
}

static void serves_again_when_all_devices_do(void **state)
{
    (void)state;
    dies("killed");
    told_expect("revive introduce start ");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RESTARTING);
    rig.now += SECOND / 20;
    comes_up();
    told_expect("other:resume vbd:resume resumed ");
    weir_resume_answered(&rig.vbd, NULL);
    weir_resume_answered(&rig.vbd, NULL); /* twice counts once */
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RESTARTING);
    rig.now += SECOND / 20;
    weir_resume_answered(&rig.other, NULL);
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING);
    assert_int_equal(rig.disk.deadline_ns, 0);
    assert_int_equal(rig.disk.restarts, 1);
    assert_int_equal(rig.disk.revival.disks, 2);
    assert_int_equal(rig.disk.revival.last_us, 100000);
    assert_string_equal(rig.disk.revival.why, "killed");
    told_expect("");
}

static void nothing_begins_before_weir_hv_is_through(void **state)
{
    (void)state;
    rig.hv_state = WEIR_DOM_RUNNING;
    rig.disk.exit_src.fd = -1;
    weir_revive_died(&rig.disk, "killed");
    rig.now += 20 * SECOND;
    weir_revive_timer(&rig.disk, rig.now);
    told_expect("");
    rig.hv_state = WEIR_DOM_CRASHED;
    rig.disk.sealed = true; /* late news of the dead one's seal */
    weir_revive_go_on(&rig.disk);
    weir_revive_go_on(&rig.disk); /* a second event */
    told_expect("revive introduce start ");
    assert_false(rig.disk.sealed);
}

static void each_device_goes_on_where_it_was(void **state)
{
    (void)state;
    rig.vbd.phase = WEIR_DEV_CLOSING;
    rig.other.phase = WEIR_DEV_ATTACHING;
    dies("killed");
    told_forget();
    comes_up();
    told_expect("other:attach vbd:resume resumed vbd:detach ");
    weir_resume_answered(&rig.vbd, NULL);
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING); /* not for ATTACH */
}

static void what_was_being_released_is(void **state)
{
    (void)state;
    rig.vbd.phase = WEIR_DEV_RELEASING;
    dies("killed");
    told_expect("vbd:gone revive introduce start ");
    comes_up();
    told_expect("other:resume resumed ");
    /* The guest of the last one ends rig.now: nobody is left to wait for. */
    weir_dev_finish(&rig.other, NULL);
    weir_resume_check(&rig.disk);
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING);
}

static void what_cannot_be_resumed_goes(void **state)
{
    (void)state;
    dies("killed");
    comes_up();
    told_forget();
    rig.vbd.back_state = WEIR_XENBUS_CLOSED; /* in order: the guest knows */
    weir_resume_answered(&rig.vbd, "bad log");
    weir_resume_answered(&rig.other, "no such device");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING);
    told_expect("other:gone ");
    assert_ptr_equal(rig.devd.devs, &rig.vbd);
}

static void refusals_end_in_the_old_way(void **state)
{
    (void)state;
    rig.disk.cfg.restart_delay = 0;
    rig.revive_says = -EBUSY;
    dies("killed");
    told_expect("revive rebuild ");
    rig.revive_says = 0;
    rig.introduce_says = -ENOSPC;
    dies("killed");
    told_expect("revive introduce rebuild ");
}

static void a_program_that_takes_no_orders_is_killed(void **state)
{
    (void)state;
    dies("killed");
    told_expect("revive introduce start ");
    rig.send_says = -EAGAIN;
    comes_up();
    told_expect("other:resume kill ");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RESTARTING);
}

static void own_devices_are_not_lost_silently(void **state)
{
    (void)state;
    assert_true(weir_dom_can_revive(&rig.disk));
    rig.other.frontend = &rig.disk;
    assert_false(weir_dom_can_revive(&rig.disk));
    rig.other.frontend = &rig.web;
    rig.disk.cfg.on_crash = WEIR_ACTION_DESTROY;
    assert_false(weir_dom_can_revive(&rig.disk));
    rig.disk.cfg.on_crash = WEIR_ACTION_RESTART;
    assert_true(weir_dom_comes_back(&rig.disk));
    rig.disk.phase = WEIR_PHASE_KILLED; /* weir destroy, weir down */
    assert_false(weir_dom_comes_back(&rig.disk));
    rig.disk.phase = WEIR_PHASE_STARTING; /* its creator is told */
    assert_false(weir_dom_comes_back(&rig.disk));
    rig.disk.cfg.type = WEIR_TYPE_PVH;
    assert_false(weir_dom_can_revive(&rig.disk));
}

/* Deaths while it is restarting count, with back-off. */
static void a_loop_ends_at_the_limit(void **state)
{
    unsigned n = 0;

    (void)state;
    while (rig.disk.phase != WEIR_PHASE_CRASHED && n < 50) {
        dies("exited");
        n++;
        while (rig.disk.phase == WEIR_PHASE_RESTARTING &&
               rig.disk.exit_src.fd < 0) {
            rig.now = rig.disk.deadline_ns;
            weir_revive_timer(&rig.disk, rig.now);
        }
    }
    assert_int_equal(n, 11);
    assert_int_equal(rig.disk.restarts, 10);
    assert_in_range(rig.now, 1030 * SECOND, 1040 * SECOND);
    assert_non_null(strstr(rig.disk.reason,
                           "restart limit reached: 10 in 60 s; at "
                           "last exited; its guests' I/O waits"));
    assert_ptr_equal(rig.devd.devs, &rig.other); /* held */
    told_forget();
    assert_int_equal(
        weir_revive_ask(&rig.disk, (struct weir_waiter){7, 1}, rig.answer, 10),
        0);
    told_expect("revive introduce start ");
    comes_up();
    weir_resume_answered(&rig.vbd, NULL);
    weir_resume_answered(&rig.other, NULL);
    assert_int_equal(rig.answered, 0);
    assert_non_null(strstr(rig.answer, "serves again after 3"));
}

static void devices_go_at_the_limit_if_so_wanted(void **state)
{
    (void)state;
    rig.disk.cfg.restart_io = WEIR_RESTART_FAIL;
    rig.disk.cfg.restart_limit = 1;
    dies("exited");
    told_forget();
    dies("exited");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_CRASHED);
    told_expect("other:gone! vbd:gone! ");
}

/* Without delay and limit, a start that fails at once is no busy loop. */
static void a_start_that_is_refused_waits(void **state)
{
    (void)state;
    rig.disk.cfg.restart_limit = rig.disk.cfg.restart_delay = 0;
    rig.start_says = -ENOENT;
    dies("killed");
    for (unsigned i = 0; i < 20; i++) {
        rig.hv_state = WEIR_DOM_CRASHED;
        rig.now += SECOND / 1000;
        weir_revive_go_on(&rig.disk);
    }
    assert_int_equal(rig.disk.restarts, 2);
    assert_string_equal(rig.disk.revival.why, "no such program");
}

/* Also when weir-hv is through before the manager looks again. */
static void nor_is_one_whose_end_is_seen_at_once(void **state)
{
    (void)state;
    rig.disk.cfg.restart_limit = 30; /* else it would never end */
    rig.disk.cfg.restart_delay = 0;
    rig.start_says = -ENOENT;
    rig.hv_is_quick = true;
    dies("killed");
    told_expect("revive introduce start ");
    assert_int_equal(rig.disk.deadline_ns, rig.now + SECOND / 20);
}

/* What was asked for came; what follows is as ever. */
static void a_request_ends_with_the_outage(void **state)
{
    (void)state;
    dies("killed");
    rig.disk.cfg.on_crash = WEIR_ACTION_DESTROY;
    assert_int_equal(
        weir_revive_ask(&rig.disk, (struct weir_waiter){7, 1}, rig.answer, 10),
        0);
    comes_up();
    weir_resume_answered(&rig.vbd, NULL);
    weir_resume_answered(&rig.other, NULL);
    assert_int_equal(rig.answered, 0);
    assert_false(weir_dom_can_revive(&rig.disk));
}

static void the_last_end_is_that_of_the_last_program(void **state)
{
    (void)state;
    dies("killed");
    comes_up();
    weir_resume_answered(&rig.vbd, NULL);
    weir_resume_answered(&rig.other, NULL);
    /* on_crash="preserve" */
    rig.disk.phase = WEIR_PHASE_CRASHED;
    rig.disk.exit_src.fd = rig.disk.res_src.fd = -1;
    rig.hv_state = WEIR_DOM_CRASHED;
    snprintf(rig.disk.reason, sizeof(rig.disk.reason), "exited");
    weir_revive_ask(&rig.disk, (struct weir_waiter){7, 1}, rig.answer, 10);
    assert_string_equal(rig.disk.revival.why, "exited");
}

static void one_that_does_not_come_up_is_killed(void **state)
{
    (void)state;
    dies("killed");
    told_forget();
    rig.now = rig.disk.deadline_ns;
    weir_revive_timer(&rig.disk, rig.now);
    told_expect("kill ");
    assert_string_equal(rig.disk.reason,
                        "its new program was not ready within 10 s");
    dies(rig.disk.reason);
    told_forget();
    rig.now = rig.disk.deadline_ns; /* its back-off */
    weir_revive_timer(&rig.disk, rig.now);
    comes_up();
    told_forget();
    rig.now = rig.disk.deadline_ns;
    weir_revive_timer(&rig.disk, rig.now);
    told_expect("kill ");
    assert_string_equal(
        rig.disk.reason,
        "its new program did not take its devices over within 10 s");
}

static void an_operator_is_not_counted_and_does_not_wait(void **state)
{
    (void)state;
    rig.disk.cfg.restart_limit = 1;
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(weir_revive_ask(&rig.disk, (struct weir_waiter){7, 1},
                                         rig.answer, 10),
                         0);
        told_expect("kill ");
        dies(rig.disk.reason);
        told_expect("revive introduce start ");
        comes_up();
        weir_resume_answered(&rig.vbd, NULL);
        weir_resume_answered(&rig.other, NULL);
        assert_int_equal(rig.disk.phase, WEIR_PHASE_RUNNING);
        told_forget();
    }
    /* But what happens to the new program is. */
    rig.disk.cfg.on_crash = WEIR_ACTION_DESTROY;
    weir_revive_ask(&rig.disk, (struct weir_waiter){7, 1}, rig.answer, 10);
    dies(rig.disk.reason);
    dies("exited");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_RESTARTING);
    rig.now = rig.disk.deadline_ns;
    weir_revive_timer(&rig.disk, rig.now);
    dies("exited");
    assert_int_equal(rig.disk.phase, WEIR_PHASE_CRASHED);
    assert_int_equal(rig.answered, EIO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(serves_again_when_all_devices_do),
        T(nothing_begins_before_weir_hv_is_through),
        T(each_device_goes_on_where_it_was),
        T(what_was_being_released_is),
        T(what_cannot_be_resumed_goes),
        T(refusals_end_in_the_old_way),
        T(a_program_that_takes_no_orders_is_killed),
        T(own_devices_are_not_lost_silently),
        T(a_loop_ends_at_the_limit),
        T(devices_go_at_the_limit_if_so_wanted),
        T(a_start_that_is_refused_waits),
        T(nor_is_one_whose_end_is_seen_at_once),
        T(a_request_ends_with_the_outage),
        T(the_last_end_is_that_of_the_last_program),
        T(one_that_does_not_come_up_is_killed),
        T(an_operator_is_not_counted_and_does_not_wait),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
