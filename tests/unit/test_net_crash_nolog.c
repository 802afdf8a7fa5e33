/* SPDX-License-Identifier: MIT
 *
 * The crash test can fail: with a successor that believes the rings alone,
 * frames come twice, or slots are lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/net_rig.h"

static void test_rings_alone_do_not_tell(void **state)
{
    static const struct net_case c = {.name = "tap, one queue",
                                      .fronts = 1,
                                      .queues = 1,
                                      .frames = 60,
                                      .seed = 1};
    unsigned wrong = 0, good = 0;

    (void)state;
    for (uint64_t at = 20; at < 400; at += 7) {
        enum rig_result got = net_rig_run(&c, at, true);

        if (got == RIG_OVER)
            break;
        assert_in_range(got, RIG_GOOD, RIG_WRONG);
        wrong += got == RIG_WRONG;
        good += got == RIG_GOOD;
    }
    printf("without the log: %u lives end wrong, %u well\n", wrong, good);
    assert_in_range(wrong, 5, 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rings_alone_do_not_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
