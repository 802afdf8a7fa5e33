/* SPDX-License-Identifier: MIT
 *
 * The puppet's two halves: puppet.c has the console and the vCPUs, obey.c what
 * an order does.
 */
#ifndef WEIR_TESTS_TINY_PUPPET_H
#define WEIR_TESTS_TINY_PUPPET_H

#include "tests/guests/tiny/order.h"
#include "tests/guests/tiny/tiny.h"

/* Data of the order under way, and of its answer. */
extern uint8_t puppet_data[VM_DATA];

void puppet_work(struct tiny_cpu *cpu, struct vm_order *o, struct vm_answer *r);
/* ns of system time. */
uint64_t puppet_now(const struct tiny_cpu *cpu);

static inline void puppet_clear_bit(volatile uint64_t *word, uint64_t bit)
{
    __asm__ volatile("lock btrq %1, %0" : "+m"(*word) : "r"(bit & 63));
}

#endif
