/* SPDX-License-Identifier: MIT
 *
 * Events of VM domains, with and without KVM's Xen support: bits, interrupts,
 * and what KVM is told.
 */
#include "tests/unit/vm_calls_world.h"

#include <poll.h>
#include <unistd.h>

#define VECTOR 0x73

static struct weir_vcpu_info *info(struct hv_vm *vm, unsigned vcpu)
{
    return vm->vcpu[vcpu].xen.info;
}

static void settle(struct hv_vm *vm)
{
    struct pollfd p = {.fd = vm->xen_state.epoll, .events = POLLIN};

    for (int i = 0; i < 100 && poll(&p, 1, 0) > 0; i++)
        hv_vm_events(vm);
    assert_int_equal(poll(&p, 1, 0), 0);
}

/* As the guest's upcall does. */
static void handled(struct hv_vm *vm, unsigned vcpu)
{
    info(vm, vcpu)->evtchn_upcall_pending = 0;
    info(vm, vcpu)->evtchn_pending_sel = 0;
    memset(vm->xen_state.shared->evtchn_pending, 0, 512);
    vm_fake.msis = 0;
}

static void one_interrupt_until_the_guest_looked(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);

    (void)state;
    assert_true(pending(w.b, b)); /* a new port is */
    assert_int_equal(set_vector(w.a, 0, VECTOR), 0);
    settle(w.a);
    handled(w.a, 0);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
        assert_true(pending(w.a, a));
        assert_int_equal(info(w.a, 0)->evtchn_pending_sel, UINT64_C(1)
                                                               << a / 64);
        assert_int_equal(info(w.a, 0)->evtchn_upcall_pending, 1);
        assert_int_equal(vm_fake.msis, 1);
    }
    assert_int_equal(vm_fake.vector, VECTOR);
    assert_int_equal(vm_fake.vcpu, 0);
    /* Its bit is cleared, the word's is not: no interrupt for the word. */
    w.a->xen_state.shared->evtchn_pending[0] = 0;
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_int_equal(vm_fake.msis, 1);
    /* Nor for the vCPU, which did not take its upcall yet. */
    w.a->xen_state.shared->evtchn_pending[0] = 0;
    info(w.a, 0)->evtchn_pending_sel = 0;
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_int_equal(info(w.a, 0)->evtchn_pending_sel, 1);
    assert_int_equal(vm_fake.msis, 1);
    handled(w.a, 0);
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_int_equal(vm_fake.msis, 1);
}

static void masked_ports_are_silent_until_unmasked(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);

    (void)state;
    set_vector(w.a, 0, VECTOR);
    settle(w.a);
    handled(w.a, 0);
    w.a->xen_state.shared->evtchn_mask[0] = UINT64_MAX;
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_true(pending(w.a, a));
    assert_int_equal(info(w.a, 0)->evtchn_pending_sel, 0);
    assert_int_equal(vm_fake.msis, 0);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_UNMASK, &a, sizeof(a)), 0);
    assert_int_equal(vm_fake.msis, 1);
    assert_int_equal(info(w.a, 0)->evtchn_pending_sel, 1);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_UNMASK, &a, sizeof(a)), 0);
    assert_int_equal(vm_fake.msis, 1);
}

static void a_port_interrupts_the_vcpu_it_was_bound_to(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);
    struct weir_evtchn_bind_vcpu v = {a, 1};
    struct weir_evtchn_bind_ipi ipi = {1, 0};

    (void)state;
    set_vector(w.a, 0, VECTOR);
    set_vector(w.a, 1, VECTOR + 1);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VCPU, &v, sizeof(v)), 0);
    settle(w.a);
    handled(w.a, 1);
    hv_vm_send(&w.b->vcpu[0], b);
    assert_int_equal(vm_fake.vcpu, 1);
    assert_int_equal(vm_fake.vector, VECTOR + 1);
    handled(w.a, 1);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_IPI, &ipi, sizeof(ipi)), 0);
    hv_vm_send(&w.a->vcpu[0], ipi.port);
    assert_int_equal(vm_fake.msis, 1);
    assert_int_equal(vm_fake.vcpu, 1);
    v = (struct weir_evtchn_bind_vcpu){ipi.port, 0};
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VCPU, &v, sizeof(v)),
                     -WEIR_EINVAL);
    v = (struct weir_evtchn_bind_vcpu){a, 2};
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VCPU, &v, sizeof(v)),
                     -WEIR_ENOENT);
}

static void moving_its_info_loses_no_event(void **state)
{
    struct weir_vcpu_register_vcpu_info r = {10, 256, 0};
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);
    struct weir_vcpu_info *there = (void *)vm_fake_at(w.a, 10 * 4096 + 256);

    (void)state;
    set_vector(w.a, 0, VECTOR);
    settle(w.a);
    handled(w.a, 0);
    hv_vm_send(&w.b->vcpu[0], b);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_VCPU_OP,
                          WEIR_VCPUOP_REGISTER_VCPU_INFO, &r, sizeof(r)),
                     0);
    assert_ptr_equal(info(w.a, 0), there);
    assert_int_equal(there->evtchn_upcall_pending, 1);
    assert_true(there->evtchn_pending_sel == UINT64_MAX);
    assert_true(there->time.tsc_to_system_mul != 0);
    assert_int_equal(vm_fake.msis, 2);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_VCPU_OP,
                          WEIR_VCPUOP_REGISTER_VCPU_INFO, &r, sizeof(r)),
                     -WEIR_EINVAL);
    /* The page may be given back; what weir-hv writes to stays its own. */
    struct weir_xen_remove_from_physmap x = {WEIR_DOMID_SELF, 10};

    assert_int_equal(call(w.a, WEIR_HYPERCALL_MEMORY_OP,
                          WEIR_XENMEM_REMOVE_FROM_PHYSMAP, &x, sizeof(x)),
                     0);
    handled(w.a, 0);
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_int_equal(there->evtchn_upcall_pending, 1);
}

static void peers_come_and_go(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);
    struct weir_evtchn_status s = {.dom = WEIR_DOMID_SELF, .port = a};
    struct weir_evtchn_bind_interdomain again = {1, a, 0};

    (void)state;
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_STATUS, &s, sizeof(s)), 0);
    assert_int_equal(s.status, WEIR_EVTCHNSTAT_INTERDOMAIN);
    assert_int_equal(s.u.interdomain.dom, 2);
    assert_int_equal(s.u.interdomain.port, b);
    assert_int_equal(
        evt(w.b, WEIR_EVTCHNOP_BIND_INTERDOMAIN, &again, sizeof(again)),
        -WEIR_EINVAL); /* it is taken */
    assert_int_equal(close_port(w.b, b), 0);
    assert_int_equal(close_port(w.b, b), -WEIR_EINVAL);
    assert_false(pending(w.b, b));
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), -WEIR_EINVAL);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_STATUS, &s, sizeof(s)), 0);
    assert_int_equal(s.status, WEIR_EVTCHNSTAT_UNBOUND);
    assert_int_equal(s.u.unbound.dom, 2);
    /* Sent to nobody; whoever binds next finds it. */
    assert_int_equal(hv_vm_send(&w.a->vcpu[0], a), 0);
    b = bind_port(w.b, 1, a);
    assert_true(pending(w.b, b));
    again.remote_dom = 77;
    assert_int_equal(
        evt(w.b, WEIR_EVTCHNOP_BIND_INTERDOMAIN, &again, sizeof(again)),
        -WEIR_ESRCH);
}

static void ports_are_limited_and_what_kvm_knows_goes_with_them(void **state)
{
    struct weir_evtchn_alloc_unbound x = {WEIR_DOMID_SELF, 2, 0};
    unsigned before = vm_fake.ioeventfds + vm_fake.assigned, had = 0;
    uint16_t self[2] = {WEIR_DOMID_SELF, 0};
    unsigned used = w.a->d->events.used, all = fake_machine()->ports;

    (void)state;
    while (evt(w.a, WEIR_EVTCHNOP_ALLOC_UNBOUND, &x, sizeof(x)) == 0)
        had++;
    assert_int_equal(had, 12 - used);
    assert_int_equal(vm_fake.ioeventfds + vm_fake.assigned, before + had);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_ALLOC_UNBOUND, &x, sizeof(x)),
                     -WEIR_ENOSPC);
    /* All but the console's, which is weir-hv's. */
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_RESET, self, sizeof(self)), 0);
    assert_int_equal(w.a->d->events.used, 1);
    assert_int_equal(vm_fake.ioeventfds + vm_fake.assigned, before - used + 1);
    assert_int_equal(fake_machine()->ports, all - used + 1);
    x.dom = 2;
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_ALLOC_UNBOUND, &x, sizeof(x)),
                     -WEIR_EPERM);
    x.dom = 99;
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_ALLOC_UNBOUND, &x, sizeof(x)),
                     -WEIR_ESRCH);
}

static void events_come_where_kvm_refuses_descriptors(void **state)
{
    static const uint64_t one = 1;
    evtchn_port_t a, b;

    (void)state;
    vm_fake.refuse = true;
    a = alloc_port(w.a, 2);
    b = bind_port(w.b, 1, a);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 0, 12), 0);
    settle(w.a);
    handled(w.a, 0);
    vm_fake.sends = 0;
    /* As a process that has the eventfd. */
    if (write(hv_port_notify_fd(hv_event_get(&w.b->d->events, b)), &one,
              sizeof(one)) != sizeof(one))
        fail();
    settle(w.a);
    if (w.a->xen)
        assert_int_equal(vm_fake.send_port, a);
    else
        assert_true(pending(w.a, a));
}

/* Such a port may have been moved: its virtual interrupt is vCPU 0's. */
static void a_closed_virq_can_be_bound_again(void **state)
{
    struct weir_evtchn_bind_virq v = {.virq = 3};
    struct weir_evtchn_bind_vcpu to = {.vcpu = 1};

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VIRQ, &v, sizeof(v)), 0);
        to.port = v.port;
        assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VCPU, &to, sizeof(to)), 0);
        assert_int_equal(close_port(w.a, v.port), 0);
    }
}

static void a_timer_fires_once(void **state)
{
    struct weir_evtchn_bind_virq v = {WEIR_VIRQ_TIMER, 0, 0};
    struct weir_vcpu_set_singleshot_timer t = {1, 0};

    (void)state;
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VIRQ, &v, sizeof(v)), 0);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VIRQ, &v, sizeof(v)),
                     -WEIR_EEXIST);
    assert_int_equal(hv_vm_send(&w.a->vcpu[0], v.port), -WEIR_EINVAL);
    assert_int_equal(call(w.a, WEIR_HYPERCALL_VCPU_OP,
                          WEIR_VCPUOP_SET_SINGLESHOT_TIMER, &t, sizeof(t)),
                     0);
    usleep(2000);
    hv_vm_events(w.a);
    assert_true(pending(w.a, v.port));
    handled(w.a, 0);
    hv_vm_events(w.a);
    assert_false(pending(w.a, v.port));
    t.flags = WEIR_VCPU_SSHOTTMR_FUTURE;
    assert_int_equal(call(w.a, WEIR_HYPERCALL_VCPU_OP,
                          WEIR_VCPUOP_SET_SINGLESHOT_TIMER, &t, sizeof(t)),
                     -WEIR_ETIME);
}

/* ---- mode k ------------------------------------------------------------- */

static void kvm_takes_over_when_shared_info_is_in_place(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b;
    unsigned routes = vm_fake.routes;

    (void)state;
    assert_true(w.a->xen);
    assert_int_equal(vm_fake.irqfds, 0);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 0, 12), 0);
    assert_int_equal(vm_fake.shared_gfn, 12);
    /* Console, store, and the one of above. */
    assert_int_equal(vm_fake.irqfds, 3);
    assert_true(vm_fake.routes > routes);
    b = bind_port(w.b, 1, a);
    assert_int_equal(hv_vm_send(&w.b->vcpu[0], b), 0);
    assert_int_equal(close_port(w.a, a), 0);
    assert_int_equal(vm_fake.irqfds, 2);
    a = alloc_port(w.a, 2);
    assert_int_equal(vm_fake.irqfds, 3);
}

static void kvm_is_told_by_the_vcpus_own_thread(void **state)
{
    struct weir_evtchn_bind_virq v = {WEIR_VIRQ_TIMER, 1, 0};

    (void)state;
    hv_vcpu_xen_enter(&w.a->vcpu[0]);
    hv_vcpu_xen_enter(&w.a->vcpu[1]);
    assert_int_equal(w.a->vcpu[1].xen.todo, 0);
    assert_int_equal(set_vector(w.a, 1, VECTOR), 0);
    assert_int_not_equal(w.a->vcpu[1].xen.todo, 0);
    assert_int_equal(evt(w.a, WEIR_EVTCHNOP_BIND_VIRQ, &v, sizeof(v)), 0);
    assert_int_equal(put_special(w.a, WEIR_XENMAPSPACE_SHARED_INFO, 0, 12), 0);
    hv_vcpu_xen_enter(&w.a->vcpu[1]);
    assert_int_equal(w.a->vcpu[1].xen.todo, 0);
    /* The guest is to look everywhere: KVM wrote to other places before. */
    assert_int_equal(info(w.a, 1)->evtchn_upcall_pending, 1);
    assert_true(info(w.a, 1)->evtchn_pending_sel == UINT64_MAX);
    assert_int_equal(vm_fake.vector, VECTOR);
}

static void before_that_bits_wait_for_the_guest(void **state)
{
    evtchn_port_t a = alloc_port(w.a, 2), b = bind_port(w.b, 1, a);

    (void)state;
    hv_vm_send(&w.b->vcpu[0], b);
    settle(w.a);
    assert_true(pending(w.a, a));
    assert_int_equal(vm_fake.sends, 0);
}

#define S(f) cmocka_unit_test_setup_teardown(f, world_s, world_end)
#define K(f) cmocka_unit_test_setup_teardown(f, world_k, world_end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        S(one_interrupt_until_the_guest_looked),
        S(masked_ports_are_silent_until_unmasked),
        S(a_port_interrupts_the_vcpu_it_was_bound_to),
        S(moving_its_info_loses_no_event),
        S(peers_come_and_go),
        S(ports_are_limited_and_what_kvm_knows_goes_with_them),
        K(ports_are_limited_and_what_kvm_knows_goes_with_them),
        S(events_come_where_kvm_refuses_descriptors),
        K(events_come_where_kvm_refuses_descriptors),
        S(a_closed_virq_can_be_bound_again),
        S(a_timer_fires_once),
        K(kvm_takes_over_when_shared_info_is_in_place),
        K(kvm_is_told_by_the_vcpus_own_thread),
        K(before_that_bits_wait_for_the_guest),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
