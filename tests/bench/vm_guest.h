/* SPDX-License-Identifier: MIT
 *
 * Between the files of bench_vm's guest.
 */
#ifndef WEIR_TESTS_BENCH_VM_GUEST_H
#define WEIR_TESTS_BENCH_VM_GUEST_H

#include "frontends/guest/guest.h"
#include "ring/grant.h"

/* "name v" on the console. */
void vm_guest_say(struct weir_guest *g, const char *name, uint64_t v);
/* Events with a process of domain dom, which runs vm_echo. */
int vm_guest_events(struct weir_guest *g, struct weir_gnttab *gnttab,
                    domid_t dom);

/* vm_loop.S; for weir_guest_level0. */

/* rdi = stub of the cheapest hypercall, esi = how often. */
extern char weir_bench_level0_loop[];
/* rdi = where: the interrupt table's limit and address, 10 bytes. */
extern char weir_bench_sidt[];
/* Sleeps until the interrupt; returns the TSC at its handler's begin. */
extern char weir_bench_sleep[];
/* An interrupt's handler, to be put in the table. */
extern char weir_bench_interrupt[];
/* What it clears: while it is set KVM interrupts again and again. */
extern volatile uint8_t *weir_bench_upcall;

#endif
