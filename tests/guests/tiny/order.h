/* SPDX-License-Identifier: MIT
 *
 * What a puppet VM obeys: orders come over its console, one after the other,
 * and each has an answer there.  Bytes before an answer's mark are text.
 */
#ifndef WEIR_TESTS_TINY_ORDER_H
#define WEIR_TESTS_TINY_ORDER_H

#include <stdint.h>

#define VM_ORDER_MARK  0xa5c3e1f0u
#define VM_ANSWER_MARK 0xb6d4f2e1u
#define VM_DATA        512 /* bytes of data, both ways */
/* Where an order's data is put and an answer's comes from. */
#define VM_SCRATCH  0x300000u
#define VM_WATCH_AT 0x302000u
#define VM_SHARED   0x310000u /* shared info, from the start */
/* In place of rc: an exception ended the order; v0 vector, v1 error code,
 * v2 cr2, v3 rip. */
#define VM_TRAPPED INT64_MIN

enum vm_op {
    VM_PING = 1,
    VM_READ,   /* a: address, out bytes: data.  Words of 8 when both fit */
    VM_WRITE,  /* a: address; data */
    VM_CALL,   /* a: number, b..f arguments; data to scratch before it, out
                  bytes of scratch after it */
    VM_CALLS,  /* the same g times (VM_CALL: g is 1); v0: tsc ticks of all, v1:
                  how many of them  returned something else than the last */
    VM_STUB,   /* a: address, b..f arguments: the same by a call there */
    VM_OUT,    /* a: port, b: value, c: bytes; d: rax beyond it */
    VM_RDMSR,  /* a; v0 */
    VM_WRMSR,  /* a, b */
    VM_CPUID,  /* a: eax, b: ecx; v0..v3 */
    VM_COUNTS, /* a: vector, b: set it to 0 after; v0 count, v1 exceptions */
    VM_EOI,    /* a: interrupts end with a write to the local APIC */
    VM_IF,     /* a: interrupts are taken, or not */
    VM_HALT,   /* hlt with interrupts on, once; v0 tsc ticks */
    VM_TSC,    /* v0 */
    VM_NOW,    /* v0: ns of system time, by the vCPU's time info */
    VM_CLEAR,  /* a: address of a word, b: bit; atomically */
    VM_JUMP,   /* a: there */
    VM_TRIPLE, /* no vectors, then an exception: no answer */
    VM_SPIN,   /* interrupts off, for ever: no answer */
    VM_STORM,  /* a call for ever, as VM_CALL: no answer */
    VM_WATCH,  /* a: address of a word, b: what its upper half may not be: the
                  vCPU looks at it for ever at full speed, and counts in struct
                  vm_watch at VM_WATCH_AT: no answer */
    VM_WHERE,  /* v0: tiny_secondary, v1: tiny_pml4, v2: tiny_trampoline,
                  v3: tiny_gdt */
};

struct vm_order {
    uint32_t mark;
    uint16_t op, cpu;
    uint16_t in, out; /* bytes of data that follow, and are wanted */
    uint32_t serial;
    uint64_t a, b, c, d, e, f, g;
};

struct vm_watch {
    uint64_t looks, found, last;
};

struct vm_answer {
    uint32_t mark;
    uint32_t serial;
    int64_t rc;
    uint64_t v[4];
    uint32_t out, pad;
};

#endif
