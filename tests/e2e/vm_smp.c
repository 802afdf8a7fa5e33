/* SPDX-License-Identifier: MIT
 *
 * VM domains with several vCPUs.
 */
#include "tests/e2e/vm_suite.h"

#include "ring/start_abi.h"

#define TRAMPOLINE 0x9000u /* below 1 MiB, the page number is the SIPI's */
#define VECTOR     0x71

static struct vm smp(unsigned vcpus)
{
    struct weir_hv_create how = vm_how("smp");

    how.vcpus = vcpus;
    return vm_start(&world, how);
}

/* Answers when it is there. */
static void expect_cpu(struct vm *v, unsigned cpu)
{
    struct vm_order ping = {.op = VM_PING, .cpu = (uint16_t)cpu};
    struct vm_answer r = vm_order(v, &ping, NULL, NULL);

    if (r.rc != 0)
        fail_msg("vCPU %u does not answer; state %d %s; console: %s", cpu,
                 vm_info(v).state, vm_info(v).reason, v->text);
}

/* As firmware says it is done: INIT, then SIPI, by the local APIC. */
static void by_sipi(struct vm *v, unsigned cpu)
{
    struct vm_answer where = vm_do(v, VM_WHERE, 0, 0);
    uint8_t code[128];
    uint32_t word = cpu, enable = 0x1ff;

    vm_write(v, 0xfee000f0, &enable, 4);
    vm_read(v, where.v[2], code, sizeof(code));
    vm_write(v, TRAMPOLINE, code, sizeof(code));
    vm_write(v, TRAMPOLINE + 0xffc, &word, 4);
    word = cpu << 24;
    vm_write(v, 0xfee00310, &word, 4);
    word = 0x4500; /* INIT */
    vm_write(v, 0xfee00300, &word, 4);
    usleep(10000);
    word = 0x4600 | TRAMPOLINE >> 12;
    vm_write(v, 0xfee00300, &word, 4);
    expect_cpu(v, cpu);
}

static void enable_apic(struct vm *v, unsigned cpu)
{
    struct vm_order o = {
        .op = VM_WRITE, .cpu = (uint16_t)cpu, .in = 4, .a = 0xfee000f0};
    uint32_t enable = 0x1ff;

    assert_int_equal(vm_order(v, &o, &enable, NULL).rc, 0);
    vm_do(v, VM_EOI, 1, 0);
}

static void each_vcpu_knows_its_number(struct vm *v, unsigned n)
{
    for (unsigned cpu = 0; cpu < n; cpu++) {
        struct vm_order o = {
            .op = VM_CPUID, .cpu = (uint16_t)cpu, .a = 0x40000000};
        struct vm_answer r;

        for (o.a = 0x40000000; o.a < 0x40010000; o.a += 0x100) {
            r = vm_order(v, &o, NULL, NULL);
            if (r.v[1] == WEIR_CPUID_SIGNATURE_EBX)
                break;
        }
        assert_int_equal(r.v[1], WEIR_CPUID_SIGNATURE_EBX);
        assert_int_equal(r.v[2], WEIR_CPUID_SIGNATURE_ECX);
        assert_int_equal(r.v[3], WEIR_CPUID_SIGNATURE_EDX);
        o.a += 4;
        r = vm_order(v, &o, NULL, NULL);
        assert_true(r.v[0] & WEIR_CPUID_HVM_VCPU_ID);
        assert_int_equal(r.v[1], cpu);
    }
}

static void vcpus_start_by_sipi(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 8; n += 3) {
        struct vm v = smp(n);

        for (unsigned cpu = 1; cpu < n; cpu++)
            by_sipi(&v, cpu);
        each_vcpu_knows_its_number(&v, n);
        assert_int_equal(vm_destroy(&v), 0);
    }
}

static void vcpus_start_by_hypercall(void **state)
{
    (void)state;
    for (unsigned n = 2; n <= 8; n += 3) {
        struct vm v = smp(n);

        for (unsigned cpu = n - 1; cpu > 0; cpu--)
            vm_start_cpu(&v, cpu);
        each_vcpu_knows_its_number(&v, n);
        assert_int_equal(vm_destroy(&v), 0);
    }
}

static void vcpus_that_are_not_there_are_refused(void **state)
{
    static const unsigned bad[] = {2, 8, 31, 32, 64, 0x80000000, UINT32_MAX};
    struct vm v = smp(2);
    uint8_t arg[256] = {0};

    (void)state;
    for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        for (unsigned cmd = 0; cmd < 16; cmd++)
            if (vm_vcpu_op(&v, cmd, bad[i], arg, sizeof(arg)) >= 0)
                fail_msg("vcpu_op %u of vCPU %u", cmd, bad[i]);
    assert_true(vm_vcpu_op(&v, WEIR_VCPUOP_UP, 1, NULL, 0) < 0);
    /* Registers that no processor takes are that vCPU's own end, or an
     * error. */
    memset(arg, 0xff, sizeof(arg));
    assert_true(vm_vcpu_op(&v, WEIR_VCPUOP_INITIALISE, 1, arg, sizeof(arg)) <
                0);
    vm_start_cpu(&v, 1);
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_INITIALISE, 1, arg, sizeof(arg)) < 0, 1);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void impossible_registers_end_the_guest_alone(void **state)
{
    struct vm other = machine("other");

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct vm v = smp(2);
        struct weir_vcpu_hvm_context c = {.mode = WEIR_VCPU_HVM_MODE_64B};
        struct vm_answer where = vm_do(&v, VM_WHERE, 0, 0);

        c.u.x86_64.rip = i == 0 ? UINT64_C(0x8000000000000000) : where.v[0];
        c.u.x86_64.rdi = 1;
        c.u.x86_64.cr0 = i == 1 ? 0x80000000 : TINY_CR0;
        c.u.x86_64.cr3 = i == 2 ? UINT64_C(1) << 50 : where.v[1];
        c.u.x86_64.cr4 = i == 3 ? UINT64_MAX : TINY_CR4;
        c.u.x86_64.efer = TINY_EFER | 0x400;
        c.u.x86_64.rflags = 2;
        if (vm_vcpu_op(&v, WEIR_VCPUOP_INITIALISE, 1, &c, sizeof(c)) == 0 &&
            vm_vcpu_op(&v, WEIR_VCPUOP_UP, 1, NULL, 0) == 0)
            usleep(50000);
        assert_int_equal(vm_do(&other, VM_PING, 0, 0).rc, 0);
        assert_int_equal(vm_destroy(&v), 0);
    }
    assert_int_equal(vm_destroy(&other), 0);
}

static void an_ipi_reaches_its_vcpu(void **state)
{
    struct vm v = smp(2);
    struct weir_evtchn_bind_ipi b = {.vcpu = 1};
    struct weir_vcpu_register_vcpu_info info = {.mfn = VM_PAGES >> 12,
                                                .offset = 128};
    struct weir_xen_hvm_param p = {
        .domid = WEIR_DOMID_SELF,
        .index = WEIR_HVM_PARAM_CALLBACK_IRQ,
        .value = (uint64_t)WEIR_HVM_CALLBACK_TYPE_VECTOR << 56 | VECTOR};
    struct vm_order count = {.op = VM_COUNTS, .cpu = 1, .a = VECTOR, .b = 1};

    (void)state;
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_REGISTER_VCPU_INFO, 1, &info, sizeof(info)),
        0);
    vm_start_cpu(&v, 1);
    enable_apic(&v, 1);
    /* At registration every word counts as pending. */
    vm_poke(&v, VM_PAGES + 128, 0);
    vm_poke(&v, VM_PAGES + 128 + 8, 0);
    vm_call(&v, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM, &p, sizeof(p), 0);
    assert_int_equal(vm_evt_op(&v, WEIR_EVTCHNOP_BIND_IPI, &b, sizeof(b)), 0);
    for (uint32_t i = 1; i < 64; i++)
        vm_evt_mask(&v, i, i != b.port);
    vm_order(&v, &(struct vm_order){.op = VM_IF, .cpu = 1, .a = 1}, NULL, NULL);
    vm_order(&v, &count, NULL, NULL);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(vm_evt_send(&v, b.port), 0);
        usleep(20000);
        assert_int_equal(vm_order(&v, &count, NULL, NULL).v[0], 1);
        assert_int_equal(vm_do(&v, VM_COUNTS, VECTOR, 0).v[0], 0);
        assert_int_equal(vm_peek(&v, VM_PAGES + 128) & 0xff, 1);
        vm_poke(&v, VM_PAGES + 128, 0); /* upcall, and the selector */
        vm_poke(&v, VM_PAGES + 128 + 8, 0);
        assert_true(vm_evt_pending(&v, b.port, 0));
    }
    b.vcpu = 2;
    assert_true(vm_evt_op(&v, WEIR_EVTCHNOP_BIND_IPI, &b, sizeof(b)) < 0);
    b.vcpu = UINT32_MAX;
    assert_true(vm_evt_op(&v, WEIR_EVTCHNOP_BIND_IPI, &b, sizeof(b)) < 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void spinning_vcpus_are_ended_at_once(void **state)
{
    struct vm v = smp(4);

    (void)state;
    for (uint16_t cpu = 1; cpu < 4; cpu++) {
        struct vm_order storm = {.op = cpu % 2 ? VM_SPIN : VM_STORM,
                                 .cpu = cpu,
                                 .a = WEIR_HYPERCALL_XEN_VERSION};

        vm_start_cpu(&v, cpu);
        assert_int_equal(vm_order(&v, &storm, NULL, NULL).rc, 0);
    }
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(weir_hvctl_pause(world.ctl, v.domid), 0);
    assert_int_equal(weir_hvctl_unpause(world.ctl, v.domid), 0);
    assert_int_equal(vm_do(&v, VM_PING, 0, 0).rc, 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void one_vcpus_triple_fault_is_the_domains_end(void **state)
{
    struct vm v = smp(2);
    struct vm_order triple = {.op = VM_TRIPLE, .cpu = 1};

    (void)state;
    vm_start_cpu(&v, 1);
    vm_send(&v, &triple, NULL);
    vm_expect(&v, WEIR_DOM_CRASHED, "triple fault");
    assert_int_equal(vm_destroy(&v), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(vcpus_start_by_sipi, clear),
        cmocka_unit_test_teardown(vcpus_start_by_hypercall, clear),
        cmocka_unit_test_teardown(vcpus_that_are_not_there_are_refused, clear),
        cmocka_unit_test_teardown(impossible_registers_end_the_guest_alone,
                                  clear),
        cmocka_unit_test_teardown(an_ipi_reaches_its_vcpu, clear),
        cmocka_unit_test_teardown(spinning_vcpus_are_ended_at_once, clear),
        cmocka_unit_test_teardown(one_vcpus_triple_fault_is_the_domains_end,
                                  clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
