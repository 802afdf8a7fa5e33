/* SPDX-License-Identifier: MIT
 *
 * Functions at privilege level 0.  A guest runs at level 3 (start.S); what
 * needs level 0, hypercalls and a few instructions, is called through a gate.
 * Interrupts are off throughout.
 */
#ifndef WEIR_FRONTENDS_GUEST_LEVEL0_H
#define WEIR_FRONTENDS_GUEST_LEVEL0_H

/* In r9d: the int3 is a call of the gate. */
#define WEIR_GUEST_GATE 0x57454952

#ifndef __ASSEMBLER__
#include <stdint.h>

/* Call function at level 0 on a small stack.  It may change rax, rcx, rdx,
 * rdi, rsi, r8-r11, and returns in rax.  It is assembly: the stack is 8 bytes
 * off what compiled code expects, and hypervisors that emulate level 0 know
 * few vector instructions, which must not change registers either. */
static inline int64_t weir_guest_level0(uintptr_t function, uint64_t a1,
                                        uint64_t a2, uint64_t a3, uint64_t a4,
                                        uint64_t a5)
{
    register uint64_t r10 __asm__("r10") = a4;
    register uint64_t r8 __asm__("r8") = a5;
    register uint64_t r9 __asm__("r9") = WEIR_GUEST_GATE;
    int64_t result;

    __asm__ volatile("int3"
                     : "=a"(result), "+D"(a1), "+S"(a2), "+d"(a3), "+r"(r10),
                       "+r"(r8), "+r"(r9)
                     : "b"(function)
                     : "rcx", "r11", "memory", "cc");
    return result;
}

/* start.S; addresses for weir_guest_level0. */
extern char weir_guest_wrmsr_[], weir_guest_outs_[], weir_guest_cpuid_[];
extern char weir_guest_hypercalls[]; /* the hypercall page */

static inline void weir_guest_wrmsr(uint32_t msr, uint64_t value)
{
    weir_guest_level0((uintptr_t)weir_guest_wrmsr_, msr, value, 0, 0, 0);
}
#endif

#endif
