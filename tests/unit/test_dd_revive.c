/* SPDX-License-Identifier: MIT
 *
 * When a driver domain's next program comes, and when none comes any more.
 */
#include "driverdomains/restart_policy.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define MS     1000000ull
#define SECOND 1000000000ull

static struct weir_restart_history h;
static uint64_t now;

static int begin(void **state)
{
    (void)state;
    memset(&h, 0, sizeof(h));
    now = 5000 * SECOND;
    return 0;
}

/* Dies after having served so long; milliseconds to the next program. */
static int dies(const struct weir_restart_rule *rule, uint64_t served_ns)
{
    uint64_t delay = 0;
    int rc = weir_restart_decide(&h, rule, now, served_ns, &delay);

    now += delay + SECOND / 100;
    return rc ? rc : (int)(delay / MS);
}

static void first_is_at_once_then_a_loop_slows_down(void **state)
{
    static const int want[] = {0,    100,  200,   400,   800,  1600,
                               3200, 6400, 10000, 10000, 10000};
    const struct weir_restart_rule rule = {.period_s = 60, .delay_ms = 100};

    (void)state;
    for (unsigned i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        assert_int_equal(dies(&rule, i == 0 ? 0 : SECOND / 2), want[i]);
}

static void service_ends_a_loop(void **state)
{
    const struct weir_restart_rule rule = {.period_s = 60, .delay_ms = 100};

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        dies(&rule, 0);
    assert_int_equal(dies(&rule, SECOND), 0);
    assert_int_equal(dies(&rule, 0), 100);
}

/* Also of ends that are not in a row. */
static void limit_holds_within_its_period_only(void **state)
{
    const struct weir_restart_rule rule = {
        .limit = 3, .period_s = 60, .delay_ms = 100};

    (void)state;
    for (unsigned i = 0; i < 3; i++, now += 10 * SECOND)
        assert_int_equal(dies(&rule, 5 * SECOND), 0);
    assert_int_equal(dies(&rule, 5 * SECOND), -EDQUOT);
    assert_int_equal(dies(&rule, 5 * SECOND), -EDQUOT);
    now += 31 * SECOND; /* the first is out of it */
    assert_int_equal(dies(&rule, 5 * SECOND), 0);
    assert_int_equal(dies(&rule, 5 * SECOND), -EDQUOT);
}

static void a_loop_reaches_the_limit_of_the_defaults(void **state)
{
    const struct weir_restart_rule rule = {
        .limit = 10, .period_s = 60, .delay_ms = 100};
    unsigned n = 0;

    (void)state;
    while (n < 100 && dies(&rule, 0) >= 0)
        n++;
    assert_int_equal(n, 10);
}

static void no_limit_and_no_delay(void **state)
{
    const struct weir_restart_rule rule = {.limit = 0, .period_s = 1};

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        assert_int_equal(dies(&rule, 0), 0);
}

/* A limit from the wire that is more than is remembered. */
static void limit_beyond_the_history_is_the_history(void **state)
{
    const struct weir_restart_rule rule = {
        .limit = UINT32_MAX, .period_s = 86400, .delay_ms = 0};
    unsigned n = 0;

    (void)state;
    while (n < 1000 && dies(&rule, 0) >= 0)
        n++;
    assert_int_equal(n, WEIR_RESTART_LIMIT_MAX);
}

static void delays_do_not_overflow(void **state)
{
    const struct weir_restart_rule rule = {.period_s = 1,
                                           .delay_ms = UINT32_MAX};

    (void)state;
    h.streak = UINT32_MAX - 1;
    assert_int_equal(dies(&rule, 0), 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(first_is_at_once_then_a_loop_slows_down, begin),
        cmocka_unit_test_setup(service_ends_a_loop, begin),
        cmocka_unit_test_setup(limit_holds_within_its_period_only, begin),
        cmocka_unit_test_setup(a_loop_reaches_the_limit_of_the_defaults, begin),
        cmocka_unit_test_setup(no_limit_and_no_delay, begin),
        cmocka_unit_test_setup(limit_beyond_the_history_is_the_history, begin),
        cmocka_unit_test_setup(delays_do_not_overflow, begin),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
