/* SPDX-License-Identifier: MIT
 *
 * For bench_vm's guest, at level 0 (vm_guest.h says what each is).
 */
#define APIC_EOI 0xfee000b0

    .text
    .globl weir_bench_level0_loop
weir_bench_level0_loop:
    push %rbx
    push %rbp
    mov %rdi, %rbx
    mov %rsi, %rbp
1:  xor %edi, %edi
    call *%rbx
    dec %rbp
    jnz 1b
    pop %rbp
    pop %rbx
    ret

    .globl weir_bench_sidt
weir_bench_sidt:
    sidt (%rdi)
    xor %eax, %eax
    ret

    .globl weir_bench_sleep
weir_bench_sleep:
1:  mov stamp, %rax
    test %rax, %rax
    jnz 2f
    sti
    hlt
    cli
    jmp 1b
2:  movq $0, stamp
    ret

    .globl weir_bench_interrupt
weir_bench_interrupt:
    push %rax
    push %rdx
    rdtsc
    shl $32, %rdx
    or %rdx, %rax
    mov %rax, stamp
    mov weir_bench_upcall, %rax
    movb $0, (%rax)
    mov $APIC_EOI, %eax
    movl $0, (%rax)
    pop %rdx
    pop %rax
    iretq

    .section .bss.stamp, "aw", @nobits
    .balign 8
stamp:
    .skip 8
    .globl weir_bench_upcall
weir_bench_upcall:
    .skip 8

    .section .note.GNU-stack, "", @progbits
