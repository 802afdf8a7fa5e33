/* SPDX-License-Identifier: MIT
 *
 * For cmocka programs: one weir-hv for the group, no domain left between two
 * tests.
 */
#ifndef WEIR_TESTS_E2E_HV_SUITE_H
#define WEIR_TESTS_E2E_HV_SUITE_H

#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <stdlib.h>

static struct hv_world world;

/* HV_TEST: the names of tests, with wildcards. */
__attribute__((constructor)) static inline void choose(void)
{
    const char *names = getenv("HV_TEST");

    if (names && *names)
        cmocka_set_test_filter(names);
}

static inline int setup(void **state)
{
    (void)state;
    hv_world_start(&world, "256M");
    return 0;
}

static inline int teardown(void **state)
{
    (void)state;
    hv_world_stop(&world);
    return 0;
}

static inline int clear(void **state)
{
    (void)state;
    hv_world_clear(&world);
    return 0;
}

static inline struct puppet start(const char *name)
{
    return puppet_start(&world, (struct weir_hv_create){.name = name});
}

/* Is there a notification on port, at the latest after ns? */
static inline uint64_t pending(struct puppet *p, uint64_t port, uint64_t ns)
{
    struct puppet_answer r = puppet_do(p, PUPPET_EVT_WAIT, port, ns, 0, 0);

    assert_int_equal(r.rc, 0);
    return r.v[0];
}

#endif
