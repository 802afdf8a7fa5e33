/* SPDX-License-Identifier: MIT
 *
 * For unit tests of VM domains' hypercalls: two guests under the KVM of
 * vm_fake.h, called as their own code would call.
 */
#ifndef WEIR_TESTS_UNIT_VM_CALLS_WORLD_H
#define WEIR_TESTS_UNIT_VM_CALLS_WORLD_H

#include "hypervisor/vm.h"
#include "ring/error.h"
#include "ring/hypercall_abi.h"
#include "tests/fuzz/hv_fake.h"
#include "tests/fuzz/vm_fake.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <string.h>

#define ARG   0x4000u /* gpa of arguments */
#define LIST  0x5000u
#define ABOVE ((VM_FAKE_RAM + 8) * 4096u) /* a hole */

static struct {
    struct hv_vm *a, *b; /* domains 1, with two vCPUs, and 2 */
} w;

static inline int world_new(bool xen)
{
    memset(&vm_fake, 0, sizeof(vm_fake));
    vm_fake.xen = xen;
    w.a = vm_fake_new(1, 2);
    w.b = vm_fake_new(2, 1);
    return 0;
}

static inline int world_s(void **state)
{
    (void)state;
    return world_new(false);
}

static inline int world_k(void **state)
{
    (void)state;
    return world_new(true);
}

/* Everything is given back. */
static inline int world_end(void **state)
{
    (void)state;
    vm_fake_check(w.a);
    vm_fake_check(w.b);
    vm_fake_end(w.a);
    vm_fake_end(w.b);
    fake_check_empty();
    return fake_machine()->vmas != 0;
}

/* A call of vCPU 0; the argument goes to and comes from guest memory. */
static inline int64_t call(struct hv_vm *vm, unsigned nr, uint64_t cmd,
                           void *arg, size_t len)
{
    uint64_t a[5] = {cmd, ARG, 1, 0, 0};
    int64_t rc;

    if (nr == WEIR_HYPERCALL_VCPU_OP) {
        a[1] = 0;
        a[2] = ARG;
    }
    memcpy(vm_fake_at(vm, ARG), arg, len);
    rc = hv_vmcall(&vm->vcpu[0], nr, a);
    memcpy(arg, vm_fake_at(vm, ARG), len);
    return rc;
}

static inline int64_t evt(struct hv_vm *vm, unsigned cmd, void *arg, size_t len)
{
    return call(vm, WEIR_HYPERCALL_EVENT_CHANNEL_OP, cmd, arg, len);
}

static inline evtchn_port_t alloc_port(struct hv_vm *vm, domid_t remote)
{
    struct weir_evtchn_alloc_unbound x = {WEIR_DOMID_SELF, remote, 0};

    assert_int_equal(evt(vm, WEIR_EVTCHNOP_ALLOC_UNBOUND, &x, sizeof(x)), 0);
    return x.port;
}

static inline evtchn_port_t bind_port(struct hv_vm *vm, domid_t remote,
                                      evtchn_port_t port)
{
    struct weir_evtchn_bind_interdomain x = {remote, port, 0};

    assert_int_equal(evt(vm, WEIR_EVTCHNOP_BIND_INTERDOMAIN, &x, sizeof(x)), 0);
    return x.local_port;
}

static inline int64_t close_port(struct hv_vm *vm, evtchn_port_t port)
{
    return evt(vm, WEIR_EVTCHNOP_CLOSE, &port, sizeof(port));
}

static inline bool pending(struct hv_vm *vm, evtchn_port_t port)
{
    return vm->xen_state.shared->evtchn_pending[port / 64] >> (port % 64) & 1;
}

static inline int64_t set_vector(struct hv_vm *vm, unsigned vcpu,
                                 uint8_t vector)
{
    struct weir_xen_hvm_evtchn_upcall_vector x = {vcpu, vector};

    return call(vm, WEIR_HYPERCALL_HVM_OP, WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR,
                &x, sizeof(x));
}

static inline int64_t put_special(struct hv_vm *vm, uint32_t space,
                                  uint64_t idx, uint64_t gfn)
{
    struct weir_xen_add_to_physmap x = {WEIR_DOMID_SELF, 0, space, idx, gfn};

    return call(vm, WEIR_HYPERCALL_MEMORY_OP, WEIR_XENMEM_ADD_TO_PHYSMAP, &x,
                sizeof(x));
}

#endif
