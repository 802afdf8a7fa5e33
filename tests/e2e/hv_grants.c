/* SPDX-License-Identifier: MIT
 *
 * Grants between real, sealed domains: what a mapper may touch is what is
 * granted, and the granter's entry says the truth.
 */
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct hv_world world;

static int setup(void **state)
{
    (void)state;
    hv_world_start(&world, "256M");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    hv_world_stop(&world);
    return 0;
}

static struct puppet start(const char *name)
{
    return puppet_start(&world, (struct weir_hv_create){.name = name});
}

static void a_granted_page_is_shared_both_ways(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), map;

    (void)state;
    assert_int_equal(page.rc, 0);
    puppet_do(&g, PUPPET_POKE, page.v[0], 0x1234, 0, 0);
    assert_int_equal(puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0).rc,
                     0);
    map = puppet_do(&m, PUPPET_MAP, g.domid, 9, 0, 0);
    assert_int_equal(map.rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_PEEK, map.v[0], 0, 0, 0).v[0],
                     0x1234);
    puppet_do(&m, PUPPET_POKE, map.v[0] + 8, 0x5678, 0, 0);
    assert_int_equal(puppet_do(&g, PUPPET_PEEK, page.v[0] + 8, 0, 0, 0).v[0],
                     0x5678);
    assert_int_equal(puppet_info(&m).grants_mapped, 1);
    assert_int_equal(puppet_info(&g).grants_active, 1);
    assert_int_equal(puppet_do(&g, PUPPET_FLAGS, 9, 0, 0, 0).v[0],
                     WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING |
                         WEIR_GTF_WRITING);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, -WEIR_EBUSY);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAP, map.v[0], map.v[1], 0, 0).rc,
                     0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void use_after_unmap_kills_the_mapper_alone(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), map;
    char text[64];

    (void)state;
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    map = puppet_do(&m, PUPPET_MAP, g.domid, 9, 0, 0);
    assert_int_equal(map.rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAP, map.v[0], map.v[1], 0, 0).rc,
                     0);
    assert_int_equal(puppet_do(&m, PUPPET_PEEK, map.v[0], 0, 0, 0).rc, -EPIPE);
    snprintf(text, sizeof(text), "domain %u touched frame %llu", m.domid,
             (unsigned long long)page.v[1]);
    puppet_expect_crash(&m, text);
    assert_int_equal(puppet_do(&g, PUPPET_PING, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_granted_page_is_shared_both_ways),
        cmocka_unit_test(use_after_unmap_kills_the_mapper_alone),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
