/* SPDX-License-Identifier: MIT
 *
 * What a guest is told of its machine: CPUID, the hypercall page, versions,
 * features, clocks.
 */
#include "tests/e2e/vm_suite.h"

#include "ring/start_abi.h"

#include <time.h>

#define PAGE VM_PAGES

static uint32_t xen_base(struct vm *v)
{
    for (uint32_t base = WEIR_CPUID_FIRST; base < 0x40010000; base += 0x100)
        if (vm_do(v, VM_CPUID, base, 0).v[1] == WEIR_CPUID_SIGNATURE_EBX)
            return base;
    fail_msg("no leaf says Xen");
    return 0;
}

static void cpuid_says_xen(void **state)
{
    struct vm v = machine("asker");
    uint32_t base = xen_base(&v);
    struct vm_answer r = vm_do(&v, VM_CPUID, base, 0);

    (void)state;
    assert_int_equal(r.v[2], WEIR_CPUID_SIGNATURE_ECX);
    assert_int_equal(r.v[3], WEIR_CPUID_SIGNATURE_EDX);
    assert_in_range(r.v[0], base + 2, base + 0xff);
    r = vm_do(&v, VM_CPUID, base + 1, 0);
    assert_int_equal(r.v[0], vm_raw(&v, WEIR_HYPERCALL_XEN_VERSION,
                                    WEIR_XENVER_VERSION, 0, 0, 0, 0));
    r = vm_do(&v, VM_CPUID, base + 2, 0);
    assert_int_equal(r.v[0], 1);
    /* That it is a virtual machine at all. */
    assert_true(vm_do(&v, VM_CPUID, 1, 0).v[2] & 0x80000000);
    assert_int_equal(vm_destroy(&v), 0);
}

static int64_t stub(struct vm *v, unsigned nr, uint64_t a, uint64_t b,
                    uint64_t c)
{
    struct vm_order o = {.op = VM_STUB,
                         .a = PAGE + nr * WEIR_HYPERCALL_STUB,
                         .b = a,
                         .c = b,
                         .d = c};
    struct vm_answer r = vm_order(v, &o, NULL, NULL);

    if (r.rc == VM_TRAPPED)
        fail_msg("stub %u: exception %llu", nr, (unsigned long long)r.v[0]);
    return r.rc;
}

static void the_hypercall_page_has_all_calls(void **state)
{
    struct vm v = machine("caller");
    struct puppet p = process("peer");
    uint32_t msr = (uint32_t)vm_do(&v, VM_CPUID, xen_base(&v) + 2, 0).v[1];
    int64_t port = vm_evt_alloc(&v, p.domid);
    struct puppet_answer b;

    (void)state;
    assert_int_equal(msr, WEIR_XEN_HYPERCALL_MSR);
    assert_int_equal(vm_do(&v, VM_WRMSR, msr, PAGE).rc, 0);
    assert_true(stub(&v, WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_VERSION, 0,
                     0) >= 0x40000);
    assert_int_equal(
        stub(&v, WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_PAGESIZE, 0, 0), 4096);
    for (unsigned nr = 41; nr < WEIR_HYPERCALL_STUBS; nr++)
        assert_int_equal(stub(&v, nr, 0, 0, 0), -WEIR_ENOSYS);
    /* The one that goes another way. */
    b = puppet_do(&p, PUPPET_EVT_BIND, v.domid, (uint64_t)port, 0, 0);
    assert_int_equal(b.rc, 0);
    vm_process_pending(&p, b.v[0], 0);
    vm_poke(&v, VM_SCRATCH, (uint64_t)port);
    assert_int_equal(stub(&v, WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                          WEIR_EVTCHNOP_SEND, VM_SCRATCH, 0),
                     0);
    assert_true(vm_process_pending(&p, b.v[0], 2000000000u));
    vm_poke(&v, VM_SCRATCH, 1000);
    assert_int_equal(stub(&v, WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                          WEIR_EVTCHNOP_SEND, VM_SCRATCH, 0),
                     -WEIR_EINVAL);
    assert_int_equal(stub(&v, WEIR_HYPERCALL_EVENT_CHANNEL_OP,
                          WEIR_EVTCHNOP_INIT_CONTROL, VM_SCRATCH, 0),
                     -WEIR_ENOSYS);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&p), 0);
}

static void the_page_goes_to_own_memory_only(void **state)
{
    static const uint64_t bad[] = {VM_BEYOND, 0xfee00000, PAGE + 8,
                                   UINT64_C(1) << 45, UINT64_MAX};
    struct vm v = machine("pager"), g = machine("granter");
    struct vm_mapping m;

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct vm_answer r =
            vm_do(&v, VM_WRMSR, WEIR_XEN_HYPERCALL_MSR, bad[i]);

        assert_int_equal(r.rc, VM_TRAPPED);
        assert_int_equal(r.v[0], 13);
    }
    vm_poke(&g, VM_PAGES, 0x1234);
    vm_grant(&g, 8, v.domid, VM_PAGES >> 12, true);
    m = vm_map(&v, g.domid, 8, VM_BEYOND, true);
    assert_int_equal(m.status, 0);
    assert_int_equal(vm_do(&v, VM_WRMSR, WEIR_XEN_HYPERCALL_MSR, VM_BEYOND).rc,
                     VM_TRAPPED);
    assert_int_equal(vm_peek(&g, VM_PAGES), 0x1234);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(vm_destroy(&g), 0);
}

static void features_let_linux_start(void **state)
{
    struct vm v = machine("features");
    struct weir_xen_feature_info f = {.submap_idx = 0};
    char text[WEIR_XENVER_EXTRAVERSION_LEN] = "";

    (void)state;
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_XEN_VERSION,
                             WEIR_XENVER_GET_FEATURES, &f, sizeof(f), 0),
                     0);
    assert_true(f.submap & 1u << WEIR_XENFEAT_AUTO_TRANSLATED_PHYSMAP);
    assert_true(f.submap & 1u << WEIR_XENFEAT_HVM_SAFE_PVCLOCK);
    f = (struct weir_xen_feature_info){.submap_idx = 1000, .submap = 77};
    vm_call(&v, WEIR_HYPERCALL_XEN_VERSION, WEIR_XENVER_GET_FEATURES, &f,
            sizeof(f), 0);
    assert_true(f.submap == 0 || f.submap == 77);
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_XEN_VERSION,
                             WEIR_XENVER_EXTRAVERSION, text, sizeof(text), 0),
                     0);
    assert_true(memchr(text, 0, sizeof(text)) && text[0]);
    assert_int_equal(vm_destroy(&v), 0);
}

static uint64_t host_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static void its_clock_goes_as_the_hosts(void **state)
{
    struct vm v = machine("clock");
    uint64_t guest = vm_now(&v), host = host_ns(), sec;
    uint64_t at = VM_SHARED + offsetof(struct weir_shared_info, wc_sec);

    (void)state;
    usleep(500000);
    guest = vm_now(&v) - guest;
    host = host_ns() - host;
    /* An answer takes its time. */
    assert_in_range(guest, host - host / 10, host + host / 10);
    sec = vm_peek(&v, at & ~UINT64_C(7));
    sec = at & 7 ? sec >> 32 : sec & UINT32_MAX;
    assert_in_range(sec, (uint64_t)time(NULL) - 60, (uint64_t)time(NULL) + 1);
    assert_int_equal(vm_destroy(&v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(cpuid_says_xen, clear),
        cmocka_unit_test_teardown(the_hypercall_page_has_all_calls, clear),
        cmocka_unit_test_teardown(the_page_goes_to_own_memory_only, clear),
        cmocka_unit_test_teardown(features_let_linux_start, clear),
        cmocka_unit_test_teardown(its_clock_goes_as_the_hosts, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
