/* SPDX-License-Identifier: MIT
 *
 * Grants between real, sealed domains: what a mapper may touch is what is
 * granted, and the granter's entry says the truth.
 */
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "tests/e2e/hv_suite.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>

#include <stdio.h>

static void a_granted_page_is_shared_both_ways(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), mapped;

    (void)state;
    assert_int_equal(page.rc, 0);
    puppet_do(&g, PUPPET_POKE, page.v[0], 0x1234, 0, 0);
    assert_int_equal(puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0).rc,
                     0);
    mapped = puppet_do(&m, PUPPET_MAP, g.domid, 9, 0, 0);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_PEEK, mapped.v[0], 0, 0, 0).v[0],
                     0x1234);
    puppet_do(&m, PUPPET_POKE, mapped.v[0] + 8, 0x5678, 0, 0);
    assert_int_equal(puppet_do(&g, PUPPET_PEEK, page.v[0] + 8, 0, 0, 0).v[0],
                     0x5678);
    assert_int_equal(puppet_info(&m).grants_mapped, 1);
    assert_int_equal(puppet_info(&g).grants_active, 1);
    assert_int_equal(puppet_do(&g, PUPPET_FLAGS, 9, 0, 0, 0).v[0],
                     WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING |
                         WEIR_GTF_WRITING);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, -WEIR_EBUSY);
    assert_int_equal(
        puppet_do(&m, PUPPET_UNMAP, mapped.v[0], mapped.v[1], 0, 0).rc, 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void use_after_unmap_kills_the_mapper_alone(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), mapped;
    char text[64];

    (void)state;
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    mapped = puppet_do(&m, PUPPET_MAP, g.domid, 9, 0, 0);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(
        puppet_do(&m, PUPPET_UNMAP, mapped.v[0], mapped.v[1], 0, 0).rc, 0);
    assert_int_equal(puppet_do(&m, PUPPET_PEEK, mapped.v[0], 0, 0, 0).rc,
                     -EPIPE);
    snprintf(text, sizeof(text), "domain %u touched frame %llu", m.domid,
             (unsigned long long)page.v[1]);
    puppet_expect_crash(&m, text);
    assert_int_equal(puppet_do(&g, PUPPET_PING, 0, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_write_through_a_read_only_mapping_kills(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, true), mapped;
    char text[96];

    (void)state;
    assert_int_equal(puppet_map(&m, &g, 9, false).rc, -WEIR_EPERM);
    mapped = puppet_map(&m, &g, 9, true);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(puppet_peek(&m, mapped.v[0]), 0xfeed);
    assert_int_equal(puppet_do(&g, PUPPET_FLAGS, 9, 0, 0, 0).v[0],
                     WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READONLY |
                         WEIR_GTF_READING);
    assert_int_equal(puppet_do(&m, PUPPET_POKE, mapped.v[0], 1, 0, 0).rc,
                     -EPIPE);
    snprintf(text, sizeof(text),
             "domain %u wrote to frame %llu, which it maps read-only", m.domid,
             (unsigned long long)page.v[1]);
    puppet_expect_crash(&m, text);
    assert_int_equal(puppet_peek(&g, page.v[0]), 0xfeed);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void what_is_not_granted_is_not_mapped(void **state)
{
    struct puppet g = start("granter"), m = start("mapper"), x = start("x");
    struct puppet_answer page = puppet_give(&g, &x, false);

    (void)state;
    assert_int_equal(puppet_map(&m, &g, 9, false).rc, -WEIR_EPERM);  /* x's */
    assert_int_equal(puppet_map(&m, &g, 10, false).rc, -WEIR_EPERM); /* empty */
    assert_int_equal(puppet_map(&m, &g, 512, false).rc, -WEIR_EINVAL);
    assert_int_equal(puppet_map(&m, &g, UINT32_MAX, false).rc, -WEIR_EINVAL);
    assert_int_equal(puppet_do(&m, PUPPET_MAP, 4000, 9, 0, 0).rc, -WEIR_ENODEV);
    /* x may not pass on what it maps, nor anybody a frame not its own */
    assert_int_equal(puppet_map(&x, &g, 9, false).rc, 0);
    puppet_do(&x, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    assert_int_equal(puppet_map(&m, &x, 9, false).rc, -WEIR_EFAULT);
    puppet_do(&x, PUPPET_GRANT, 9, m.domid, UINT32_MAX, 0);
    assert_int_equal(puppet_map(&m, &x, 9, false).rc, -WEIR_EFAULT);
    puppet_do(&x, PUPPET_GRANT, 9, m.domid, 0, 0);
    assert_int_equal(puppet_map(&m, &x, 9, false).rc, -WEIR_EFAULT);
    assert_int_equal(puppet_info(&m).grants_mapped, 0);
    assert_int_equal(puppet_info(&x).grants_active, 0);
    assert_int_equal(puppet_destroy(&x), 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_grant_table_frame_is_not_granted(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0), r;
    int refused = 0;

    (void)state;
    /* Tables and console pages of both lie right before its first page. */
    for (uint64_t f = page.v[1] - 130; f < page.v[1]; f++) {
        puppet_do(&g, PUPPET_GRANT, 9, m.domid, f, 0);
        r = puppet_map(&m, &g, 9, false);
        refused += r.rc == -WEIR_EFAULT;
        if (r.rc == 0)
            assert_int_equal(puppet_unmap(&m, &r), 0);
    }
    assert_int_equal(refused, 129); /* its console page alone may be */
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_frame_mapped_twice_stays_until_the_last_unmap(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, false), a, b;

    (void)state;
    puppet_do(&g, PUPPET_GRANT, 10, m.domid, page.v[1], 0);
    a = puppet_map(&m, &g, 9, false);
    b = puppet_map(&m, &g, 10, false);
    assert_int_equal(a.rc, 0);
    assert_int_equal(b.rc, 0);
    assert_int_equal(a.v[0], b.v[0]);
    assert_int_equal(puppet_unmap(&m, &a), 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 10, 0, 0, 0).rc, -WEIR_EBUSY);
    assert_int_equal(puppet_peek(&m, b.v[0]), 0xfeed);
    puppet_do(&m, PUPPET_POKE, b.v[0], 2, 0, 0);
    assert_int_equal(puppet_unmap(&m, &b), 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 10, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_unmap(&m, &b), -WEIR_EBADF);
    /* The first unmap did not take the page away even for a moment: kernel
     * accesses (O_DIRECT) would have failed then. */
    assert_int_equal(puppet_info(&m).faults, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void read_only_becomes_writable_and_back(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, false), ro, rw;

    (void)state;
    ro = puppet_map(&m, &g, 9, true);
    assert_int_equal(ro.rc, 0);
    assert_int_equal(puppet_do(&g, PUPPET_FLAGS, 9, 0, 0, 0).v[0],
                     WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING);
    rw = puppet_map(&m, &g, 9, false);
    if (rw.rc != 0) { /* a kernel with two windows: one or the other */
        assert_int_equal(rw.rc, -WEIR_EAGAIN);
        assert_int_equal(puppet_destroy(&m), 0);
        assert_int_equal(puppet_destroy(&g), 0);
        return;
    }
    assert_int_equal(puppet_do(&m, PUPPET_POKE, rw.v[0], 7, 0, 0).rc, 0);
    assert_int_equal(puppet_peek(&g, page.v[0]), 7);
    assert_int_equal(puppet_unmap(&m, &rw), 0);
    assert_int_equal(puppet_do(&g, PUPPET_FLAGS, 9, 0, 0, 0).v[0],
                     WEIR_GTF_PERMIT_ACCESS | WEIR_GTF_READING);
    assert_int_equal(puppet_peek(&m, ro.v[0]), 7);
    assert_int_equal(puppet_do(&m, PUPPET_POKE, ro.v[0], 8, 0, 0).rc, -EPIPE);
    puppet_expect_crash(&m, "read-only");
    assert_int_equal(puppet_peek(&g, page.v[0]), 7);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void an_unmap_is_not_believed_while_the_page_is_there(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, false), a;

    (void)state;
    a = puppet_map(&m, &g, 9, false);
    assert_int_equal(puppet_peek(&m, a.v[0]), 0xfeed);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAP_RAW, a.v[1], 0, 0, 0).rc,
                     WEIR_GNTST_BAD_VIRT_ADDR);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, -WEIR_EBUSY);
    assert_int_equal(puppet_info(&m).grants_mapped, 1);
    assert_int_equal(puppet_do(&m, PUPPET_DROP, a.v[0], 1, 0, 0).rc, 0);
    /* dropped but not unmapped: comes back at a touch */
    assert_int_equal(puppet_peek(&m, a.v[0]), 0xfeed);
    assert_int_equal(puppet_unmap(&m, &a), 0);
    assert_int_equal(puppet_do(&m, PUPPET_UNMAP_RAW, a.v[1], 0, 0, 0).rc,
                     WEIR_GNTST_BAD_HANDLE);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_peek(&g, page.v[0]), 0xfeed);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_changed_entry_does_not_move_a_mapping(void **state)
{
    struct puppet g = start("granter"), m = start("mapper"), x = start("x");
    struct puppet_answer page = puppet_give(&g, &m, false), other, a, b;

    (void)state;
    other = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0);
    a = puppet_map(&m, &g, 9, false);
    /* The granter breaks its promise: another frame, another domain. */
    puppet_do(&g, PUPPET_GRANT, 9, x.domid, other.v[1], 0);
    assert_int_equal(puppet_map(&x, &g, 9, false).rc, -WEIR_EPERM);
    b = puppet_map(&m, &g, 9, false);
    assert_int_equal(b.rc, 0);
    assert_int_equal(b.v[0], a.v[0]);
    assert_int_equal(puppet_unmap(&m, &b), 0);
    assert_int_equal(puppet_unmap(&m, &a), 0);
    assert_int_equal(puppet_map(&x, &g, 9, false).rc, 0);
    assert_int_equal(puppet_peek(&g, page.v[0]), 0xfeed);
    assert_int_equal(puppet_destroy(&x), 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void bytes_are_copied_within_their_pages_only(void **state)
{
    struct puppet g = start("granter"), m = start("mapper");
    struct puppet_answer page = puppet_give(&g, &m, true), own;
    struct puppet_order o = {.op = PUPPET_COPY, .a = g.domid, .b = 9};

    (void)state;
    own = puppet_do(&m, PUPPET_ALLOC, 1, 0, 0, 0);
    o.c = own.v[0];
    o.d = 4096;
    assert_int_equal(puppet_order(&m, &o).rc, 0);
    assert_int_equal(puppet_peek(&m, own.v[0]), 0xfeed);
    o.c = own.v[0] + 8; /* 8 + 4096 */
    assert_int_equal(puppet_order(&m, &o).rc, -WEIR_ERANGE);
    o.c = own.v[0];
    o.e = 1; /* into a read-only grant */
    assert_int_equal(puppet_order(&m, &o).rc, -WEIR_EPERM);
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    puppet_do(&m, PUPPET_POKE, own.v[0], 0xbeef, 0, 0);
    assert_int_equal(puppet_order(&m, &o).rc, 0);
    assert_int_equal(puppet_peek(&g, page.v[0]), 0xbeef);
    o.c = page.v[0]; /* a page that is not its own */
    assert_int_not_equal(puppet_order(&m, &o).rc, 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_granted_page_is_shared_both_ways, clear),
        cmocka_unit_test_teardown(use_after_unmap_kills_the_mapper_alone,
                                  clear),
        cmocka_unit_test_teardown(a_write_through_a_read_only_mapping_kills,
                                  clear),
        cmocka_unit_test_teardown(what_is_not_granted_is_not_mapped, clear),
        cmocka_unit_test_teardown(a_grant_table_frame_is_not_granted, clear),
        cmocka_unit_test_teardown(
            a_frame_mapped_twice_stays_until_the_last_unmap, clear),
        cmocka_unit_test_teardown(read_only_becomes_writable_and_back, clear),
        cmocka_unit_test_teardown(
            an_unmap_is_not_believed_while_the_page_is_there, clear),
        cmocka_unit_test_teardown(a_changed_entry_does_not_move_a_mapping,
                                  clear),
        cmocka_unit_test_teardown(bytes_are_copied_within_their_pages_only,
                                  clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
