/* SPDX-License-Identifier: MIT
 *
 * Where a syscall instruction of the C library arrives, and back.  On most
 * machines at level 0; from there it goes on at level 3, like everything else.
 * (A processor without help for hypervisors may arrive at level 3 already.)
 */
    .text
    .globl weir_libc_entry_
weir_libc_entry_:
    lea -128(%rsp), %rsp /* the caller may use that much below its stack */
    push %rcx            /* where it goes on */
    push %r11            /* its flags */
    mov %cs, %ecx
    test $3, %cl
    mov $1f, %ecx
    jnz 1f
    mov $2, %r11d
    sysretq
1:  push %rdi
    push %rsi
    push %rdx
    push %r10
    push %r8
    push %r9
    push %rbp
    mov %rsp, %rbp
    sub $512, %rsp
    and $-16, %rsp
    fxsave64 (%rsp) /* a system call changes none of these */
    push %rax
    push %r9 /* the number, then six arguments */
    mov %r8, %r9
    mov %r10, %r8
    mov %rdx, %rcx
    mov %rsi, %rdx
    mov %rdi, %rsi
    mov %rax, %rdi
    cld
    call weir_libc_call_
    fxrstor64 16(%rsp)
    mov %rbp, %rsp
    pop %rbp
    pop %r9
    pop %r8
    pop %r10
    pop %rdx
    pop %rsi
    pop %rdi
    popfq
    pop %rcx
    lea 128(%rsp), %rsp
    jmp *%rcx

    .globl weir_libc_jump_
weir_libc_jump_: /* rdi = words, rsi = how many */
    lea (, %rsi, 8), %rax
    sub %rax, %rsp
    and $-16, %rsp
    mov %rsi, %rcx
    mov %rdi, %rsi
    mov %rsp, %rdi
    cld
    rep movsq
    xor %edx, %edx /* nothing to call at exit */
    xor %ebp, %ebp
    jmp _start

    .section .note.GNU-stack, "", @progbits
