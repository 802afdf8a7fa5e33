/* SPDX-License-Identifier: MIT
 *
 * Hypercalls of VM domains: which handler has which number.
 */
#include "hypervisor/vm_call.h"

#include "ring/barrier.h"

static int64_t refuse(struct hv_vcpu *v, const uint64_t a[5])
{
    (void)v;
    (void)a;
    return -WEIR_EPERM;
}

static hv_vmcall_fn *const calls[] = {
    [WEIR_HYPERCALL_MEMORY_OP] = hv_call_memory_op,
    [WEIR_HYPERCALL_SET_TIMER_OP] = hv_call_set_timer_op,
    [WEIR_HYPERCALL_XEN_VERSION] = hv_call_xen_version,
    [WEIR_HYPERCALL_CONSOLE_IO] = hv_call_console_io,
    [WEIR_HYPERCALL_GRANT_TABLE_OP] = hv_call_grant_table_op,
    [WEIR_HYPERCALL_VM_ASSIST] = hv_call_vm_assist,
    [WEIR_HYPERCALL_VCPU_OP] = hv_call_vcpu_op,
    [WEIR_HYPERCALL_SCHED_OP] = hv_call_sched_op,
    [WEIR_HYPERCALL_EVENT_CHANNEL_OP] = hv_call_event_channel_op,
    [WEIR_HYPERCALL_HVM_OP] = hv_call_hvm_op,
    [WEIR_HYPERCALL_SYSCTL] = refuse,
    [WEIR_HYPERCALL_DOMCTL] = refuse,
};

int64_t hv_vmcall(struct hv_vcpu *v, uint64_t nr, const uint64_t a[5])
{
    if (nr >= sizeof(calls) / sizeof(calls[0]) || !calls[nr])
        return -WEIR_ENOSYS;
    return calls[nr](v, a);
}

int hv_vm_self(const struct hv_vm *vm, uint32_t domid)
{
    const struct hv_domain *d = vm->d;
    bool there;

    if (domid == WEIR_DOMID_SELF || domid == d->domid)
        return 0;
    pthread_mutex_lock(&d->m->lock);
    there = hv_domain_get(d->m, domid) != NULL;
    pthread_mutex_unlock(&d->m->lock);
    return there ? -WEIR_EPERM : -WEIR_ESRCH;
}

bool hv_vcpu_go_on(struct hv_vcpu *v)
{
    struct hv_vm *vm = v->vm;

    while (weir_load_acquire32(&vm->pause) && !weir_load_acquire32(&vm->stop))
        hv_vcpu_wait(v, -1);
    return !weir_load_acquire32(&vm->stop);
}
