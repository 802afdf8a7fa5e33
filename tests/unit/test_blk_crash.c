/* SPDX-License-Identifier: MIT
 *
 * A block backend that dies between any two of its steps: its successor answers
 * every request once, with the right data, and the frontend sees nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/crash_rig.h"

#define LATE                                                                   \
    {                                                                          \
        .delay_every = 3, .delay = 4                                           \
    }

static void test_every_point_of_a_short_life(void **state)
{
    static const struct rig_case c = {.name = "one queue",
                                      .queues = 1,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = LATE,
                                      .requests = 60,
                                      .seed = 1};

    (void)state;
    rig_all_points(c.name, rig_run, &c, rig_each(1));
}

static void test_two_queues_rings_of_four_pages_kept_grants(void **state)
{
    static const struct rig_case c = {.name = "two queues",
                                      .queues = 2,
                                      .order = 2,
                                      .persistent = true,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = LATE,
                                      .requests = 90,
                                      .seed = 2};

    (void)state;
    rig_all_points(c.name, rig_run, &c, rig_each(7));
}

static void test_kernel_engine_that_takes_little(void **state)
{
    static const struct rig_case c = {
        .name = "libaio",
        .queues = 1,
        .persistent = true,
        .engine = WEIR_VBD_LIBAIO,
        .faults = {.delay_every = 2, .delay = 9, .refuse_every = 4},
        .requests = 60,
        .seed = 3};

    (void)state;
    rig_all_points(c.name, rig_run, &c, rig_each(5));
}

static void test_short_of_room_for_pages(void **state)
{
    static const struct rig_case c = {.name = "short of room",
                                      .queues = 1,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = LATE,
                                      .max_maps = 1 + RIG_SPAN + 1,
                                      .requests = 60,
                                      .seed = 4};

    (void)state;
    rig_all_points(c.name, rig_run, &c, rig_each(3));
}

static void test_limited(void **state)
{
    static const struct rig_case c = {.name = "limited",
                                      .queues = 1,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = LATE,
                                      .iops = 300,
                                      .requests = 60,
                                      .seed = 5};

    (void)state;
    rig_all_points(c.name, rig_run, &c, 10 * rig_each(3));
}

static void test_successors_that_die_too(void **state)
{
    static struct rig_case c = {.name = "again and again",
                                .queues = 2,
                                .order = 1,
                                .engine = WEIR_VBD_SYNC,
                                .faults = LATE,
                                .requests = 150,
                                .again = true};

    (void)state;
    for (c.seed = 100; c.seed < 100 + 400 / rig_each(5); c.seed++) {
        uint64_t at = 1 + c.seed * 37 % 400;

        if (rig_run(&c, at, false) != RIG_GOOD)
            fail_msg("seed %u, dead at point %llu first", c.seed,
                     (unsigned long long)at);
    }
}

static void test_frontend_that_does_not_wait_for_connected(void **state)
{
    static struct rig_case c = {.name = "early",
                                .queues = 2,
                                .order = 1,
                                .engine = WEIR_VBD_SYNC,
                                .faults = LATE,
                                .early = true,
                                .requests = 40};

    (void)state;
    for (c.seed = 10; c.seed < 13; c.seed++)
        rig_all_points(c.name, rig_run, &c, rig_each(1));
}

/* It is Closing long before its guest lets go. */
static void test_device_that_is_to_go(void **state)
{
    static const struct rig_case c = {.name = "detached",
                                      .queues = 2,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = LATE,
                                      .detach = true,
                                      .requests = 50,
                                      .seed = 20};

    (void)state;
    rig_all_points(c.name, rig_run, &c, rig_each(3));
}

/* What a dead program leaves may be anything: it may have died of that. */
static void test_spoilt_log_harms_nobody_else(void **state)
{
    static struct rig_case c = {.name = "spoilt",
                                .queues = 2,
                                .order = 1,
                                .engine = WEIR_VBD_SYNC,
                                .faults = LATE,
                                .requests = 150};

    (void)state;
    for (c.seed = 1; c.seed < 1 + 2000 / rig_each(5); c.seed++) {
        c.spoil = 1 + c.seed % 40;
        if (rig_run(&c, 100 + c.seed * 37 % 400, false) != RIG_GOOD)
            fail_msg("seed %u", c.seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_point_of_a_short_life),
        cmocka_unit_test(test_two_queues_rings_of_four_pages_kept_grants),
        cmocka_unit_test(test_kernel_engine_that_takes_little),
        cmocka_unit_test(test_short_of_room_for_pages),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_successors_that_die_too),
        cmocka_unit_test(test_frontend_that_does_not_wait_for_connected),
        cmocka_unit_test(test_device_that_is_to_go),
        cmocka_unit_test(test_spoilt_log_harms_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
