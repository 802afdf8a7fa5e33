/* SPDX-License-Identifier: MIT
 *
 * Hypercalls of VM domains: one handler a number, called on the vCPU's own
 * thread without locks.  They return what the guest gets.
 */
#ifndef WEIR_HYPERVISOR_VM_CALL_H
#define WEIR_HYPERVISOR_VM_CALL_H

#include "hypervisor/vm.h"
#include "ring/error.h"
#include "ring/hypercall_abi.h"

#define HV_XEN_VERSION (4u << 16 | 17u)

typedef int64_t hv_vmcall_fn(struct hv_vcpu *v, const uint64_t a[5]);

hv_vmcall_fn hv_call_memory_op;
hv_vmcall_fn hv_call_grant_table_op;
hv_vmcall_fn hv_call_event_channel_op;
hv_vmcall_fn hv_call_vcpu_op;
hv_vmcall_fn hv_call_sched_op;
hv_vmcall_fn hv_call_set_timer_op;
hv_vmcall_fn hv_call_xen_version;
hv_vmcall_fn hv_call_hvm_op;
hv_vmcall_fn hv_call_console_io;
hv_vmcall_fn hv_call_vm_assist;

/* vm_call.c.  A domid field that must be the caller: 0, -ESRCH, -EPERM. */
int hv_vm_self(const struct hv_vm *vm, uint32_t domid);
/* Between elements of a batch: false when the vCPU is to stop; sleeps while
 * its domain is paused. */
bool hv_vcpu_go_on(struct hv_vcpu *v);

/* vm_event.c. */
/* The port of a VM's table is there: the kernel tells of its events, and takes
 * its sends; and the reverse, before it is closed.  With ports, without the
 * machine's lock. */
int hv_vm_watch_port(struct hv_vm *vm, evtchn_port_t port);
void hv_vm_unwatch_port(struct hv_vm *vm, evtchn_port_t port);
/* Mode k, without locks: shared info is in its place, KVM can do it. */
void hv_vm_watch_again(struct hv_vm *vm);
/* With the machine's lock: make it look at its pending bits. */
void hv_vcpu_upcall(struct hv_vcpu *v);
/* With the machine's lock: a masked port that was pending, and no longer is
 * masked. */
void hv_vm_unmask(struct hv_vm *vm, evtchn_port_t port);
/* The vector that its events interrupt it with; 0: none. */
uint32_t hv_vcpu_vector(const struct hv_vcpu *v);
/* Events pending for v? */
bool hv_vcpu_pending(const struct hv_vcpu *v);

/* vm_time.c.  The one-shot timer of a vCPU: guest time, 0 for none. */
int hv_vcpu_timer_init(struct hv_vcpu *v);
void hv_vcpu_timer_set(struct hv_vcpu *v, uint64_t when_ns);
void hv_vcpu_runstate(struct hv_vcpu *v, struct weir_vcpu_runstate_info *out);
/* Copies where the guest wants them, by the page tables of the vCPU whose
 * thread calls: v's time (which is every vCPU's, mode s), a vCPU's run
 * states. */
int hv_vcpu_time_area(struct hv_vcpu *v, uint64_t addr);
int hv_vcpu_runstate_write(struct hv_vcpu *by, struct hv_vcpu *v,
                           uint64_t addr);

#endif
