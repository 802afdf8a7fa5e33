/* SPDX-License-Identifier: MIT
 *
 * For cmocka programs: one weir-hv for the group, no domain left between two
 * tests.
 */
#ifndef WEIR_TESTS_E2E_VM_SUITE_H
#define WEIR_TESTS_E2E_VM_SUITE_H

#include "tests/e2e/vm_calls.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct hv_world world;

/* VM_TEST: the names of tests, with wildcards. */
__attribute__((constructor)) static inline void choose(void)
{
    const char *names = getenv("VM_TEST");

    if (names && *names)
        cmocka_set_test_filter(names);
}

#ifndef VM_SUITE_MEMORY
#define VM_SUITE_MEMORY "512M"
#endif

static inline int setup(void **state)
{
    (void)state;
    vm_world_start(&world, VM_SUITE_MEMORY);
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

static inline struct puppet process(const char *name)
{
    return puppet_start(&world, (struct weir_hv_create){.name = name});
}

static inline struct vm machine(const char *name)
{
    return vm_start(&world, vm_how(name));
}

#endif
