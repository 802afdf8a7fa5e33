/* SPDX-License-Identifier: MIT
 *
 * For tests: a puppet VM's hypercalls, one function each.  Results are the
 * guest's: 0 or the negative error, GNTST statuses for grants.
 */
#ifndef WEIR_TESTS_E2E_VM_CALLS_H
#define WEIR_TESTS_E2E_VM_CALLS_H

#include "ring/error.h"
#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"
#include "tests/e2e/vm_rig.h"

/* Its memory; an exception there fails the test. */
void vm_read(struct vm *v, uint64_t gpa, void *to, size_t n);
void vm_write(struct vm *v, uint64_t gpa, const void *from, size_t n);
uint64_t vm_peek(struct vm *v, uint64_t gpa);
void vm_poke(struct vm *v, uint64_t gpa, uint64_t value);

/* nr(cmd, &arg, count): arg, n bytes, goes there and comes back. */
int64_t vm_call(struct vm *v, unsigned nr, uint64_t cmd, void *arg, size_t n,
                uint64_t count);
/* The same on another vCPU. */
int64_t vm_call_on(struct vm *v, unsigned cpu, unsigned nr, uint64_t cmd,
                   void *arg, size_t n, uint64_t count);
/* Its five arguments as they are. */
int64_t vm_raw(struct vm *v, uint64_t nr, uint64_t a, uint64_t b, uint64_t c,
               uint64_t d, uint64_t e);

/* Grants.  The first use puts the first frame of the table at VM_TABLE. */
int64_t vm_map_table(struct vm *v, unsigned frame);
void vm_grant(struct vm *v, unsigned ref, domid_t to, uint64_t gfn, bool ro);
uint16_t vm_grant_flags(struct vm *v, unsigned ref);
/* 0 or -WEIR_EBUSY */
int vm_grant_end(struct vm *v, unsigned ref);
struct vm_mapping {
    int16_t status;
    uint32_t handle;
    uint64_t gpa;
};
struct vm_mapping vm_map(struct vm *v, domid_t dom, unsigned ref, uint64_t gpa,
                         bool ro);
int16_t vm_unmap(struct vm *v, const struct vm_mapping *m);

/* Memory: 1 or 0 pages done, or an error. */
int64_t vm_populate(struct vm *v, uint64_t gfn);
int64_t vm_give_back(struct vm *v, uint64_t gfn);

/* Events: ports are positive. */
int64_t vm_evt_alloc(struct vm *v, domid_t remote);
int64_t vm_evt_bind(struct vm *v, domid_t remote, uint32_t port);
int64_t vm_evt_close(struct vm *v, uint32_t port);
int64_t vm_evt_send(struct vm *v, uint32_t port);
/* Was it pending, at the latest after ms?  It is not any more. */
bool vm_evt_pending(struct vm *v, uint32_t port, unsigned ms);
int64_t vm_evt_op(struct vm *v, unsigned cmd, void *arg, size_t n);
void vm_evt_mask(struct vm *v, uint32_t port, bool masked);
int64_t vm_evt_virq(struct vm *v, uint32_t virq, uint32_t vcpu);
/* A process puppet's end, at the latest after ns. */
bool vm_process_pending(struct puppet *p, uint64_t port, uint64_t ns);
/* nr(cmd, vcpu, &arg) */
int64_t vm_vcpu_op(struct vm *v, unsigned cmd, unsigned vcpu, void *arg,
                   size_t n);
/* Starts a secondary vCPU, which then takes orders. */
void vm_start_cpu(struct vm *v, unsigned cpu);
uint64_t vm_now(struct vm *v);

int64_t vm_shutdown(struct vm *v, unsigned reason);

#endif
