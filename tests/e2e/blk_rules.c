/* SPDX-License-Identifier: MIT
 *
 * A hostile guest beside a well-behaved one, on one weir-blkback: the first
 * gets errors and at last its device closed, the second notices nothing.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/common/stats_abi.h"
#include "tests/e2e/launch.h"

static struct launch machine;

static int setup(void **state)
{
    (void)state;
    return launch_start(&machine, "512M");
}

static int teardown(void **state)
{
    (void)state;
    launch_stop(&machine);
    return 0;
}

static struct launch_dom *guest_with_disk(struct launch_dom *back,
                                          const char *name, unsigned frames,
                                          struct weir_resource *res)
{
    struct launch_dom *d = launch_create(&machine, name, false, frames);

    assert_non_null(d);
    memset(res, 0, sizeof(*res));
    res->cls = WEIR_RES_VBD;
    res->devid = 51712;
    res->vbd.engine = WEIR_VBD_MEMORY;
    res->vbd.sector_size = 512;
    res->vbd.size = 16u << 20;
    strcpy(res->label, name);
    assert_int_equal(launch_device(&machine, d, back, res, NULL), 0);
    return d;
}

/* Notifications for nothing cost a wake-up each: below one in a thousand. */
static void check_spurious(struct launch_dom *back)
{
    uint8_t copy[4096];
    struct weir_stats_page page;
    const uint64_t *w = page.dev[0].word;

    assert_int_equal(weir_hvctl_stats(machine.ctl, back->domid, copy), 0);
    memcpy(&page, copy, sizeof(page));
    assert_int_equal(page.magic, WEIR_STATS_MAGIC);
    printf("%llu requests, %llu notifications in, %llu out, %llu spurious\n",
           (unsigned long long)(w[WEIR_STAT_RD_REQ] + w[WEIR_STAT_WR_REQ]),
           (unsigned long long)w[WEIR_STAT_VBD_KICKS_IN],
           (unsigned long long)w[WEIR_STAT_VBD_KICKS_OUT],
           (unsigned long long)w[WEIR_STAT_VBD_SPURIOUS]);
    assert_true(w[WEIR_STAT_RD_REQ] > 1000);
    assert_true(w[WEIR_STAT_VBD_SPURIOUS] <=
                5 + w[WEIR_STAT_VBD_KICKS_IN] / 1000);
}

static void test_hostile_guest_harms_only_itself(void **state)
{
    static const char *const argv[] = {"weir-blkback", NULL};
    static const char *const good_argv[] = {"blk_check", "--seconds", "4",
                                            NULL};
    static const char *const bad_argv[] = {"blk_hostile", "break", NULL};
    struct launch_dom *back = launch_create(&machine, "back", true, 4096);
    struct launch_dom *good, *bad;
    struct weir_resource good_res, bad_res;
    struct weir_hv_dominfo info;
    char error[160];

    (void)state;
    assert_non_null(back);
    assert_int_equal(launch_exec(&machine, back, argv), 0);
    assert_int_equal(launch_ready(back, 5000), 0);
    good = guest_with_disk(back, "good", 20480, &good_res);
    assert_int_equal(launch_exec(&machine, good, good_argv), 0);
    for (unsigned i = 0; i < 3; i++) {
        bad = guest_with_disk(back, "bad", 1024, &bad_res);
        assert_int_equal(launch_exec(&machine, bad, bad_argv), 0);
        assert_int_equal(launch_wait(bad, 20000), 0);
        assert_true(launch_read(&machine, bad, back, &bad_res, true, "error",
                                error, sizeof(error)) > 0);
        assert_string_equal(error, "the frontend's ring index is impossible");
        launch_order(&machine, bad, back, &bad_res, WEIR_RES_DETACH, 5000);
        launch_destroy(&machine, bad);
    }
    assert_int_equal(launch_wait(good, 60000), 0);
    check_spurious(back);
    assert_int_equal(weir_hvctl_info(machine.ctl, back->domid, &info), 0);
    assert_int_equal(info.state, WEIR_DOM_RUNNING);
    assert_int_equal(
        launch_order(&machine, good, back, &good_res, WEIR_RES_DETACH, 5000),
        0);
    assert_int_equal(weir_hvctl_info(machine.ctl, back->domid, &info), 0);
    /* The registry's ring is its own page: nothing foreign is left mapped. */
    assert_int_equal(info.grants_mapped, 0);
}

static void test_guest_that_dies_leaves_nothing_in_the_backend(void **state)
{
    static const char *const argv[] = {"weir-blkback", NULL};
    static const char *const load[] = {"blk_check", "--seconds", "30", NULL};
    struct launch_dom *back = launch_create(&machine, "back2", true, 4096);
    struct weir_hv_dominfo info;
    struct weir_resource res;

    (void)state;
    assert_non_null(back);
    assert_int_equal(launch_exec(&machine, back, argv), 0);
    assert_int_equal(launch_ready(back, 5000), 0);
    for (unsigned i = 0; i < 3; i++) {
        struct launch_dom *d = guest_with_disk(back, "mayfly", 20480, &res);

        assert_int_equal(launch_exec(&machine, d, load), 0);
        assert_int_equal(launch_wait(d, 700), -110);
        launch_destroy(&machine, d);
        assert_int_equal(
            launch_order(&machine, back, back, &res, WEIR_RES_PING, 5000), 0);
    }
    assert_int_equal(weir_hvctl_info(machine.ctl, back->domid, &info), 0);
    assert_int_equal(info.grants_mapped, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hostile_guest_harms_only_itself),
        cmocka_unit_test(test_guest_that_dies_leaves_nothing_in_the_backend),
    };
    char cmd[300];

    snprintf(cmd, sizeof(cmd), "%s/bin/weir-hv --check",
             getenv("B") != NULL ? getenv("B") : "build");
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        return 77;
    }
    return cmocka_run_group_tests(tests, setup, teardown);
}
