/* SPDX-License-Identifier: MIT
 *
 * What a tiny guest has: 4 GiB mapped 1:1, traps it can survive, hypercalls by
 * port, bytes to the debug port.  Nothing of Weir's runtime is in it, so that
 * tests see weir-hv alone.
 */
#ifndef WEIR_TESTS_TINY_H
#define WEIR_TESTS_TINY_H

#include "tests/guests/tiny/layout.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tiny_cpu {
    unsigned id;
    volatile unsigned traps;      /* exceptions, survived ones */
    volatile unsigned count[256]; /* interrupts, by vector */
    unsigned vector;              /* of the last exception */
    uint64_t error, cr2, rip;
    bool armed; /* an exception comes back to tiny_try */
    void *jump[5];
};

void *memcpy(void *to, const void *from, size_t n);
void *memset(void *to, int c, size_t n);

/* Each guest has one: every vCPU comes here, interrupts off. */
void tiny_main(struct tiny_cpu *cpu) __attribute__((noreturn));

extern uint32_t tiny_start_info;
extern uint8_t tiny_pml4[], tiny_gdt[], tiny_secondary[], tiny_trampoline[];
extern bool tiny_eoi; /* interrupts end with a write to the local APIC */

/* fn(arg); true when an exception ended it: cpu says which. */
bool tiny_try(struct tiny_cpu *cpu, void (*fn)(void *), void *arg);

struct tiny_cpu *tiny_cpu(unsigned id);

/* From here on the vCPU runs fn(cpu) at privilege level 3, which is not
 * emulated; there TINY_SOFT calls soft(cpu) at level 0 (by the one way that all
 * KVMs know).  fn does not return. */
void tiny_leave(struct tiny_cpu *cpu, void (*fn)(struct tiny_cpu *),
                void (*soft)(struct tiny_cpu *)) __attribute__((noreturn));
#define TINY_SOFT() __asm__ volatile("ud2" ::: "memory")

void tiny_puts(const char *s);
void tiny_hex(uint64_t n);

static inline int64_t tiny_call(uint64_t nr, uint64_t a, uint64_t b, uint64_t c,
                                uint64_t d, uint64_t e)
{
    register uint64_t r10 __asm__("r10") = d;
    register uint64_t r8 __asm__("r8") = e;
    int64_t rc;

    __asm__ volatile("out %%eax, $0xe0"
                     : "=a"(rc)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8)
                     : "memory");
    return rc;
}

static inline void tiny_outb(uint16_t port, uint8_t byte)
{
    __asm__ volatile("outb %0, %1" ::"a"(byte), "Nd"(port));
}

static inline uint64_t tiny_tsc(void)
{
    uint32_t lo, hi;

    __asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
    return (uint64_t)hi << 32 | lo;
}

#endif
