/* SPDX-License-Identifier: MIT
 *
 * Xen's ABI towards a VM domain's guest: hypercalls, events, time.  Included
 * by vm.h, which has the rest of a VM.
 *
 * Locks: ports before the machine's; vm->lock and ports are never held
 * together.  With ports a VM's own ports are opened and closed, and KVM and
 * epoll are told of it.  Injecting an interrupt and waking a sleeper wait for
 * nobody and are done with the machine's lock held.
 */
#ifndef WEIR_HYPERVISOR_VM_XEN_H
#define WEIR_HYPERVISOR_VM_XEN_H

#include "hypervisor/event.h"
#include "ring/event_abi.h"

#include <pthread.h>

struct hv_vm;
struct hv_vcpu;
struct hv_port;

/* Where a guest has registered what; (L) the machine's lock. */
struct hv_vcpu_xen {
    struct weir_vcpu_info *info; /* (L) in shared info until registered */
    mfn_t info_frame;            /* (L) held; 0: not registered */
    uint64_t info_gpa;           /* (L) 0: in shared info */
    uint64_t runstate_addr;      /* atomic; linear; 0: none */
    uint64_t blocked_ns;         /* own thread: slept in hypercalls */
    uint32_t upcall_vector;      /* atomic; 0: the domain's callback */
    uint32_t waiting;            /* atomic: in hv_vcpu_wait for an event */
    uint32_t owed;               /* atomic: its APIC took no upcall */
    uint32_t todo;               /* atomic: HV_TODO_*, for its own thread */
    evtchn_port_t virq[WEIR_NR_VIRQS]; /* (L) global ones: vCPU 0's */
    int timer_fd;                      /* single-shot timer; -1: none */
};

/* Guest time: ns = (tsc - tsc0) scaled as in struct weir_vcpu_time_info.  One
 * reference for all vCPUs, for good, so that they agree. */
struct hv_clock {
    bool valid, stable;
    int8_t shift;
    uint32_t mul;
    uint64_t tsc0;      /* the guests' TSC at time 0 */
    uint64_t tsc_delta; /* guests' minus weir-hv's */
};

struct hv_vm_xen {
    struct weir_shared_info *shared; /* frame of the domain's own, from birth */
    mfn_t shared_frame;
    uint64_t shared_gfn;    /* vm->lock: where the guest put it; 0: nowhere */
    uint64_t *table_gfn;    /* vm->lock: likewise, each grant table frame */
    uint64_t callback;      /* atomic: HVM_PARAM_CALLBACK_IRQ */
    uint32_t shutdown_code; /* atomic: noted by SCHEDOP_shutdown_code, plus 1 */
    uint32_t runstate_flag; /* atomic: vm_assist 5 */
    int epoll;              /* wait descriptors of the domain's ports, timers */
    pthread_mutex_t ports;
    struct hv_clock clock; /* (L) until valid */
    struct hv_kxen *kxen;  /* mode k: vm_kxen.c's */
};

/* vm_call.c: vCPU thread, without locks.  a: five arguments of a 64-bit
 * caller (the platform answers others with -ENOSYS).  Returns the result
 * register. */
int64_t hv_vmcall(struct hv_vcpu *v, uint64_t nr, const uint64_t a[5]);
/* HV_PORT_SEND that no ioeventfd took: 0 or -weir_error. */
int hv_vm_send(struct hv_vcpu *v, evtchn_port_t port);

/* vm_event.c.  Init: the end of hv_vm_new; no vCPU runs yet.  Fini: none runs
 * any more; also after an init that failed. */
int hv_vm_xen_init(struct hv_vm *vm);
void hv_vm_xen_fini(struct hv_vm *vm);
/* With the machine's lock: port becomes pending in the guest. */
void hv_vm_deliver(struct hv_vm *vm, evtchn_port_t port);
/* The domain's thread, when xen_state.epoll polls readable; bounded. */
void hv_vm_events(struct hv_vm *vm);
/* A vCPU's own thread, before each run; mostly a load and a compare. */
void hv_vcpu_xen_enter(struct hv_vcpu *v);

/* vm_time.c.  Own thread or before it: (re)write the vCPU's time infos. */
void hv_vcpu_time_update(struct hv_vcpu *v);
/* The guest's system time in ns. */
uint64_t hv_vm_now(struct hv_vm *vm);

/* vm_page.c: the hypercall page, written when the guest sets the MSR. */
void hv_vm_hypercall_page(const struct hv_vm *vm, bool amd,
                          uint8_t page[WEIR_PAGE_SIZE]);

#endif
