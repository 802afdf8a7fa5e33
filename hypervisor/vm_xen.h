/* SPDX-License-Identifier: MIT
 *
 * Xen's ABI towards a VM domain's guest: hypercalls, events, time.  Included
 * by vm.h, which has the rest of a VM.
 */
#ifndef WEIR_HYPERVISOR_VM_XEN_H
#define WEIR_HYPERVISOR_VM_XEN_H

#include "hypervisor/event.h"
#include "ring/event_abi.h"

struct hv_vm;
struct hv_vcpu;

/* Where a guest has registered what; (L) the machine's lock. */
struct hv_vcpu_xen {
    struct weir_vcpu_info *info; /* (L) NULL: none yet */
    mfn_t info_frame;
    struct weir_vcpu_time_info *time; /* second copy, registered; or NULL */
    mfn_t time_frame;
    uint64_t info_gpa, time_gpa, runstate_gpa;
    uint8_t upcall_vector; /* 0: the domain's callback */
    uint64_t timer_ns;     /* single-shot, guest time; 0: none */
    int timer_fd;
};

struct hv_vm_xen {
    struct weir_shared_info *shared; /* frame of the domain's own, from birth */
    mfn_t shared_frame;
    uint64_t callback;      /* HVM_PARAM_CALLBACK_IRQ */
    uint64_t hypercall_gpa; /* page written there; 0: none */
    int epoll;              /* wait descriptors of the domain's ports, timers */
    uint64_t start_ns;      /* guest time 0, of hv_now_ns */
};

/* vm_call.c: vCPU thread.  a: five arguments.  Returns the result register. */
int64_t hv_vmcall(struct hv_vcpu *v, uint64_t nr, const uint64_t a[5]);

/* vm_event.c */
int hv_vm_xen_init(struct hv_vm *vm); /* shared info, epoll, console & store */
void hv_vm_xen_fini(struct hv_vm *vm);
/* With the machine's lock, from event.c's users: the port of a VM's table was
 * opened, bound, unbound or closed: watch its wait descriptor (or irqfd in
 * mode k), set or drop its ioeventfd. */
void hv_vm_port_changed(struct hv_vm *vm, evtchn_port_t port);
/* With the machine's lock: port becomes pending in the guest. */
void hv_vm_deliver(struct hv_vm *vm, evtchn_port_t port);
/* The domain's thread, when epoll polls readable. */
void hv_vm_events(struct hv_vm *vm);
/* HV_PORT_SEND that no ioeventfd took: 0 or -weir_error. */
int hv_vm_send(struct hv_vcpu *v, evtchn_port_t port);

/* vm_time.c: (re)write the vCPU's time infos; its own thread or before it. */
void hv_vcpu_time_update(struct hv_vcpu *v);

/* vm_cpuid.c is the platform's; the hypercall page is written when the guest
 * sets the MSR: fills page with stubs for all 128 numbers. */
void hv_vm_hypercall_page(const struct hv_vm *vm, bool amd,
                          uint8_t page[WEIR_PAGE_SIZE]);

#endif
