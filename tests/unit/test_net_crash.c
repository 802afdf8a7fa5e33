/* SPDX-License-Identifier: MIT
 *
 * A network backend that dies between any two of its steps: its successor
 * answers every slot once, no frame comes twice or spoilt, few are lost, pools
 * and multicast lists are what they were, and frontends see nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "tests/unit/net_rig.h"

static void test_every_point_of_a_short_life(void **state)
{
    static const struct net_case c = {.name = "tap, one queue",
                                      .fronts = 1,
                                      .queues = 1,
                                      .frames = 60,
                                      .pool = true,
                                      .seed = 1};

    (void)state;
    rig_all_points(c.name, net_rig_run, &c, rig_each(1));
}

static void test_split_event_channels_no_pool(void **state)
{
    static const struct net_case c = {.name = "tap, two queues",
                                      .fronts = 1,
                                      .queues = 2,
                                      .split = true,
                                      .frames = 120,
                                      .seed = 2};

    (void)state;
    rig_all_points(c.name, net_rig_run, &c, rig_each(3));
}

static void test_switch(void **state)
{
    static const struct net_case c = {.name = "switch",
                                      .fronts = 2,
                                      .queues = 2,
                                      .split = true,
                                      .pool = true,
                                      .frames = 120,
                                      .seed = 3};

    (void)state;
    rig_all_points(c.name, net_rig_run, &c, rig_each(11));
}

static void test_limited(void **state)
{
    static const struct net_case c = {.name = "limited",
                                      .fronts = 1,
                                      .queues = 1,
                                      .pool = true,
                                      .rate = 20000000,
                                      .frames = 100,
                                      .seed = 4};

    (void)state;
    rig_all_points(c.name, net_rig_run, &c, 10 * rig_each(7));
}

static void test_pool_that_cannot_be_mapped_again(void **state)
{
    static const struct net_case c = {.name = "no room",
                                      .fronts = 1,
                                      .queues = 1,
                                      .pool = true,
                                      .no_maps = 20,
                                      .frames = 80,
                                      .seed = 5};

    (void)state;
    rig_all_points(c.name, net_rig_run, &c, rig_each(7));
}

static void test_successors_that_die_too(void **state)
{
    static struct net_case c = {.name = "again and again",
                                .queues = 2,
                                .pool = true,
                                .frames = 600,
                                .again = true};

    (void)state;
    for (c.seed = 100; c.seed < 100 + 400 / rig_each(4); c.seed++) {
        uint64_t at = 1 + c.seed * 37 % 900;

        c.fronts = 1 + c.seed % 2;
        c.split = c.seed % 4 < 2;
        if (net_rig_run(&c, at, false) != RIG_GOOD)
            fail_msg("seed %u, dead at point %llu first", c.seed,
                     (unsigned long long)at);
    }
}

/* What a dead program leaves may be anything: it may have died of that. */
static void test_spoilt_log_harms_nobody_else(void **state)
{
    static struct net_case c = {
        .name = "spoilt", .queues = 2, .pool = true, .frames = 300};

    (void)state;
    for (c.seed = 1; c.seed < 1 + 2000 / rig_each(5); c.seed++) {
        c.spoil = 1 + c.seed % 40;
        c.fronts = 1 + c.seed % 2;
        c.split = c.seed % 4 < 2;
        if (net_rig_run(&c, 200 + c.seed * 37 % 800, false) != RIG_GOOD)
            fail_msg("seed %u", c.seed);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_point_of_a_short_life),
        cmocka_unit_test(test_split_event_channels_no_pool),
        cmocka_unit_test(test_switch),
        cmocka_unit_test(test_limited),
        cmocka_unit_test(test_pool_that_cannot_be_mapped_again),
        cmocka_unit_test(test_successors_that_die_too),
        cmocka_unit_test(test_spoilt_log_harms_nobody_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
