/* SPDX-License-Identifier: MIT
 *
 * Without the journal's commits the same conversations are seen to fail.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "tests/unit/xs_crash.h"

static void what_is_not_committed_is_missed(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (unsigned seed = 1; seed <= 4; seed++) {
        struct xc_case c = {.seed = seed, .steps = 100, .first = 150};

        failed += xc_run(&c, NULL) != 0;
    }
    assert_int_equal(failed, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_not_committed_is_missed),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
