/* SPDX-License-Identifier: MIT
 *
 * A VM's memory: its map, what it gives back and takes, pages that it moves,
 * and pointers and calls that make no sense.
 */
#include "tests/e2e/vm_suite.h"

static int64_t memory_op(struct vm *v, unsigned cmd, void *arg, size_t n)
{
    return vm_call(v, WEIR_HYPERCALL_MEMORY_OP, cmd, arg, n, 0);
}

static void a_balloon_stays_within_the_quota(void **state)
{
    struct weir_hv_create how = vm_how("balloon");
    const uint64_t first = VM_PAGES >> 12;
    uint64_t gfn = VM_BEYOND >> 12;
    uint32_t full;
    struct vm v;

    (void)state;
    how.max_frames += 3;
    v = vm_start(&world, how);
    full = vm_info(&v).frames;
    for (unsigned i = 0; i < 8; i++) {
        vm_poke(&v, VM_PAGES + i * 4096, 0x1111);
        assert_int_equal(vm_give_back(&v, first + i), 1);
        assert_int_equal(vm_peek(&v, VM_PAGES + i * 4096), 0);
        assert_int_equal(vm_info(&v).frames, full - i - 1);
    }
    assert_int_equal(vm_give_back(&v, first), 0); /* nothing there */
    while (vm_populate(&v, gfn) == 1) {
        assert_int_equal(vm_peek(&v, gfn << 12), 0);
        vm_poke(&v, gfn << 12, gfn);
        gfn++;
        assert_true(gfn < (VM_BEYOND >> 12) + 100);
    }
    assert_int_equal(vm_info(&v).frames, how.max_frames);
    assert_int_equal(vm_populate(&v, first), 0);
    assert_int_equal(vm_give_back(&v, gfn - 1), 1);
    assert_int_equal(vm_populate(&v, first), 1);
    assert_int_equal(vm_peek(&v, VM_PAGES), 0);
    assert_int_equal(vm_populate(&v, first), 0); /* taken */
    for (uint64_t i = VM_BEYOND >> 12; i < gfn - 1; i++)
        assert_int_equal(vm_peek(&v, i << 12), i);
    assert_int_equal(vm_destroy(&v), 0);
}

struct extents {
    struct weir_xen_memory_reservation r;
    uint64_t gfn[32];
};

static void extents_are_done_one_after_the_other(void **state)
{
    struct vm v = machine("extents"), other = machine("other");
    uint32_t full = vm_info(&other).frames;
    struct extents e = {.r = {.extent_start = VM_SCRATCH + sizeof(e.r),
                              .nr_extents = 8,
                              .domid = WEIR_DOMID_SELF}};

    (void)state;
    for (unsigned i = 0; i < 8; i++)
        e.gfn[i] = (VM_PAGES >> 12) + i;
    e.gfn[5] = 0xfffffffffff;
    assert_int_equal(
        memory_op(&v, WEIR_XENMEM_DECREASE_RESERVATION, &e, sizeof(e)), 5);
    e.r.nr_extents = 5;
    assert_int_equal(memory_op(&v, WEIR_XENMEM_POPULATE_PHYSMAP, &e, sizeof(e)),
                     5);
    /* Orders, counts and pointers without measure. */
    e.r.extent_order = 63;
    assert_true(
        memory_op(&v, WEIR_XENMEM_DECREASE_RESERVATION, &e, sizeof(e)) <= 0);
    e.r.extent_order = UINT32_MAX;
    assert_true(memory_op(&v, WEIR_XENMEM_POPULATE_PHYSMAP, &e, sizeof(e)) <=
                0);
    e.r.extent_order = 0;
    e.r.nr_extents = UINT64_MAX;
    memory_op(&v, WEIR_XENMEM_POPULATE_PHYSMAP, &e, sizeof(e));
    e.r.nr_extents = 8;
    e.r.extent_start = UINT64_MAX - 8;
    assert_true(
        memory_op(&v, WEIR_XENMEM_DECREASE_RESERVATION, &e, sizeof(e)) <= 0);
    e.r.extent_start = VM_SCRATCH + sizeof(e.r);
    e.r.domid = other.domid;
    assert_true(
        memory_op(&v, WEIR_XENMEM_DECREASE_RESERVATION, &e, sizeof(e)) <= 0);
    assert_int_equal(vm_info(&other).frames, full);
    assert_int_equal(vm_destroy(&other), 0);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static int64_t place(struct vm *v, unsigned space, uint64_t idx, uint64_t gpfn)
{
    struct weir_xen_add_to_physmap p = {
        .domid = WEIR_DOMID_SELF, .space = space, .idx = idx, .gpfn = gpfn};

    return memory_op(v, WEIR_XENMEM_ADD_TO_PHYSMAP, &p, sizeof(p));
}

static void special_pages_are_put_where_the_guest_wants(void **state)
{
    static const uint64_t bad[] = {0xfee00, 0xfec00, UINT64_MAX,
                                   UINT64_C(1) << 40,
                                   UINT64_C(0xfffffffffffff)};
    struct vm v = machine("placer");

    (void)state;
    vm_grant(&v, 10, 1, 0x1234, false);
    assert_true(vm_peek(&v, VM_SHARED + offsetof(struct weir_shared_info,
                                                 wc_sec)) != 0);
    assert_int_equal(
        place(&v, WEIR_XENMAPSPACE_SHARED_INFO, 0, VM_SHARED >> 12), 0);
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (place(&v, WEIR_XENMAPSPACE_GRANT_TABLE, 0, bad[i]) == 0)
            fail_msg("a page lies at gfn 0x%llx", (unsigned long long)bad[i]);
    assert_true(place(&v, WEIR_XENMAPSPACE_GMFN_FOREIGN, 0, 0x800) < 0);
    assert_true(place(&v, WEIR_XENMAPSPACE_DEV_MMIO, 0, 0x800) < 0);
    assert_true(place(&v, 77, 0, 0x800) < 0);
    assert_true(place(&v, UINT32_MAX, UINT64_MAX, UINT64_MAX) < 0);
    assert_true(place(&v, WEIR_XENMAPSPACE_GRANT_TABLE,
                      WEIR_XENMAPIDX_GRANT_TABLE_STATUS, 0x800) < 0);
    /* The table, wherever it lies, is the same. */
    if (place(&v, WEIR_XENMAPSPACE_GRANT_TABLE, 0, (VM_BEYOND >> 12) + 5) == 0)
        assert_int_equal(vm_peek(&v, VM_BEYOND + 5 * 4096 + 80) >> 32, 0x1234);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

struct map {
    struct weir_xen_memory_map m;
    struct weir_e820entry e[20];
};

static void the_memory_map_is_true(void **state)
{
    struct vm v = machine("mapped");
    struct map m = {.m = {20, VM_SCRATCH + sizeof(m.m)}};
    uint64_t ram = 0;

    (void)state;
    assert_int_equal(memory_op(&v, WEIR_XENMEM_MEMORY_MAP, &m, sizeof(m)), 0);
    assert_in_range(m.m.nr_entries, 2, 20);
    for (unsigned i = 0; i < m.m.nr_entries; i++) {
        if (i)
            assert_true(m.e[i].addr >= m.e[i - 1].addr + m.e[i - 1].size);
        if (m.e[i].type == 1) {
            ram += m.e[i].size;
            vm_poke(&v, (m.e[i].addr + m.e[i].size - 8), 0x55);
        }
    }
    assert_in_range(ram, (VM_RAM_PAGES - 300) * 4096, VM_RAM_PAGES * 4096);
    m.m.nr_entries = 1;
    assert_true(memory_op(&v, WEIR_XENMEM_MEMORY_MAP, &m, sizeof(m)) <= 0);
    m.m.nr_entries = UINT32_MAX;
    m.m.buffer = UINT64_C(1) << 46;
    assert_int_equal(memory_op(&v, WEIR_XENMEM_MEMORY_MAP, &m, sizeof(m)),
                     -WEIR_EFAULT);
    assert_int_equal(
        memory_op(&v, WEIR_XENMEM_MACHINE_MEMORY_MAP, &m, sizeof(m)),
        -WEIR_EPERM);
    assert_int_equal(vm_destroy(&v), 0);
}

static void unknown_calls_are_enosys(void **state)
{
    static const uint64_t numbers[] = {
        1,  2,  4,  5,  9,  16, 19, 22, 23, 25,  26,         28,
        30, 31, 39, 41, 48, 55, 56, 63, 64, 127, 0x80000000, UINT32_MAX};
    static const uint64_t ops[] = {
        WEIR_HYPERCALL_MEMORY_OP,      WEIR_HYPERCALL_XEN_VERSION,
        WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_HYPERCALL_VCPU_OP,
        WEIR_HYPERCALL_SCHED_OP,       WEIR_HYPERCALL_EVENT_CHANNEL_OP,
        WEIR_HYPERCALL_HVM_OP,         WEIR_HYPERCALL_PHYSDEV_OP};
    struct vm v = machine("unknown");

    (void)state;
    for (unsigned i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (vm_raw(&v, numbers[i], 1, VM_SCRATCH, 3, 4, 5) != -WEIR_ENOSYS)
            fail_msg("hypercall %llu is no -ENOSYS",
                     (unsigned long long)numbers[i]);
    for (unsigned i = 0; i < sizeof(ops) / sizeof(ops[0]); i++) {
        assert_int_equal(vm_raw(&v, ops[i], 200, 0, 0, 0, 0), -WEIR_ENOSYS);
        assert_int_equal(vm_raw(&v, ops[i], UINT64_MAX, 0, 0, 0, 0),
                         -WEIR_ENOSYS);
        vm_raw(&v, ops[i], 0x100000000u, UINT64_C(1) << 45, UINT64_C(1) << 45,
               0, 0);
    }
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

/* All operations that take a pointer, as bad as one can be. */
static void wild_pointers_are_efault(void **state)
{
    static const uint64_t bad[] = {UINT64_C(1) << 45,
                                   UINT64_C(0x00007ffffffff000),
                                   UINT64_C(0x8000000000000000),
                                   UINT64_MAX,
                                   UINT64_MAX - 7,
                                   UINT64_C(0xffff800000000000),
                                   UINT64_C(0x100000000) - 4,
                                   0x20000000 - 4};
    static const struct {
        uint8_t nr, cmd, third;
    } calls[] = {
        {WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_ADD_TO_PHYSMAP, 0},
        {WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_MEMORY_MAP, 0},
        {WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_EXTRAVERSION, 0},
        {WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_CAPABILITIES, 0},
        {WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_GET_FEATURES, 0},
        {WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_MAP_GRANT_REF, 1},
        {WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_UNMAP_GRANT_REF, 1},
        {WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_COPY, 1},
        {WEIR_HYPERCALL_GRANT_TABLE_OP, WEIR_GNTTABOP_QUERY_SIZE, 1},
        {WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_SHUTDOWN, 0},
        {WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL, 0},
        {WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_SEND, 0},
        {WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_ALLOC_UNBOUND, 0},
        {WEIR_HYPERCALL_EVENT_CHANNEL_OP, WEIR_EVTCHNOP_STATUS, 0},
        {WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_GET_PARAM, 0},
        {WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM, 0},
    };
    struct vm v = machine("wild");

    (void)state;
    for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        for (unsigned j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
            int64_t rc = vm_raw(&v, calls[i].nr, calls[i].cmd, bad[j],
                                calls[i].third, 0, 0);

            if (rc != -WEIR_EFAULT)
                fail_msg("%u.%u(0x%llx) is %lld", calls[i].nr, calls[i].cmd,
                         (unsigned long long)bad[j], (long long)rc);
        }
    /* These say how many were done. */
    for (unsigned j = 0; j < sizeof(bad) / sizeof(bad[0]); j++) {
        assert_true(vm_raw(&v, WEIR_HYPERCALL_MEMORY_OP,
                           WEIR_XENMEM_DECREASE_RESERVATION, bad[j], 0, 0,
                           0) <= 0);
        assert_true(vm_raw(&v, WEIR_HYPERCALL_MEMORY_OP,
                           WEIR_XENMEM_POPULATE_PHYSMAP, bad[j], 0, 0, 0) <= 0);
    }
    assert_int_equal(vm_info(&v).state, WEIR_DOM_RUNNING);
    assert_int_equal(vm_destroy(&v), 0);
}

static void registered_areas_lie_in_own_pages(void **state)
{
    static const uint64_t bad[] = {VM_BEYOND, 0xfee00000, UINT64_C(1) << 46,
                                   UINT64_MAX, VM_PAGES + 4090};
    struct vm v = machine("areas");
    struct weir_vcpu_register_vcpu_info r;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct weir_vcpu_area a = {bad[i]};

        if (bad[i] % 4096 == 0 && bad[i] != UINT64_MAX) {
            r = (struct weir_vcpu_register_vcpu_info){.mfn = bad[i] >> 12};
            assert_true(vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 0, &r,
                                   sizeof(r)) < 0);
        }
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA, 0, &a,
                   sizeof(a));
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA, 0, &a,
                   sizeof(a));
    }
    r = (struct weir_vcpu_register_vcpu_info){.mfn = VM_PAGES >> 12,
                                              .offset = 4096 - 63};
    assert_true(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 0, &r, sizeof(r)) < 0);
    r.offset = UINT32_MAX;
    assert_true(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 0, &r, sizeof(r)) < 0);
    r.offset = 64;
    assert_true(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 1, &r, sizeof(r)) < 0);
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 0, &r, sizeof(r)), 0);
    /* The page may be given back: weir-hv's writes go nowhere else. */
    vm_give_back(&v, VM_PAGES >> 12);
    vm_populate(&v, VM_PAGES >> 12);
    usleep(20000);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_balloon_stays_within_the_quota, clear),
        cmocka_unit_test_teardown(extents_are_done_one_after_the_other, clear),
        cmocka_unit_test_teardown(special_pages_are_put_where_the_guest_wants,
                                  clear),
        cmocka_unit_test_teardown(the_memory_map_is_true, clear),
        cmocka_unit_test_teardown(unknown_calls_are_enosys, clear),
        cmocka_unit_test_teardown(wild_pointers_are_efault, clear),
        cmocka_unit_test_teardown(registered_areas_lie_in_own_pages, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
