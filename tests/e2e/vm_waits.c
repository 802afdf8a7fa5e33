/* SPDX-License-Identifier: MIT
 *
 * How the guest of a VM domain waits and is interrupted: upcalls, polls,
 * timers, a halted vCPU.
 */
#include "tests/e2e/vm_suite.h"

#define SOON   2000000000u /* ns */
#define VECTOR 0x71

static void set_callback(struct vm *v, uint8_t vector)
{
    struct weir_xen_hvm_param p = {
        .domid = WEIR_DOMID_SELF,
        .index = WEIR_HVM_PARAM_CALLBACK_IRQ,
        .value = (uint64_t)WEIR_HVM_CALLBACK_TYPE_VECTOR << 56 | vector};

    assert_int_equal(vm_call(v, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_PARAM, &p,
                             sizeof(p), 0),
                     0);
}

/* Where KVM has no Xen support, upcalls come by the local APIC: it is on, and
 * interrupts are ended there. */
static void enable_apic(struct vm *v)
{
    uint32_t enable = 0x1ff;

    vm_write(v, 0xfee000f0, &enable, sizeof(enable));
    vm_do(v, VM_EOI, 1, 0);
}

static uint64_t upcalls(struct vm *v, uint8_t vector)
{
    struct vm_answer r = vm_do(v, VM_COUNTS, vector, 1);

    assert_int_equal(r.rc, 0);
    return r.v[0];
}

/* As a guest's handler would: the next event interrupts again. */
static void handled(struct vm *v, uint32_t port)
{
    vm_poke(v, VM_SHARED, 0); /* upcall */
    vm_poke(v, VM_SHARED + offsetof(struct weir_vcpu_info, evtchn_pending_sel),
            0);
    vm_evt_pending(v, port, 0);
}

static void interrupts_a_guest(struct vm *v, uint8_t vector)
{
    struct puppet p = process("process");
    int64_t a = vm_evt_alloc(v, p.domid);
    struct puppet_answer b =
        puppet_do(&p, PUPPET_EVT_BIND, v->domid, (uint64_t)a, 0, 0);

    assert_int_equal(b.rc, 0);
    for (uint32_t i = 1; i < 64; i++) /* the console's own, for one */
        vm_evt_mask(v, i, i != (uint64_t)a);
    vm_do(v, VM_IF, 1, 0);
    handled(v, (uint32_t)a);
    upcalls(v, vector);
    for (int i = 0; i < 10; i++) {
        assert_int_equal(upcalls(v, vector), 0);
        puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0);
        assert_true(vm_evt_pending(v, (uint32_t)a, 1000));
        assert_int_equal(upcalls(v, vector), 1);
        assert_int_equal(vm_peek(v, VM_SHARED) & 0xff, 1);
        handled(v, (uint32_t)a);
    }
    /* Masked: pending, and silent until it is unmasked. */
    vm_evt_mask(v, (uint32_t)a, true);
    puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0);
    usleep(50000);
    assert_int_equal(upcalls(v, vector), 0);
    assert_int_equal(
        vm_evt_op(v, WEIR_EVTCHNOP_UNMASK, &(uint32_t){(uint32_t)a}, 4), 0);
    assert_int_equal(upcalls(v, vector), 1);
    assert_true(vm_evt_pending(v, (uint32_t)a, 0));
    assert_int_equal(puppet_destroy(&p), 0);
}

static void the_callback_vector_interrupts_a_guest(void **state)
{
    struct vm v = machine("old");

    (void)state;
    set_callback(&v, VECTOR);
    enable_apic(&v);
    interrupts_a_guest(&v, VECTOR);
    assert_int_equal(vm_destroy(&v), 0);
}

static void the_vcpus_own_vector_is_the_local_apics(void **state)
{
    struct vm v = machine("new");
    struct weir_xen_hvm_evtchn_upcall_vector u = {.vector = VECTOR + 1};

    (void)state;
    enable_apic(&v);
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_HVM_OP,
                             WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR, &u, sizeof(u),
                             0),
                     0);
    interrupts_a_guest(&v, VECTOR + 1);
    u.vcpu = 1;
    assert_true(vm_call(&v, WEIR_HYPERCALL_HVM_OP,
                        WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR, &u, sizeof(u),
                        0) < 0);
    u = (struct weir_xen_hvm_evtchn_upcall_vector){.vector = 15};
    assert_int_equal(vm_call(&v, WEIR_HYPERCALL_HVM_OP,
                             WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR, &u, sizeof(u),
                             0),
                     -WEIR_EINVAL);
    assert_int_equal(vm_destroy(&v), 0);
}

static int64_t poll_ports(struct vm *v, const uint32_t *ports, uint32_t n,
                          uint64_t timeout)
{
    struct {
        struct weir_sched_poll p;
        uint32_t ports[16];
    } a = {.p = {VM_SCRATCH + sizeof(a.p), n, timeout}};

    for (uint32_t i = 0; ports && i < n && i < 16; i++)
        a.ports[i] = ports[i];
    return vm_call(v, WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL, &a, sizeof(a),
                   0);
}

static void a_poll_ends_with_its_time_or_an_event(void **state)
{
    struct vm v = machine("poller");
    struct puppet p = process("process");
    uint32_t a = (uint32_t)vm_evt_alloc(&v, p.domid);
    uint32_t idle = (uint32_t)vm_evt_alloc(&v, p.domid);
    struct puppet_answer b = puppet_do(&p, PUPPET_EVT_BIND, v.domid, a, 0, 0);
    uint64_t start = vm_now(&v), took;

    (void)state;
    vm_evt_pending(&v, a, 0);
    assert_int_equal(
        poll_ports(&v, (uint32_t[]){idle, a}, 2, start + 100000000), 0);
    took = vm_now(&v) - start;
    assert_in_range(took, 100000000, 1000000000);
    start = vm_now(&v);
    assert_int_equal(poll_ports(&v, (uint32_t[]){idle}, 1, start - 5), 0);
    assert_true(vm_now(&v) - start < 50000000);
    /* Pending already: it does not sleep. */
    puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0);
    usleep(20000);
    start = vm_now(&v);
    assert_int_equal(poll_ports(&v, (uint32_t[]){idle, a}, 2, start + SOON), 0);
    assert_true(vm_now(&v) - start < 1000000000);
    assert_true(vm_evt_pending(&v, a, 0));
    /* Woken, though masked. */
    vm_evt_mask(&v, a, true);
    start = vm_now(&v);
    {
        struct {
            struct weir_sched_poll p;
            uint32_t port;
        } arg = {{VM_SCRATCH + sizeof(arg.p), 1, 0}, a};
        struct vm_order o = {.op = VM_CALL,
                             .in = sizeof(arg),
                             .a = WEIR_HYPERCALL_SCHED_OP,
                             .b = WEIR_SCHEDOP_POLL,
                             .c = VM_SCRATCH};

        assert_int_equal(vm_send(&v, &o, &arg), 0);
        usleep(50000);
        puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0);
        assert_int_equal(vm_await(&v, NULL, 0, 5000).rc, 0);
    }
    assert_int_equal(poll_ports(&v, NULL, 129, 1), -WEIR_EINVAL);
    assert_int_equal(poll_ports(&v, (uint32_t[]){5000}, 1, 1), -WEIR_EINVAL);
    assert_int_equal(vm_raw(&v, WEIR_HYPERCALL_SCHED_OP, WEIR_SCHEDOP_POLL,
                            UINT64_C(1) << 45, 0, 0, 0),
                     -WEIR_EFAULT);
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&p), 0);
}

static void a_timer_comes_once_and_not_before_its_time(void **state)
{
    struct vm v = machine("timer");
    int64_t port = vm_evt_virq(&v, WEIR_VIRQ_TIMER, 0);
    struct weir_vcpu_set_singleshot_timer t = {0, 0};
    uint64_t start;

    (void)state;
    assert_true(port > 0);
    assert_true(vm_evt_virq(&v, WEIR_VIRQ_TIMER, 0) < 0); /* -EEXIST */
    assert_true(vm_evt_virq(&v, WEIR_VIRQ_TIMER, 1) < 0);
    assert_true(vm_evt_virq(&v, WEIR_NR_VIRQS, 0) < 0);
    assert_true(vm_evt_virq(&v, UINT32_MAX, UINT32_MAX) < 0);
    start = vm_now(&v);
    t.timeout_abs_ns = start + 100000000;
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, 0, &t, sizeof(t)), 0);
    assert_false(vm_evt_pending(&v, (uint32_t)port, 0));
    assert_true(vm_evt_pending(&v, (uint32_t)port, 2000));
    assert_true(vm_now(&v) - start >= 100000000);
    assert_false(vm_evt_pending(&v, (uint32_t)port, 200));
    /* Of the past: at once, or an error where that was asked for. */
    t.timeout_abs_ns = start;
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, 0, &t, sizeof(t)), 0);
    assert_true(vm_evt_pending(&v, (uint32_t)port, 1000));
    t.flags = WEIR_VCPU_SSHOTTMR_FUTURE;
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, 0, &t, sizeof(t)),
        -62);
    assert_false(vm_evt_pending(&v, (uint32_t)port, 50));
    /* Stopped. */
    t = (struct weir_vcpu_set_singleshot_timer){vm_now(&v) + 50000000, 0};
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, 0, &t, sizeof(t)), 0);
    assert_int_equal(
        vm_vcpu_op(&v, WEIR_VCPUOP_STOP_SINGLESHOT_TIMER, 0, NULL, 0), 0);
    assert_false(vm_evt_pending(&v, (uint32_t)port, 200));
    /* Not on another vCPU. */
    assert_true(
        vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, 1, &t, sizeof(t)) < 0);
    assert_true(vm_vcpu_op(&v, WEIR_VCPUOP_SET_SINGLESHOT_TIMER, UINT32_MAX, &t,
                           sizeof(t)) < 0);
    assert_int_equal(vm_destroy(&v), 0);
}

static void a_halted_guest_wakes_for_an_event(void **state)
{
    struct vm v = machine("sleeper");
    struct puppet p = process("process");
    uint32_t a = (uint32_t)vm_evt_alloc(&v, p.domid);
    struct puppet_answer b = puppet_do(&p, PUPPET_EVT_BIND, v.domid, a, 0, 0);

    (void)state;
    set_callback(&v, VECTOR);
    enable_apic(&v);
    for (uint32_t i = 1; i < 64; i++)
        vm_evt_mask(&v, i, i != a);
    vm_do(&v, VM_IF, 1, 0);
    for (int i = 0; i < 2; i++) {
        struct vm_order halt = {.op = VM_HALT};
        struct vm_order block = {.op = VM_CALL,
                                 .a = WEIR_HYPERCALL_SCHED_OP,
                                 .b = WEIR_SCHEDOP_BLOCK};

        handled(&v, a);
        assert_int_equal(vm_send(&v, i ? &block : &halt, NULL), 0);
        assert_int_equal(vm_await(&v, NULL, 0, 200).rc, -EPIPE);
        puppet_do(&p, PUPPET_EVT_NOTIFY, b.v[0], 0, 0, 0);
        assert_int_equal(vm_await(&v, NULL, 0, 5000).rc, 0);
        vm_do(&v, VM_IF, 1, 0);
    }
    assert_int_equal(vm_destroy(&v), 0);
    assert_int_equal(puppet_destroy(&p), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(the_callback_vector_interrupts_a_guest,
                                  clear),
        cmocka_unit_test_teardown(the_vcpus_own_vector_is_the_local_apics,
                                  clear),
        cmocka_unit_test_teardown(a_poll_ends_with_its_time_or_an_event, clear),
        cmocka_unit_test_teardown(a_timer_comes_once_and_not_before_its_time,
                                  clear),
        cmocka_unit_test_teardown(a_halted_guest_wakes_for_an_event, clear),
    };

    return cmocka_run_group_tests(tests, setup, teardown);
}
