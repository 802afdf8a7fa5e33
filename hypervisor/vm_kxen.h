/* SPDX-License-Identifier: MIT
 *
 * Mode k: KVM has Xen's ABI itself.  KVM sets pending bits, injects, does the
 * guest's sends (between its own ports and to eventfds), its one-shot timers
 * and polls, and takes events from irqfds; weir-hv tells it where things are.
 * What concerns one vCPU only its own thread may tell (KVM holds a vCPU's lock
 * while it runs), so changes are noted in xen.todo.
 */
#ifndef WEIR_HYPERVISOR_VM_KXEN_H
#define WEIR_HYPERVISOR_VM_KXEN_H

#include "hypervisor/vm.h"

enum {
    HV_TODO_ID = 1,     /* before the first run */
    HV_TODO_INFO = 2,   /* vcpu info is elsewhere */
    HV_TODO_VECTOR = 4, /* upcall vector */
    HV_TODO_TIMER = 8,  /* port of its VIRQ_TIMER */
};

int hv_kxen_init(struct hv_vm *vm);
void hv_kxen_fini(struct hv_vm *vm);
/* With ports held.  A port's sends go to its eventfd, or round to itself; the
 * reverse; and it has another vCPU now. */
int hv_kxen_open(struct hv_vm *vm, evtchn_port_t port);
void hv_kxen_close(struct hv_vm *vm, evtchn_port_t port);
int hv_kxen_moved(struct hv_vm *vm, evtchn_port_t port);
/* With ports held.  Its events come from wait by KVM: false, weir-hv is to
 * watch it (always so until shared info is in its place). */
bool hv_kxen_irqfd(struct hv_vm *vm, evtchn_port_t port, int wait);
bool hv_kxen_has_irqfd(struct hv_vm *vm, evtchn_port_t port);
void hv_kxen_irqfd_end(struct hv_vm *vm, evtchn_port_t port, int wait);
/* With the machine's lock: as hv_vm_deliver.  False: KVM can't yet. */
bool hv_kxen_deliver(struct hv_vm *vm, evtchn_port_t port, unsigned vcpu);
/* With vm->lock: shared info is at gfn now. */
int hv_kxen_shared_info(struct hv_vm *vm, uint64_t gfn);
/* The domain's callback is another. */
int hv_kxen_callback(struct hv_vm *vm, uint64_t callback);

/* Note it for the vCPU's own thread, and what that does. */
void hv_kxen_todo(struct hv_vcpu *v, uint32_t what);
void hv_kxen_enter(struct hv_vcpu *v);
/* Own thread.  The guest-physical address of an area; 0: none any more. */
int hv_kxen_time_area(struct hv_vcpu *v, uint64_t gpa);
int hv_kxen_runstate_area(struct hv_vcpu *v, uint64_t gpa);
void hv_kxen_timer(struct hv_vcpu *v, uint64_t when_ns);

#endif
