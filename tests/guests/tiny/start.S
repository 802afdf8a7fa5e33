/* SPDX-License-Identifier: MIT
 *
 * Entry of tiny guests: 32-bit protected mode, paging off.  Long mode with the
 * first 4 GiB mapped 1:1, then tiny_boot.  Code of privilege level 0 may be
 * emulated instruction by instruction, so tables are laid out here and not
 * computed.  Other vCPUs enter tiny_secondary in long mode (VCPUOP_initialise)
 * or tiny_trampoline in real mode (INIT, SIPI).
 */
#include "tests/guests/tiny/layout.h"

    .section .text.start, "ax"
    .code32
    .globl _start
_start:
    cli
    mov $tiny_stacks + TINY_STACK, %esp
    mov %ebx, tiny_start_info
    call long_mode
    ljmp $0x08, $1f
    .code64
1:  mov $tiny_stacks + TINY_STACK, %esp
    xor %edi, %edi
    jmp tiny_boot

    .code32
/* Paging on; the caller makes the far jump.  Clobbers eax ecx edx. */
long_mode:
    lgdt %cs:gdt_pointer /* a trampoline's ds is short */
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %es
    mov %eax, %ss
    mov $TINY_CR4, %eax
    mov %eax, %cr4
    mov $tiny_pml4, %eax
    mov %eax, %cr3
    mov $0xc0000080, %ecx /* EFER */
    xor %edx, %edx
    mov $TINY_EFER, %eax
    wrmsr
    mov $TINY_CR0, %eax
    mov %eax, %cr0
    ret

    .code64
/* edi: which vCPU */
    .globl tiny_secondary
tiny_secondary:
    lgdt gdt_pointer
    mov %edi, %eax
    inc %eax
    imul $TINY_STACK, %eax, %eax
    lea tiny_stacks(%rax), %rsp
    jmp tiny_boot

/* rdi: code for privilege level 3, rsi: its stack, rdx: its argument */
    .globl tiny_user
tiny_user:
    push $0x23
    push %rsi
    push $0x2
    push $0x2b
    push %rdi
    mov %rdx, %rdi
    iretq

/* Stubs of all vectors: error code (0 where the CPU has none) and number. */
    .globl tiny_stubs
    .balign 16
tiny_stubs:
    .set vector, 0
    .rept 256
    .balign 16
    .if vector != 8 && vector != 17 && vector != 21 && (vector < 10 || vector > 14)
    push $0
    .endif
    push $vector
    jmp trapped
    .set vector, vector + 1
    .endr

trapped:
    push %rax
    push %rcx
    push %rdx
    push %rsi
    push %rdi
    push %r8
    push %r9
    push %r10
    push %r11
    mov %rsp, %rdi
    call tiny_trap
    pop %r11
    pop %r10
    pop %r9
    pop %r8
    pop %rdi
    pop %rsi
    pop %rdx
    pop %rcx
    pop %rax
    add $16, %rsp
    iretq

    .section .data.page, "aw"
    .balign 4096
    .globl tiny_pml4
tiny_pml4:
    .quad tiny_pdpt + 7
    .fill 511, 8, 0
tiny_pdpt:
    .quad tiny_pd + 7, tiny_pd + 4096 + 7, tiny_pd + 8192 + 7
    .quad tiny_pd + 12288 + 7
    .fill 508, 8, 0
tiny_pd:
    .set page, 0
    .rept 2048
    .quad page * 0x200000 + 0x87
    .set page, page + 1
    .endr

    .data
    .balign 16
    .globl tiny_gdt
tiny_gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* 08: 64-bit code */
    .quad 0x00cf93000000ffff /* 10: data */
    .quad 0x00cffb000000ffff /* 18: user 32-bit code, where sysret wants it */
    .quad 0x00cff3000000ffff /* 20: user data */
    .quad 0x00affb000000ffff /* 28: user 64-bit code */
    .quad 0x00cf9b000000ffff /* 30: 32-bit code */
    .fill 2 * TINY_CPUS, 8, 0 /* 38: task states */
gdt_pointer:
    .word gdt_pointer - tiny_gdt - 1
    .quad tiny_gdt

/* Where INIT and SIPI lead: a page below 1 MiB that holds a copy of this, with
 * the vCPU's number in its last word. */
    .text
    .globl tiny_trampoline, tiny_trampoline_end
    .code16
tiny_trampoline:
    cli
    mov %cs, %ax
    mov %ax, %ds
    mov 0xffc, %edi
    lgdtl gdt_pointer16 - tiny_trampoline
    mov %cr0, %eax
    or $1, %eax
    mov %eax, %cr0
    ljmpl $0x30, $trampoline32
    .balign 4
gdt_pointer16:
    .word 0x37
    .long tiny_gdt
tiny_trampoline_end:
    .code32
trampoline32:
    mov $0x10, %eax
    mov %eax, %ds
    mov %eax, %ss
    mov $boot_stack, %esp /* all push the same */
    call long_mode
    ljmp $0x08, $tiny_secondary

    .data
    .quad 0
boot_stack:
    .section .note.GNU-stack, "", @progbits
