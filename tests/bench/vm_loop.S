/* SPDX-License-Identifier: MIT
 *
 * For vm_guest.c, at level 0: rsi times the cheapest hypercall, xen_version 0,
 * whose stub rdi points to.
 */
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

    .section .note.GNU-stack, "", @progbits
