/* SPDX-License-Identifier: MIT
 *
 * sched_op: yielding, waiting for events, the guest's own end.
 */
#include "hypervisor/vm_call.h"

#include "ring/barrier.h"

#include <errno.h>
#include <sched.h>
#include <sys/ioctl.h>

/* A vCPU that sleeps in a hypercall takes no interrupt of its APIC.  One that
 * could take some sleeps no longer than this and looks again: the guest's
 * waits are loops. */
#define NAP_NS 10000000
/* In mode k events do not pass by weir-hv. */
#define KNAP_NS 1000000

#define RFLAGS_IF (1u << 9)

static bool any_pending(struct hv_vm *vm, const evtchn_port_t *port, unsigned n)
{
    const struct weir_shared_info *s = vm->xen_state.shared;

    for (unsigned i = 0; i < n; i++)
        if (weir_load_acquire64(&s->evtchn_pending[port[i] / 64]) >>
                (port[i] % 64) &
            1)
            return true;
    return false;
}

static bool interruptible(const struct hv_vcpu *v)
{
    return v->run->s.regs.regs.rflags & RFLAGS_IF;
}

/* Sleeps until one of the ports is pending, it is until_ns of guest time (0:
 * never), or the vCPU has something else to do. */
static void wait_for(struct hv_vcpu *v, const evtchn_port_t *port, unsigned n,
                     uint64_t until_ns, bool upcall)
{
    struct hv_vm *vm = v->vm;
    uint64_t start = hv_vm_now(vm), now = start;

    weir_xchg32(&v->xen.waiting, 1);
    while (!any_pending(vm, port, n) && !(upcall && hv_vcpu_pending(v)) &&
           !weir_load_acquire32(&vm->stop) &&
           !weir_load_acquire32(&vm->pause) && (!until_ns || now < until_ns)) {
        int64_t nap = until_ns ? (int64_t)(until_ns - now) : -1;

        if (interruptible(v) && now - start >= NAP_NS)
            break;
        if (interruptible(v) && (nap < 0 || nap > NAP_NS))
            nap = NAP_NS;
        if (vm->xen && (nap < 0 || nap > KNAP_NS))
            nap = KNAP_NS;
        hv_vcpu_wait(v, nap);
        now = hv_vm_now(vm);
    }
    weir_xchg32(&v->xen.waiting, 0);
    if (now == start)
        return;
    weir_count64(&v->xen.blocked_ns, now - start);
    if (weir_load_relaxed64(&v->xen.runstate_addr) &&
        hv_vcpu_runstate_write(v, v, v->xen.runstate_addr) < 0)
        weir_store_relaxed64(&v->xen.runstate_addr, 0); /* its page is gone */
}

/* One that interrupts can wake is halted, so that any does. */
static int64_t block(struct hv_vcpu *v)
{
    struct kvm_mp_state halted = {.mp_state = KVM_MP_STATE_HALTED};

    if (hv_vcpu_pending(v))
        return 0;
    if (!interruptible(v) || !hv_vcpu_vector(v) ||
        ioctl(v->fd, KVM_SET_MP_STATE, &halted) < 0)
        wait_for(v, NULL, 0, 0, true);
    return 0;
}

static int64_t poll_ports(struct hv_vcpu *v, uint64_t arg)
{
    evtchn_port_t port[WEIR_SCHED_POLL_MAX];
    struct weir_sched_poll x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.nr_ports > WEIR_SCHED_POLL_MAX)
        return -WEIR_EINVAL;
    rc = hv_vcpu_read(v, x.ports, port, x.nr_ports * sizeof(*port));
    if (rc < 0)
        return rc;
    for (unsigned i = 0; i < x.nr_ports; i++)
        if (port[i] == 0 || port[i] > v->vm->d->events.max)
            return -WEIR_EINVAL;
    if (x.timeout > INT64_MAX)
        x.timeout = 0;
    wait_for(v, port, x.nr_ports, x.timeout, interruptible(v));
    return 0;
}

/* arg: of the code that an earlier call left, if any, or of this one. */
static int64_t shut_down(struct hv_vcpu *v, uint64_t arg)
{
    struct hv_vm_xen *xs = &v->vm->xen_state;
    struct weir_sched_shutdown x;
    uint32_t noted = weir_load_relaxed32(&xs->shutdown_code);
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.reason > WEIR_SHUTDOWN_SOFT_RESET)
        return -WEIR_EINVAL;
    hv_vm_shutdown(v->vm, noted ? noted - 1 : x.reason);
    return 0;
}

static int64_t note_code(struct hv_vcpu *v, uint64_t arg)
{
    struct hv_vm_xen *xs = &v->vm->xen_state;
    struct weir_sched_shutdown x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.reason > WEIR_SHUTDOWN_SOFT_RESET)
        return -WEIR_EINVAL;
    weir_cmpxchg32(&xs->shutdown_code, 0, x.reason + 1);
    return 0;
}

int64_t hv_call_sched_op(struct hv_vcpu *v, const uint64_t a[5])
{
    switch (a[0]) {
    case WEIR_SCHEDOP_YIELD:
        sched_yield();
        return 0;
    case WEIR_SCHEDOP_BLOCK:
        return block(v);
    case WEIR_SCHEDOP_SHUTDOWN:
        return shut_down(v, a[1]);
    case WEIR_SCHEDOP_POLL:
        return poll_ports(v, a[1]);
    case WEIR_SCHEDOP_REMOTE_SHUTDOWN:
        return -WEIR_EPERM;
    case WEIR_SCHEDOP_SHUTDOWN_CODE:
        return note_code(v, a[1]);
    default:
        return -WEIR_ENOSYS;
    }
}
