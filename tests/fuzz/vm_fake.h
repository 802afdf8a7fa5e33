/* SPDX-License-Identifier: MIT
 *
 * For fuzzers and tests of VM domains: a KVM that is only believed in (ioctl
 * is replaced), under the machine of hv_fake.h.  No guest runs; a vCPU's
 * linear addresses are guest-physical ones.
 */
#ifndef WEIR_TESTS_FUZZ_VM_FAKE_H
#define WEIR_TESTS_FUZZ_VM_FAKE_H

#include "hypervisor/vm.h"

#define VM_FAKE_RAM 32 /* pages */

struct vm_fake {
    bool xen;      /* what the next VM's KVM has: mode k */
    bool refuse;   /* ioeventfds, irqfds and routes are refused */
    unsigned msis; /* so many were signalled, the last to */
    unsigned vcpu, vector;
    unsigned sends; /* mode k: events that weir-hv sent, the last to */
    uint32_t send_port, send_vcpu;
    unsigned ioeventfds, irqfds, routes, assigned; /* there are so many */
    uint64_t shared_gfn;                           /* mode k */
    unsigned halted;
};
extern struct vm_fake vm_fake;

/* A VM domain with that id in the table of fake_machine(), running as far as
 * it can: it has its RAM. */
struct hv_vm *vm_fake_new(domid_t domid, unsigned vcpus);
void vm_fake_end(struct hv_vm *vm);
/* weir-hv's own view of guest memory; aborts when that is no own page. */
uint8_t *vm_fake_at(struct hv_vm *vm, uint64_t gpa);
/* Aborts unless the address space shows what the tables say. */
void vm_fake_check(struct hv_vm *vm);

#endif
