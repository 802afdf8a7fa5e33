/* SPDX-License-Identifier: MIT
 *
 * The crash test can fail: with a successor that believes the ring alone,
 * requests are lost or answered twice, or data is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>

#include "tests/unit/crash_rig.h"

static void test_ring_alone_does_not_tell(void **state)
{
    static const struct rig_case c = {.name = "one queue",
                                      .queues = 1,
                                      .engine = WEIR_VBD_SYNC,
                                      .faults = {.delay_every = 3, .delay = 4},
                                      .requests = 60,
                                      .seed = 1};
    unsigned wrong = 0, good = 0;

    (void)state;
    for (uint64_t at = 100; at < 300; at += 7) {
        enum rig_result got = rig_run(&c, at, true);

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
        cmocka_unit_test(test_ring_alone_does_not_tell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
