/* SPDX-License-Identifier: MIT
 *
 * Grant tests: one domain that grants, one peer that maps.
 */
#ifndef WEIR_TESTS_UNIT_GNTTAB_FIXTURE_H
#define WEIR_TESTS_UNIT_GNTTAB_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ring/grant.h"
#include "tests/unit/fake_port.h"

struct fixture {
    struct weir_fake_machine *m;
    struct weir_port *us, *peer;
    struct weir_gnttab gt;
    void *page;
};

#define US   2
#define PEER 3

static inline int setup(void **state)
{
    static struct fixture f;

    memset(&f, 0, sizeof(f));
    f.m = weir_fake_machine_new(2048);
    f.us = weir_fake_domain_add(f.m, US, 0);
    f.peer = weir_fake_domain_add(f.m, PEER, 0);
    assert_int_equal(weir_gnttab_init(&f.gt, f.us), 0);
    assert_int_equal(f.us->ops->alloc_pages(f.us, 1, &f.page), 0);
    *state = &f;
    return 0;
}

static inline int teardown(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(weir_gnttab_fini(&f->gt), 0);
    f->us->ops->free_pages(f->us, f->page, 1);
    assert_int_equal(weir_fake_machine_free(f->m), 0);
    return 0;
}

static inline int map(struct fixture *f, grant_ref_t ref, bool readonly,
                      struct weir_unmap_op *u)
{
    struct weir_map_op op = {.dom = US, .ref = ref, .readonly = readonly};

    assert_int_equal(f->peer->ops->map(f->peer, &op, 1), 0);
    u->addr = op.addr;
    u->handle = op.handle;
    return op.status;
}

static inline void unmap(struct fixture *f, struct weir_unmap_op *u)
{
    assert_int_equal(f->peer->ops->unmap(f->peer, u, 1), 0);
    assert_int_equal(u->status, 0);
}

static inline grant_ref_t grant(struct fixture *f, bool readonly)
{
    grant_ref_t ref;

    assert_int_equal(weir_gnttab_grant(&f->gt, PEER, f->page, readonly, &ref),
                     0);
    assert_true(ref >= WEIR_GNTTAB_NR_RESERVED);
    return ref;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int gnttab_shortage_tests(void);

#endif
