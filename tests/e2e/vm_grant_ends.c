/* SPDX-License-Identifier: MIT
 *
 * Mappings of VM domains whose ends die, and requests that make no sense.
 */
#include "tests/e2e/vm_suite.h"

#include <stdlib.h>

#define AT VM_BEYOND

static struct puppet_answer map_vm(struct puppet *m, const struct vm *g,
                                   grant_ref_t ref)
{
    return puppet_do(m, PUPPET_MAP, g->domid, ref, 0, 0);
}

/* All of free memory gets another content. */
static void dirty(void)
{
    struct puppet p = puppet_start(
        &world, (struct weir_hv_create){.name = "dirt", .max_frames = 40000});
    struct puppet_answer r;

    while ((r = puppet_do(&p, PUPPET_ALLOC, 256, 0, 0, 0)).rc == 0)
        for (unsigned i = 0; i < 256; i++)
            puppet_do(&p, PUPPET_POKE, r.v[0] + i * 4096, 0xd1d1d1, 0, 0);
    puppet_destroy(&p);
}

static void a_dead_vms_page_stays_until_its_mapper_unmaps(void **state)
{
    struct vm g = machine("granter");
    struct puppet m = process("mapper");
    struct hv_usage before = hv_usage(&world);
    struct puppet_answer mapped;

    (void)state;
    vm_poke(&g, VM_PAGES, 0xfeed);
    vm_grant(&g, 8, m.domid, VM_PAGES >> 12, false);
    mapped = map_vm(&m, &g, 8);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(vm_destroy(&g), 0);
    assert_int_equal(puppet_peek(&m, mapped.v[0]), 0xfeed);
    dirty();
    assert_int_equal(puppet_peek(&m, mapped.v[0]), 0xfeed);
    assert_int_equal(hv_usage(&world).domains, before.domains); /* dying */
    assert_int_equal(puppet_unmap(&m, &mapped), 0);
    for (int i = 0; i < 100 && hv_usage(&world).domains == before.domains; i++)
        usleep(10000);
    assert_int_equal(hv_usage(&world).domains, before.domains - 1);
    assert_int_equal(puppet_destroy(&m), 0);
}

static void a_dead_process_page_stays_until_the_vm_unmaps(void **state)
{
    struct puppet g = process("granter");
    struct vm m = machine("mapper");
    struct puppet_answer page =
        puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    struct vm_mapping map = vm_map(&m, g.domid, 9, AT, false);

    (void)state;
    (void)page;
    assert_int_equal(map.status, 0);
    assert_int_equal(puppet_destroy(&g), 0);
    assert_int_equal(vm_peek(&m, AT), 0xfeed);
    dirty();
    assert_int_equal(vm_peek(&m, AT), 0xfeed);
    assert_int_equal(vm_unmap(&m, &map), 0);
    assert_int_equal(vm_peek(&m, AT), 0);
    dirty();
    assert_int_equal(vm_peek(&m, AT), 0);
    assert_int_equal(hv_usage(&world).domains, 1);
    assert_int_equal(vm_destroy(&m), 0);
}

static void both_ends_are_vms_and_die(void **state)
{
    struct hv_usage before;
    struct vm g, m;

    (void)state;
    g = machine("granter");
    vm_destroy(&g);
    before = hv_usage(&world);
    for (int first = 0; first < 2; first++) {
        g = machine("granter");
        m = machine("mapper");
        vm_grant(&g, 8, m.domid, VM_PAGES >> 12, false);
        vm_grant(&m, 8, g.domid, VM_PAGES >> 12, false);
        assert_int_equal(vm_map(&m, g.domid, 8, AT, false).status, 0);
        assert_int_equal(vm_map(&g, m.domid, 8, AT, false).status, 0);
        assert_int_equal(vm_destroy(first ? &m : &g), 0);
        /* The other one sees no difference. */
        vm_poke(first ? &g : &m, AT, 1);
        assert_int_equal(vm_peek(first ? &g : &m, AT), 1);
        assert_int_equal(vm_grant_end(first ? &g : &m, 8), 0);
        assert_int_equal(vm_destroy(first ? &g : &m), 0);
        for (int i = 0; i < 100 && hv_usage(&world).frames != before.frames;
             i++)
            usleep(10000);
        assert_int_equal(hv_usage(&world).frames, before.frames);
    }
}

static void a_mapper_that_crashed_lets_go(void **state)
{
    struct vm m = machine("mapper");
    struct puppet g = process("granter");
    struct vm_order triple = {.op = VM_TRIPLE};

    (void)state;
    puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    assert_int_equal(vm_map(&m, g.domid, 9, AT, false).status, 0);
    assert_int_equal(vm_map(&m, g.domid, 9, AT + 4096, true).status, 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, -WEIR_EBUSY);
    vm_send(&m, &triple, NULL);
    vm_expect(&m, WEIR_DOM_CRASHED, "");
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void mappings_go_to_places_for_pages_only(void **state)
{
    static const uint64_t bad[] = {
        AT + 1,           AT + 8,        0xfee00000, /* local APIC */
        0xfec00000,       0xfffff000000, UINT64_C(1) << 52, UINT64_MAX - 4095,
        UINT64_C(1) << 44};
    struct vm m = machine("mapper");
    struct puppet g = process("granter");
    struct vm_mapping map;

    (void)state;
    puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        map = vm_map(&m, g.domid, 9, bad[i], false);
        if (map.status == 0)
            fail_msg("mapped at 0x%llx", (unsigned long long)bad[i]);
    }
    assert_int_equal(vm_info(&m).grants_mapped, 0);
    map = vm_map(&m, g.domid, 9, AT, false);
    assert_int_equal(map.status, 0);
    assert_int_not_equal(vm_map(&m, g.domid, 9, AT, false).status, 0);
    /* Nor may the page be moved, given back, or overlaid. */
    assert_true(vm_give_back(&m, AT >> 12) <= 0);
    assert_true(vm_populate(&m, AT >> 12) <= 0);
    assert_int_equal(vm_peek(&m, AT), 0xfeed);
    assert_int_equal(vm_info(&m).grants_mapped, 1);
    assert_int_equal(vm_unmap(&m, &map), 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_page_may_hide_the_guests_own_special_ones(void **state)
{
    struct vm m = machine("mapper");
    struct puppet g = process("granter");
    struct puppet_answer mapped;
    struct vm_mapping map;

    (void)state;
    puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    vm_poke(&m, VM_PAGES, 0x1234);
    vm_grant(&m, 9, g.domid, VM_PAGES >> 12, false);
    map = vm_map(&m, g.domid, 9, VM_TABLE, false);
    /* If it may, weir-hv goes on with the true table. */
    if (map.status == 0) {
        assert_int_equal(vm_peek(&m, VM_TABLE), 0xfeed);
        mapped = map_vm(&g, &m, 9);
        assert_int_equal(mapped.rc, 0);
        assert_int_equal(puppet_peek(&g, mapped.v[0]), 0x1234);
        assert_int_equal(puppet_unmap(&g, &mapped), 0);
        assert_int_equal(vm_unmap(&m, &map), 0);
    }
    assert_int_equal(vm_info(&m).grants_mapped, 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void an_unmap_names_what_was_mapped(void **state)
{
    struct vm m = machine("mapper"), x = machine("other");
    struct puppet g = process("granter");
    struct vm_mapping a, b, wrong;

    (void)state;
    puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    a = vm_map(&m, g.domid, 9, AT, false);
    b = vm_map(&m, g.domid, 9, AT + 0x10000, false);
    assert_int_equal(a.status, 0);
    assert_int_equal(b.status, 0);
    wrong = a;
    wrong.gpa = b.gpa;
    assert_int_not_equal(vm_unmap(&m, &wrong), 0);
    wrong.gpa = VM_PAGES;
    assert_int_not_equal(vm_unmap(&m, &wrong), 0);
    wrong = a;
    wrong.handle += 1000;
    assert_int_equal(vm_unmap(&m, &wrong), WEIR_GNTST_BAD_HANDLE);
    wrong.handle = UINT32_MAX;
    assert_int_equal(vm_unmap(&m, &wrong), WEIR_GNTST_BAD_HANDLE);
    assert_int_equal(vm_unmap(&x, &a), WEIR_GNTST_BAD_HANDLE);
    assert_int_equal(vm_peek(&m, AT), 0xfeed);
    assert_int_equal(vm_peek(&m, AT + 0x10000), 0xfeed);
    assert_int_equal(vm_unmap(&m, &a), 0);
    assert_int_equal(vm_unmap(&m, &a), WEIR_GNTST_BAD_HANDLE);
    assert_int_equal(vm_peek(&m, AT), 0);
    assert_int_equal(vm_peek(&m, AT + 0x10000), 0xfeed);
    assert_int_equal(vm_unmap(&m, &b), 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(vm_destroy(&x), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

struct batch {
    struct weir_gnttab_map_grant_ref m[8];
};

static void each_element_of_a_batch_has_its_own_status(void **state)
{
    struct vm m = machine("mapper");
    struct puppet g = process("granter");
    struct batch b = {0};

    (void)state;
    puppet_give(&g, &(struct puppet){.domid = m.domid}, false);
    for (unsigned i = 0; i < 8; i++)
        b.m[i] =
            (struct weir_gnttab_map_grant_ref){.host_addr = AT + i * 4096,
                                               .flags = WEIR_GNTMAP_HOST_MAP,
                                               .ref = i % 3 == 0 ? 9 : 100 + i,
                                               .dom = i == 6 ? 999 : g.domid,
                                               .status = 1};
    assert_int_equal(vm_call(&m, WEIR_HYPERCALL_GRANT_TABLE_OP,
                             WEIR_GNTTABOP_MAP_GRANT_REF, &b, sizeof(b), 8),
                     0);
    for (unsigned i = 0; i < 8; i++) {
        if (i % 3 == 0 && i != 6)
            assert_int_equal(b.m[i].status, 0);
        else
            assert_true(b.m[i].status < 0);
        assert_int_equal(vm_peek(&m, AT + i * 4096),
                         i % 3 == 0 && i != 6 ? 0xfeed : 0);
    }
    assert_int_equal(vm_info(&m).grants_mapped, 2);
    /* A pointer to nothing, a count without an end. */
    assert_int_equal(vm_raw(&m, WEIR_HYPERCALL_GRANT_TABLE_OP,
                            WEIR_GNTTABOP_MAP_GRANT_REF, UINT64_C(1) << 45, 1,
                            0, 0),
                     -WEIR_EFAULT);
    assert_true(vm_raw(&m, WEIR_HYPERCALL_GRANT_TABLE_OP,
                       WEIR_GNTTABOP_UNMAP_GRANT_REF, VM_SCRATCH, UINT32_MAX, 0,
                       0) < 0);
    assert_int_equal(vm_do(&m, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&m), 0);
    assert_int_equal(puppet_do(&g, PUPPET_END, 9, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void a_table_grows_to_its_limit_and_no_further(void **state)
{
    struct weir_hv_create how = vm_how("grower");
    struct weir_gnttab_query_size q = {.dom = WEIR_DOMID_SELF};
    struct puppet m = process("mapper");
    struct puppet_answer mapped;
    struct vm v;

    (void)state;
    how.max_grants = 4;
    v = vm_start(&world, how);
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_GRANT_TABLE_OP,
                             WEIR_GNTTABOP_QUERY_SIZE, &q, sizeof(q), 1),
                     0);
    assert_int_equal(q.status, 0);
    assert_int_equal(q.max_nr_frames, 4);
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(vm_map_table(&v, i), 0);
    v.table = 4;
    assert_true(vm_map_table(&v, 4) < 0);
    assert_true(vm_map_table(&v, 0x7fffffff) < 0);
    q.dom = WEIR_DOMID_SELF;
    vm_call(&v, WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_QUERY_SIZE, &q,
            sizeof(q), 1);
    assert_int_equal(q.nr_frames, 4);
    vm_poke(&v, VM_PAGES, 0xfeed);
    vm_grant(&v, 4 * WEIR_GRANTS_PER_FRAME - 1, m.domid, VM_PAGES >> 12, false);
    mapped = map_vm(&m, &v, 4 * WEIR_GRANTS_PER_FRAME - 1);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(puppet_peek(&m, mapped.v[0]), 0xfeed);
    assert_int_equal(map_vm(&m, &v, 4 * WEIR_GRANTS_PER_FRAME).rc,
                     -WEIR_EINVAL);
    assert_int_equal(puppet_destroy(&m), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void copy(struct vm *v, struct weir_gnttab_copy *c)
{
    c->status = 1;
    assert_int_equal(vm_call(v, WEIR_HYPERCALL_GRANT_TABLE_OP,
                             WEIR_GNTTABOP_COPY, c, sizeof(*c), 1),
                     0);
}

static void copies_stay_within_a_page(void **state)
{
    struct vm v = machine("copier");
    struct puppet g = process("granter");
    struct puppet_answer page =
        puppet_give(&g, &(struct puppet){.domid = v.domid}, false);
    struct weir_gnttab_copy c = {
        .source = {.u.ref = 9, .domid = g.domid, .offset = 0},
        .dest = {.u.gmfn = VM_PAGES >> 12,
                 .domid = WEIR_DOMID_SELF,
                 .offset = 4088},
        .len = 8,
        .flags = WEIR_GNTCOPY_SOURCE_GREF};

    (void)state;
    copy(&v, &c);
    assert_int_equal(c.status, 0);
    assert_int_equal(vm_peek(&v, VM_PAGES + 4088), 0xfeed);
    c.len = 9;
    copy(&v, &c);
    assert_int_equal(c.status, WEIR_GNTST_BAD_COPY_ARG);
    c.len = 4096;
    c.source.offset = 1;
    c.dest.offset = 0;
    copy(&v, &c);
    assert_int_equal(c.status, WEIR_GNTST_BAD_COPY_ARG);
    c.source.offset = 0;
    c.len = 8;
    c.dest.u.gmfn = VM_RAM_PAGES + 5;
    copy(&v, &c);
    assert_true(c.status < 0);
    c.dest.u.gmfn = VM_SHARED >> 12;
    copy(&v, &c);
    c.dest.u.gmfn = UINT64_C(1) << 40;
    copy(&v, &c);
    assert_true(c.status < 0);
    /* the other way */
    vm_poke(&v, VM_PAGES, 0xbeef);
    c = (struct weir_gnttab_copy){
        .source = {.u.gmfn = VM_PAGES >> 12, .domid = WEIR_DOMID_SELF},
        .dest = {.u.ref = 9, .domid = g.domid, .offset = 8},
        .len = 8,
        .flags = WEIR_GNTCOPY_DEST_GREF};
    copy(&v, &c);
    assert_int_equal(c.status, 0);
    assert_int_equal(puppet_peek(&g, page.v[0] + 8), 0xbeef);
    c.source.domid = g.domid; /* another's page by its number */
    copy(&v, &c);
    assert_true(c.status < 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_dead_vms_page_stays_until_its_mapper_unmaps,
                                  clear),
        cmocka_unit_test_teardown(a_dead_process_page_stays_until_the_vm_unmaps,
                                  clear),
        cmocka_unit_test_teardown(both_ends_are_vms_and_die, clear),
        cmocka_unit_test_teardown(a_mapper_that_crashed_lets_go, clear),
        cmocka_unit_test_teardown(mappings_go_to_places_for_pages_only, clear),
        cmocka_unit_test_teardown(a_page_may_hide_the_guests_own_special_ones,
                                  clear),
        cmocka_unit_test_teardown(an_unmap_names_what_was_mapped, clear),
        cmocka_unit_test_teardown(each_element_of_a_batch_has_its_own_status,
                                  clear),
        cmocka_unit_test_teardown(a_table_grows_to_its_limit_and_no_further,
                                  clear),
        cmocka_unit_test_teardown(copies_stay_within_a_page, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
