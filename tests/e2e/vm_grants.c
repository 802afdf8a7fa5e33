/* SPDX-License-Identifier: MIT
 *
 * Grants between VM domains and process domains: a mapper sees exactly the
 * page that it was granted, for as long as it maps it.
 */
#include "tests/e2e/vm_suite.h"

#define AT VM_BEYOND /* where guests map: nothing is around it */

static uint8_t pattern(unsigned seed, unsigned i)
{
    return (uint8_t)(seed * 31 + i * 7 + i / 256);
}

static void fill_vm(struct vm *v, uint64_t gpa, unsigned seed)
{
    uint8_t page[4096];

    for (unsigned i = 0; i < sizeof(page); i++)
        page[i] = pattern(seed, i);
    vm_write(v, gpa, page, sizeof(page));
}

static void expect_vm(struct vm *v, uint64_t gpa, unsigned seed)
{
    uint8_t page[4096];

    vm_read(v, gpa, page, sizeof(page));
    for (unsigned i = 0; i < sizeof(page); i++)
        if (page[i] != pattern(seed, i))
            fail_msg("byte %u of page 0x%llx is %u, not %u", i,
                     (unsigned long long)gpa, page[i], pattern(seed, i));
}

/* Zeros of a hole, or ones where not even that is. */
static void expect_nothing(struct vm *v, uint64_t gpa)
{
    uint8_t page[4096];

    vm_read(v, gpa, page, sizeof(page));
    for (unsigned i = 0; i < sizeof(page); i++)
        if (page[i] != page[0] || (page[i] != 0 && page[i] != 0xff))
            fail_msg("byte %u of 0x%llx is %u: nothing should be there", i,
                     (unsigned long long)gpa, page[i]);
}

/* Every word of a page of a process says where it is. */
static void mark(struct puppet *p, uint64_t at, uint64_t value)
{
    for (unsigned i = 0; i < 4096; i += 512)
        puppet_do(p, PUPPET_POKE, at + i, value + i, 0, 0);
    puppet_do(p, PUPPET_POKE, at + 4088, value + 4088, 0, 0);
}

static void a_process_page_appears_alone_in_a_vm(void **state)
{
    struct puppet g = process("granter");
    struct vm m = machine("mapper");
    struct puppet_answer pages = puppet_do(&g, PUPPET_ALLOC, 3, 0, 0, 0);
    struct vm_mapping map;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        mark(&g, pages.v[0] + i * 4096, 0xaa0000 + i * 0x10000);
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, pages.v[1] + 1, 0);
    map = vm_map(&m, g.domid, 9, AT, false);
    assert_int_equal(map.status, WEIR_GNTST_OKAY);
    for (unsigned i = 0; i < 4096; i += 512)
        assert_int_equal(vm_peek(&m, AT + i), 0xab0000 + i);
    assert_int_equal(vm_peek(&m, AT + 4088), 0xab0000 + 4088);
    expect_nothing(&m, AT - 4096);
    expect_nothing(&m, AT + 4096);
    vm_poke(&m, AT + 16, 0x77);
    assert_int_equal(puppet_peek(&g, pages.v[0] + 4096 + 16), 0x77);
    assert_int_equal(puppet_peek(&g, pages.v[0]), 0xaa0000);
    assert_int_equal(puppet_peek(&g, pages.v[0] + 8192), 0xac0000);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, -WEIR_EBUSY);
    assert_int_equal(vm_info(&m).grants_mapped, 1);
    assert_int_equal(vm_unmap(&m, &map), WEIR_GNTST_OKAY);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_info(&m).grants_mapped, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_vm_page_appears_alone_in_a_process(void **state)
{
    struct vm g = machine("granter");
    struct puppet m = process("mapper");
    struct puppet_answer mapped;

    (void)state;
    fill_vm(&g, VM_PAGES, 1);
    fill_vm(&g, VM_PAGES + 4096, 2);
    fill_vm(&g, VM_PAGES + 8192, 3);
    vm_grant(&g, 20, m.domid, (VM_PAGES >> 12) + 1, false);
    mapped = puppet_map(&m, &(struct puppet){.domid = g.domid}, 20, false);
    assert_int_equal(mapped.rc, 0);
    for (unsigned i = 0; i < 4096; i += 8) {
        uint64_t word = puppet_peek(&m, mapped.v[0] + i);

        for (unsigned j = 0; j < 8; j++)
            assert_int_equal((uint8_t)(word >> (8 * j)), pattern(2, i + j));
    }
    assert_int_equal(vm_grant_flags(&g, 20), WEIR_GTF_PERMIT_ACCESS |
                                                 WEIR_GTF_READING |
                                                 WEIR_GTF_WRITING);
    puppet_do(&m, PUPPET_POKE, mapped.v[0] + 4088, 0x5678, 0, 0);
    assert_int_equal(vm_peek(&g, VM_PAGES + 4096 + 4088), 0x5678);
    expect_vm(&g, VM_PAGES, 1);
    expect_vm(&g, VM_PAGES + 8192, 3);
    assert_int_equal(vm_grant_end(&g, 20), -WEIR_EBUSY);
    assert_int_equal(puppet_unmap(&m, &mapped), 0);
    assert_int_equal(vm_grant_end(&g, 20), 0);
    /* The page next to it was not granted: a touch ends the mapper. */
    assert_int_equal(puppet_do(&m, PUPPET_PEEK, mapped.v[0] + 4096, 0, 0, 0).rc,
                     -EPIPE);
    puppet_expect_crash(&m, "touched frame");
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void a_vm_page_appears_alone_in_a_vm(void **state)
{
    struct vm g = machine("granter"), m = machine("mapper");
    struct vm_mapping map;

    (void)state;
    for (unsigned i = 0; i < 3; i++)
        fill_vm(&g, VM_PAGES + i * 4096, i);
    vm_grant(&g, 600, m.domid, (VM_PAGES >> 12) + 1, false);
    map = vm_map(&m, g.domid, 600, AT, false);
    assert_int_equal(map.status, 0);
    expect_vm(&m, AT, 1);
    expect_nothing(&m, AT - 4096);
    expect_nothing(&m, AT + 4096);
    fill_vm(&m, AT, 9);
    expect_vm(&g, VM_PAGES + 4096, 9);
    expect_vm(&g, VM_PAGES, 0);
    expect_vm(&g, VM_PAGES + 8192, 2);
    assert_int_equal(vm_unmap(&m, &map), 0);
    expect_nothing(&m, AT);
    assert_int_equal(vm_grant_end(&g, 600), 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void a_page_over_own_ram_replaces_that_page_alone(void **state)
{
    struct vm g = machine("granter"), m = machine("mapper");
    uint32_t before;
    struct vm_mapping map;

    (void)state;
    fill_vm(&g, VM_PAGES, 5);
    for (unsigned i = 0; i < 3; i++)
        fill_vm(&m, VM_PAGES + i * 4096, i);
    before = vm_info(&m).frames;
    vm_grant(&g, 8, m.domid, VM_PAGES >> 12, false);
    map = vm_map(&m, g.domid, 8, VM_PAGES + 4096, false);
    assert_int_equal(map.status, 0);
    expect_vm(&m, VM_PAGES, 0);
    expect_vm(&m, VM_PAGES + 4096, 5);
    expect_vm(&m, VM_PAGES + 8192, 2);
    assert_int_equal(vm_info(&m).frames, before - 1);
    assert_int_equal(vm_unmap(&m, &map), 0);
    expect_nothing(&m, VM_PAGES + 4096);
    expect_vm(&m, VM_PAGES, 0);
    expect_vm(&m, VM_PAGES + 8192, 2);
    /* Its own page is gone; a new one is of its quota. */
    assert_int_equal(vm_populate(&m, (VM_PAGES >> 12) + 1), 1);
    expect_nothing(&m, VM_PAGES + 4096);
    vm_poke(&m, VM_PAGES + 4096, 1);
    expect_vm(&g, VM_PAGES, 5);
    assert_int_equal(vm_info(&m).frames, before);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void a_read_only_page_is_not_written(void **state)
{
    struct vm g = machine("granter"), m = machine("mapper");
    struct vm_order write = {.op = VM_WRITE, .a = AT, .in = 8};
    struct vm_mapping map;
    uint64_t value = 0xbad;

    (void)state;
    fill_vm(&g, VM_PAGES, 5);
    vm_grant(&g, 8, m.domid, VM_PAGES >> 12, true);
    assert_int_not_equal(vm_map(&m, g.domid, 8, AT, false).status, 0);
    expect_nothing(&m, AT);
    map = vm_map(&m, g.domid, 8, AT, true);
    assert_int_equal(map.status, 0);
    expect_vm(&m, AT, 5);
    assert_int_equal(vm_grant_flags(&g, 8), WEIR_GTF_PERMIT_ACCESS |
                                                WEIR_GTF_READONLY |
                                                WEIR_GTF_READING);
    /* weir-hv's own writes for it neither: a result placed there. */
    assert_int_equal(vm_raw(&m, WEIR_HYPERCALL_XEN_VERSION,
                            WEIR_XENVER_EXTRAVERSION, AT, 0, 0, 0),
                     -WEIR_EFAULT);
    expect_vm(&g, VM_PAGES, 5);
    assert_int_equal(vm_send(&m, &write, &value), 0);
    assert_true(vm_expect(&m, WEIR_DOM_CRASHED, "").reason[0]);
    expect_vm(&g, VM_PAGES, 5);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_grant_end(&g, 8), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void nothing_is_seen_after_the_unmap(void **state)
{
    struct puppet g = process("granter");
    struct vm m = machine("mapper");
    struct puppet_answer page = puppet_do(&g, PUPPET_ALLOC, 1, 0, 0, 0);
    struct vm_order write = {.op = VM_WRITE, .a = AT, .in = 8};
    struct vm_mapping map;
    uint64_t value = 0xbad;

    (void)state;
    mark(&g, page.v[0], 0x10000);
    puppet_do(&g, PUPPET_GRANT, 9, m.domid, page.v[1], 0);
    for (int i = 0; i < 20; i++) {
        map = vm_map(&m, g.domid, 9, AT, i & 1);
        assert_int_equal(map.status, 0);
        assert_int_equal(vm_peek(&m, AT), 0x10000 + (unsigned)i);
        assert_int_equal(vm_unmap(&m, &map), 0);
        puppet_do(&g, PUPPET_POKE, page.v[0], 0x10001 + (unsigned)i, 0, 0);
        expect_nothing(&m, AT);
    }
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_send(&m, &write, &value), 0);
    assert_true(vm_expect(&m, WEIR_DOM_CRASHED, "").reason[0]);
    assert_int_equal(puppet_peek(&g, page.v[0]), 0x10014);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void what_is_not_granted_is_not_mapped(void **state)
{
    struct vm g = machine("granter"), m = machine("mapper");
    struct vm x = machine("other");

    (void)state;
    fill_vm(&g, VM_PAGES, 5);
    vm_grant(&g, 8, x.domid, VM_PAGES >> 12, false);
    assert_int_not_equal(vm_map(&m, g.domid, 8, AT, false).status, 0);
    assert_int_not_equal(vm_map(&m, g.domid, 9, AT, false).status, 0);
    assert_int_equal(vm_map(&m, g.domid, 1 << 20, AT, false).status,
                     WEIR_GNTST_BAD_GNTREF);
    assert_int_equal(vm_map(&m, g.domid, UINT32_MAX, AT, false).status,
                     WEIR_GNTST_BAD_GNTREF);
    assert_int_equal(vm_map(&m, 4000, 8, AT, false).status,
                     WEIR_GNTST_BAD_DOMAIN);
    assert_int_equal(vm_map(&m, 0, 8, AT, false).status, WEIR_GNTST_BAD_DOMAIN);
    expect_nothing(&m, AT);
    assert_int_equal(vm_info(&m).grants_mapped, 0);
    assert_int_equal(vm_info(&g).grants_active, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&x), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void what_is_no_ram_of_its_own_is_not_granted(void **state)
{
    static const uint64_t gfns[] = {VM_SHARED >> 12, VM_TABLE >> 12, AT >> 12,
                                    (AT >> 12) + 1,  0xfee00,        0xfffffff,
                                    UINT32_MAX,      VM_RAM_PAGES};
    struct vm g = machine("granter"), m = machine("mapper");
    struct vm x = machine("other");

    (void)state;
    /* g maps a page of x, and would pass it on. */
    vm_grant(&x, 8, g.domid, VM_PAGES >> 12, false);
    assert_int_equal(vm_map(&g, x.domid, 8, AT, false).status, 0);
    for (unsigned i = 0; i < sizeof(gfns) / sizeof(gfns[0]); i++) {
        vm_grant(&g, 8, m.domid, gfns[i], false);
        if (vm_map(&m, g.domid, 8, AT, false).status == 0)
            fail_msg("gfn 0x%llx was granted", (unsigned long long)gfns[i]);
    }
    /* Nor is a machine frame's number a page's: its own first frames are. */
    assert_int_equal(vm_give_back(&g, VM_PAGES >> 12), 1);
    vm_grant(&g, 8, m.domid, VM_PAGES >> 12, false);
    assert_int_not_equal(vm_map(&m, g.domid, 8, AT, false).status, 0);
    assert_int_equal(vm_info(&m).grants_mapped, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&g), 0);
    assert_int_equal(vm_destroy(&x), 0);
}

static void a_page_given_back_stays_with_its_mapper(void **state)
{
    struct vm g = machine("granter"), m = machine("mapper");
    struct vm_mapping map;

    (void)state;
    fill_vm(&g, VM_PAGES, 5);
    vm_grant(&g, 8, m.domid, VM_PAGES >> 12, false);
    map = vm_map(&m, g.domid, 8, AT, false);
    assert_int_equal(map.status, 0);
    vm_give_back(&g, VM_PAGES >> 12);
    if (vm_populate(&g, VM_PAGES >> 12) == 1)
        expect_nothing(&g, VM_PAGES);
    else
        expect_nothing(&g, VM_PAGES); /* in use: of its quota still */
    expect_vm(&m, AT, 5);
    fill_vm(&m, AT, 6);
    expect_nothing(&g, VM_PAGES);
    assert_int_equal(vm_unmap(&m, &map), 0);
    expect_nothing(&m, AT);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_process_page_appears_alone_in_a_vm, clear),
        cmocka_unit_test_teardown(a_vm_page_appears_alone_in_a_process, clear),
        cmocka_unit_test_teardown(a_vm_page_appears_alone_in_a_vm, clear),
        cmocka_unit_test_teardown(a_page_over_own_ram_replaces_that_page_alone,
                                  clear),
        cmocka_unit_test_teardown(a_read_only_page_is_not_written, clear),
        cmocka_unit_test_teardown(nothing_is_seen_after_the_unmap, clear),
        cmocka_unit_test_teardown(what_is_not_granted_is_not_mapped, clear),
        cmocka_unit_test_teardown(what_is_no_ram_of_its_own_is_not_granted,
                                  clear),
        cmocka_unit_test_teardown(a_page_given_back_stays_with_its_mapper,
                                  clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
