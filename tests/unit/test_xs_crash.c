/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored dies at each point of a conversation, and again and again.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/xs_crash.h"

/* A short conversation, once for each point of it. */
static void it_dies_at_each_point(void **state)
{
    struct xc_case c = {.seed = 3, .steps = 24, .dry = true};
    uint64_t points;

    (void)state;
    assert_int_equal(xc_run(&c, &points), 0);
    assert_true(points > 300);
    c.dry = false;
    for (uint64_t i = 1; i <= points; i++) {
        c.first = i;
        if (xc_run(&c, NULL))
            fail_msg("point %llu of %llu", (unsigned long long)i,
                     (unsigned long long)points);
    }
}

/* Long conversations with many deaths, in take-overs too. */
static void it_dies_again_and_again(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct xc_case c = {
            .seed = seed, .steps = 400, .first = 50 + seed, .every = 400};

        if (xc_run(&c, NULL))
            fail_msg("seed %u", seed);
    }
}

/* While the journal grows, and the values are too many for what it was. */
static void it_dies_while_its_journal_grows(void **state)
{
    struct xc_case c = {.seed = 5, .steps = 10, .big = 400, .dry = true};
    uint64_t points;

    (void)state;
    assert_int_equal(xc_run(&c, &points), 0);
    c.dry = false;
    for (unsigned i = 0; i < 40; i++) {
        c.first = 1 + i * (points - 1) / 40;
        c.every = i % 2 ? 700 : 0;
        if (xc_run(&c, NULL))
            fail_msg("point %llu", (unsigned long long)c.first);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_dies_at_each_point),
        cmocka_unit_test(it_dies_again_and_again),
        cmocka_unit_test(it_dies_while_its_journal_grows),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
