/* SPDX-License-Identifier: MIT
 *
 * What stays of a grant when one side ends or a quota is used up.
 */
#include "ring/error.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <unistd.h>

static void a_page_outlives_its_granter_while_mapped(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, false), a, fresh;
    struct weir_hv_dominfo info;
    domid_t gid = g.domid;

    (void)state;
    a = puppet_map(&m, &g, 9, false);
    assert_int_equal(puppet_destroy(&g), 0);
    assert_int_equal(puppet_peek(&m, a.v[0]), 0xfeed);
    assert_int_equal(weir_hvctl_info(world.ctl, gid, &info), 0);
    assert_int_equal(info.state, WEIR_DOM_DYING);
    assert_int_equal(info.frames, 1);
    assert_int_equal(puppet_do(&m, PUPPET_MAP, gid, 9, 0, 0).rc, -WEIR_ENODEV);
    assert_int_equal(puppet_unmap(&m, &a), 0);
    for (int i = 0; i < 200; i++) {
        if (weir_hvctl_info(world.ctl, gid, &info) == -ENOENT)
            break;
        usleep(10000);
    }
    assert_int_equal(weir_hvctl_info(world.ctl, gid, &info), -ENOENT);
    /* What was punched is zero for its next owner. */
    fresh = puppet_do(&m, PUPPET_ALLOC, 600, 0, 0, 0);
    assert_true(fresh.v[1] <= page.v[1] && page.v[1] < fresh.v[1] + 600);
    assert_int_equal(
        puppet_peek(&m, fresh.v[0] + (page.v[1] - fresh.v[1]) * 4096), 0);
    assert_int_equal(puppet_destroy(&m), 0);
}

static void a_freed_page_stays_while_others_map_it(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, false), a;

    (void)state;
    a = puppet_map(&m, &g, 9, false);
    puppet_do(&g, PUPPET_FREE, page.v[0], 1, 0, 0);
    assert_int_equal(puppet_info(&g).frames, 1);
    assert_int_equal(puppet_peek(&m, a.v[0]), 0xfeed);
    assert_int_equal(puppet_map(&m, &g, 9, false).rc, -WEIR_EFAULT);
    assert_int_equal(puppet_unmap(&m, &a), 0);
    assert_int_equal(puppet_info(&g).frames, 0);
    assert_int_equal(puppet_do(&g, PUPPET_PEEK, page.v[0], 0, 0, 0).rc, -EPIPE);
    puppet_expect_crash(&g, "not granted");
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_killed_mapper_lets_go(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");

    (void)state;
    puppet_give(&g, &m, false);
    assert_int_equal(puppet_map(&m, &g, 9, false).rc, 0);
    kill(m.pid, SIGKILL);
    puppet_expect_crash(&m, "its process ended");
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_info(&g).grants_active, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void quotas_end_in_errors(void **state)
{
    struct puppet g = start("granter");
    struct puppet m = puppet_start(
        &world,
        (struct weir_hv_create){
            .name = "small", .max_frames = 4, .max_maps = 8, .max_grants = 2});
    struct puppet_answer pages = puppet_do(&g, PUPPET_ALLOC, 16, 0, 0, 0), r;

    (void)state;
    for (unsigned i = 0; i < 16; i++)
        puppet_do(&g, PUPPET_GRANT, 8 + i, m.domid, pages.v[1] + i, 0);
    r = puppet_do(&m, PUPPET_MAPS, g.domid, 8, 16, 0);
    assert_int_equal(r.rc, 0);
    assert_true(r.v[0] >= 8 && r.v[0] < 16);
    assert_int_equal((int64_t)r.v[1], -WEIR_ENOSPC);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAPS, 0, 0, 0, 0).v[0], 0);
    assert_int_equal(puppet_do(&m, PUPPET_ALLOC, 5, 0, 0, 0).rc, -WEIR_ENOMEM);
    assert_int_equal(puppet_do(&m, PUPPET_ALLOC, 4, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_ALLOC, 1, 0, 0, 0).rc, -WEIR_ENOMEM);
    r = puppet_do(&m, PUPPET_GROW, 0, 0, 0, 0);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.v[0], 1024);
    assert_int_equal(puppet_do(&m, PUPPET_GRANT, 1000, g.domid, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_GROW, 0, 0, 0, 0).rc, -WEIR_ENOSPC);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_batch_longer_than_a_message_is_mapped_whole(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer pages = puppet_do(&g, PUPPET_ALLOC, 600, 0, 0, 0), r;

    (void)state;
    assert_int_equal(puppet_do(&g, PUPPET_GROW, 0, 0, 0, 0).rc, 0);
    for (unsigned i = 0; i < 600; i++)
        puppet_do(&g, PUPPET_GRANT, 8 + i, m.domid, pages.v[1] + i, 0);
    r = puppet_do(&m, PUPPET_MAPS, g.domid, 8, 600, 0);
    assert_int_equal(r.rc, 0);
    assert_int_equal(r.v[0], 0);
    assert_int_equal(puppet_info(&m).grants_mapped, 600);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAPS, 0, 0, 0, 0).v[0], 0);
    assert_int_equal(puppet_info(&m).grants_mapped, 0);
    assert_int_equal(puppet_info(&g).grants_active, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_page_outlives_its_granter_while_mapped,
                                  clear),
        cmocka_unit_test_teardown(a_freed_page_stays_while_others_map_it,
                                  clear),
        cmocka_unit_test_teardown(a_killed_mapper_lets_go, clear),
        cmocka_unit_test_teardown(quotas_end_in_errors, clear),
        cmocka_unit_test_teardown(a_batch_longer_than_a_message_is_mapped_whole,
                                  clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
