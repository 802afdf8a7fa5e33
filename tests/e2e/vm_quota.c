/* SPDX-License-Identifier: MIT
 *
 * What a VM may have of everything, and what happens at each limit: that call
 * fails, nothing else.
 */
#include "tests/e2e/vm_suite.h"

#include <stdio.h>

#define REFS 64

/* A process that grants its pages, one a reference from 8 on. */
static struct puppet granter(domid_t to)
{
    struct puppet g = process("granter");
    struct puppet_answer r = puppet_do(&g, PUPPET_ALLOC, REFS, 0, 0, 0);

    assert_int_equal(r.rc, 0);
    for (uint64_t i = 0; i < REFS; i++) {
        puppet_do(&g, PUPPET_POKE, r.v[0] + i * 4096, 0xfeed + i, 0, 0);
        puppet_do(&g, PUPPET_GRANT, 8 + i, to, r.v[1] + i, 0);
    }
    return g;
}

static void mappings_have_a_quota(void **state)
{
    struct weir_hv_create how = vm_how("greedy");
    struct vm_mapping m[REFS];
    struct puppet g;
    struct vm v;
    unsigned n;

    (void)state;
    how.max_maps = 10;
    v = vm_start(&world, how);
    g = granter(v.domid);
    for (n = 0; n < REFS; n++) {
        m[n] = vm_map(&v, g.domid, 8 + n, VM_BEYOND + n * 4096, false);
        if (m[n].status)
            break;
    }
    assert_in_range(n, 5, 10);
    assert_int_equal(m[n].status, WEIR_GNTST_NO_SPACE);
    assert_int_equal(vm_info(&v).grants_mapped, n);
    assert_int_equal(vm_unmap(&v, &m[0]), 0);
    m[0] = vm_map(&v, g.domid, 8 + n, VM_BEYOND + n * 4096, false);
    assert_int_equal(m[0].status, 0);
    assert_int_equal(vm_peek(&v, VM_BEYOND + n * 4096), 0xfeed + n);
    assert_int_equal(vm_destroy(&v), 0);
    for (unsigned i = 0; i < REFS; i++)
        assert_int_equal(puppet_do(&g, PUPPET_END, 8 + i, 0, 0, 0).rc, 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

/* Each page in a place of its own is a mapping of weir-hv's, of which the
 * kernel gives a process so many. */
static void scattered_pages_take_no_mappings_from_others(void **state)
{
    struct weir_hv_create how = vm_how("scatter");
    struct hv_usage before = hv_usage(&world), after;
    struct vm v, w;
    struct {
        struct weir_xen_memory_reservation r;
        uint64_t gfn[56];
    } e = {.r = {.extent_start = VM_SCRATCH + sizeof(e.r),
                 .nr_extents = 56,
                 .domid = WEIR_DOMID_SELF}};
    int64_t done;
    unsigned given = 0;

    (void)state;
    how.ram = how.max_frames = 24576; /* 96 MiB */
    v = vm_start(&world, how);
    /* Every other page becomes a hole: two mappings more each. */
    for (uint64_t gfn = VM_PAGES >> 12; gfn < 24576;) {
        for (unsigned i = 0; i < 56; i++, gfn += 2)
            e.gfn[i] = gfn < 24576 ? gfn : UINT64_MAX;
        done = vm_call(&v, WEIR_HYPERCALL_MEMORY_OP,
                       WEIR_XENMEM_DECREASE_RESERVATION, &e, sizeof(e), 0);
        assert_true(done >= 0);
        given += (unsigned)done;
        if (done < 56)
            break;
    }
    after = hv_usage(&world);
    printf("%u pages given back in places of their own, %u mappings\n", given,
           after.maps - before.maps);
    assert_true(after.maps < 65530 - 2000);
    w = machine("beside");
    assert_int_equal(vm_give_back(&w, VM_PAGES >> 12), 1);
    assert_int_equal(vm_populate(&w, VM_PAGES >> 12), 1);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(vm_destroy(&w), 0);
    after = hv_usage(&world);
    assert_true(after.maps < before.maps + 20);
}

static void places_for_pages_are_few(void **state)
{
    struct vm v = machine("wide");
    struct puppet g = granter(v.domid);
    unsigned ok = 0;

    (void)state;
    /* One page in each 128 MiB that there are, and far beyond. */
    for (unsigned i = 0; i < REFS; i++) {
        struct vm_mapping m = vm_map(
            &v, g.domid, 8 + i, VM_BEYOND + (uint64_t)i * 0x8000000, false);

        ok += m.status == 0;
        if (m.status == 0)
            assert_int_equal(m.handle != UINT32_MAX, 1);
    }
    assert_in_range(ok, 8, REFS);
    assert_int_equal(vm_info(&v).grants_mapped, ok);
    assert_int_equal(vm_peek(&v, VM_BEYOND), 0xfeed);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&g), 0);
}

static void orphans_stay_in_their_owners_quota(void **state)
{
    struct vm v = machine("owner");
    struct puppet m = process("mapper");
    struct puppet_answer r[8];
    uint32_t full;

    (void)state;
    assert_int_equal(vm_map_table(&v, 0), 0);
    v.table = 1;
    /* Those that the special pages replaced, elsewhere. */
    for (uint64_t gfn = VM_BEYOND >> 12; vm_populate(&v, gfn) == 1;)
        gfn++;
    full = vm_info(&v).frames;
    assert_int_equal(full, VM_RAM_PAGES);
    for (unsigned i = 0; i < 8; i++) {
        vm_grant(&v, 8 + i, m.domid, (VM_PAGES >> 12) + i, false);
        r[i] = puppet_do(&m, PUPPET_MAP, v.domid, 8 + i, 0, 0);
        assert_int_equal(r[i].rc, 0);
    }
    for (unsigned i = 0; i < 8; i++)
        vm_give_back(&v, (VM_PAGES >> 12) + i);
    /* Others hold them: there is no room for new ones. */
    assert_int_equal(vm_info(&v).frames, full);
    assert_int_equal(vm_populate(&v, VM_PAGES >> 12), 0);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(puppet_unmap(&m, &r[i]), 0);
    assert_int_equal(vm_info(&v).frames, full - 8);
    assert_int_equal(vm_populate(&v, VM_PAGES >> 12), 1);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&m), 0);
}

/* A page that weir-hv writes to (vcpu info) is given back, and is nobody's
 * while it is written. */
static void a_held_page_is_not_reused(void **state)
{
    struct vm v = machine("holder");
    struct weir_vcpu_register_vcpu_info r = {.mfn = VM_PAGES >> 12};
    uint32_t full = vm_info(&v).frames;

    (void)state;
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 0, &r, sizeof(r)), 0);
    vm_give_back(&v, VM_PAGES >> 12);
    assert_int_equal(vm_info(&v).frames, full);
    for (unsigned i = 1; i < 4; i++) {
        assert_int_equal(vm_give_back(&v, (VM_PAGES >> 12) + i), 1);
        assert_int_equal(vm_populate(&v, (VM_PAGES >> 12) + i), 1);
    }
    usleep(50000);
    for (unsigned i = 1; i < 4; i++)
        assert_int_equal(vm_peek(&v, VM_PAGES + i * 4096), 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void the_store_page_is_its_store_domains(void **state)
{
    struct puppet store = process("store"), x = process("x");
    struct weir_hv_create how = vm_how("client");
    struct puppet_answer mapped;
    struct weir_xen_hvm_param p = {.domid = WEIR_DOMID_SELF,
                                   .index = WEIR_HVM_PARAM_STORE_PFN};
    struct vm v;
    uint64_t gpa;

    (void)state;
    how.has_store = true;
    how.store_domid = store.domid;
    v = vm_start(&world, how);
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM,
                             &p, sizeof(p), 0),
                     0);
    gpa = p.value << 12;
    assert_true(gpa);
    vm_poke(&v, gpa + 8, 0xabcd);
    assert_int_equal(puppet_do(&x, PUPPET_MAP, v.domid, 1, 0, 0).rc,
                     -WEIR_EPERM);
    mapped = puppet_do(&store, PUPPET_MAP, v.domid, 1, 0, 0);
    assert_int_equal(mapped.rc, 0);
    assert_int_equal(puppet_peek(&store, mapped.v[0] + 8), 0xabcd);
    p.index = WEIR_HVM_PARAM_STORE_EVTCHN;
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM,
                             &p, sizeof(p), 0),
                     0);
    assert_int_equal(vm_info(&v).store_evtchn, p.value);
    assert_int_equal(puppet_do(&x, PUPPET_EVT_BIND, v.domid, p.value, 0, 0).rc,
                     -WEIR_EINVAL);
    assert_int_equal(
        puppet_do(&store, PUPPET_EVT_BIND, v.domid, p.value, 0, 0).rc, 0);
    /* Neither it nor the console's may be changed. */
    for (p.index = 1; p.index < 19; p.index++)
        if (p.index < 3 || p.index > 16) {
            p.value = 5;
            assert_true(vm_call(&v, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM,
                                &p, sizeof(p), 0) < 0);
        }
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&store), 0);
    assert_int_equal(puppet_destroy(&x), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(mappings_have_a_quota, clear),
        cmocka_unit_test_teardown(scattered_pages_take_no_mappings_from_others,
                                  clear),
        cmocka_unit_test_teardown(places_for_pages_are_few, clear),
        cmocka_unit_test_teardown(orphans_stay_in_their_owners_quota, clear),
        cmocka_unit_test_teardown(a_held_page_is_not_reused, clear),
        cmocka_unit_test_teardown(the_store_page_is_its_store_domains, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
