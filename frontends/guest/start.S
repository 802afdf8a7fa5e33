/* SPDX-License-Identifier: MIT
 *
 * Start of day of a guest, and all of it that runs at privilege level 0.
 *
 * Entered by note 18 in 32-bit protected mode with ebx = start info.  Sets up
 * long mode and leaves for level 3, where everything else runs: a hypervisor
 * that has no hardware help emulates level 0 instruction by instruction, and
 * on others it costs next to nothing.  Level 3 is no border here: the gate
 * (int3) calls any address at level 0.
 *
 * The page tables are constants, identity for the first 4 GiB in 2 MiB pages:
 * the first page of all is absent (null pointers), text can't be written,
 * nothing else can be executed.
 */
#include "frontends/guest/level0.h"

#define PRESENT 1
#define WRITE   2
#define USER    4
#define LARGE   0x80
#define NX      0x8000000000000000

#define CODE0  0x08 /* selectors */
#define DATA0  0x10
#define DATA3  0x1b
#define CODE3  0x23
#define TSS    0x28

#define MSR_EFER  0xc0000080
#define EFER_BITS 0x901    /* system calls, long mode, no-execute */
#define CR4_BITS  0x620    /* PAE, SSE */
#define CR0_BITS  0x80010033 /* paging, write protection, native FPU errors */

    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long weir_guest_start

    .section .text.start, "ax", @progbits
    .code32
    .globl weir_guest_start
weir_guest_start:
    cld
    mov $tables, %eax
    mov %eax, %cr3
    mov %cr4, %eax
    or $CR4_BITS, %eax
    mov %eax, %cr4
    mov $MSR_EFER, %ecx
    rdmsr
    or $EFER_BITS, %eax
    wrmsr
    /* Text becomes read-only and executable. */
    mov $weir_guest_text, %edi
    mov %edi, %esi
    shr $18, %esi /* 8 bytes for each 2 MiB */
1:  mov %edi, %eax
    or $(PRESENT | USER | LARGE), %eax
    mov %eax, directory(%esi)
    movl $0, directory + 4(%esi)
    add $8, %esi
    add $0x200000, %edi
    cmp $weir_guest_text_end, %edi
    jb 1b
    mov $CR0_BITS, %eax
    mov %eax, %cr0
    lgdt gdt_pointer
    ljmp $CODE0, $long_mode

    .code64
long_mode:
    mov $DATA0, %eax
    mov %eax, %ss
    mov $DATA3, %eax
    mov %eax, %ds
    mov %eax, %es
    xor %eax, %eax
    mov %eax, %fs
    mov %eax, %gs
    mov $level0_stack_end, %esp
    /* The task segment's descriptor and the gates: addresses in pieces, which
     * no linker puts together. */
    mov $tss, %eax
    mov %ax, gdt + TSS + 2
    shr $16, %eax
    mov %al, gdt + TSS + 4
    mov %ah, gdt + TSS + 7
    movl $level0_stack_end, tss + 4
    movl $fault_stack_end, tss + 36
    mov $idt, %edi
    mov $vectors, %eax
    mov $32, %ecx
1:  movl $(CODE0 << 16), (%rdi)
    mov %ax, (%rdi)
    mov %eax, 4(%rdi)
    movw $0x8e00, 4(%rdi)
    add $16, %edi
    add $16, %eax
    dec %ecx
    jnz 1b
    mov $weir_guest_gate, %eax
    mov %ax, idt + 3 * 16
    mov %eax, idt + 3 * 16 + 4
    movw $0xee00, idt + 3 * 16 + 4 /* level 3 may */
    movb $1, idt + 8 * 16 + 4 /* a double fault has a stack of its own */
    lidt idt_pointer
    mov $TSS, %eax
    ltr %ax
    mov %ebx, %edi
    push $DATA3
    push $weir_guest_stack_end
    push $2 /* flags: no interrupts, no I/O */
    push $CODE3
    push $level3
    iretq

/* PVH leaves the floating point unit's state open. */
level3:
    fninit
    ldmxcsr mxcsr
    xor %ebp, %ebp
    call weir_guest_begin_
    ud2

/* int3: call the function at rbx at level 0; other registers are its
 * arguments.  An int3 that was not meant so is a fault. */
    .balign 16
weir_guest_gate:
    cmp $WEIR_GUEST_GATE, %r9d
    jne 1f
    call *%rbx
    iretq
1:  push $0
    push $3
    jmp fault

    .balign 16
vectors:
    .set vector, 0
    .rept 32
    .balign 16
    /* Those with an error code. */
    .if (vector == 8) || ((vector >= 10) && (vector <= 14)) || \
        (vector == 17) || (vector == 21) || (vector == 29) || (vector == 30)
    .else
    push $0
    .endif
    push $vector
    jmp fault
    .set vector, vector + 1
    .endr

/* A fault is told from level 3, on a stack of its own; one on the way there
 * ends the domain without a word. */
fault:
    cld
    lock btsl $0, fault_seen
    jc 1f
    pop weir_guest_fault_vector_
    pop weir_guest_fault_error_
    mov %cr2, %rax
    mov %rax, weir_guest_fault_address_
    mov (%rsp), %rax
    mov %rax, weir_guest_fault_rip_
    mov 24(%rsp), %rax
    mov %rax, weir_guest_fault_rsp_
    mov %rbp, weir_guest_fault_rbp_
    movq $fault_level3, (%rsp)
    movq $CODE3, 8(%rsp)
    movq $2, 16(%rsp)
    movq $fault_level3_stack_end, 24(%rsp)
    movq $DATA3, 32(%rsp)
    iretq
fault_level3:
    xor %ebp, %ebp
    call weir_guest_fault_
1:  mov $weir_guest_hypercalls + 29 * 32, %ebx /* sched_op */
    mov $2, %edi                              /* shutdown */
    mov $crash, %esi
    call *%rbx
2:  hlt
    jmp 2b

/* Level 0's functions, for weir_guest_level0(). */
    .globl weir_guest_wrmsr_
weir_guest_wrmsr_: /* edi = number, rsi = value */
    mov %edi, %ecx
    mov %esi, %eax
    mov %rsi, %rdx
    shr $32, %rdx
    wrmsr
    xor %eax, %eax
    ret

/* rdi = where eax ebx ecx edx go, esi = leaf.  At level 3 a processor without
 * help for hypervisors would answer itself. */
    .globl weir_guest_cpuid_
weir_guest_cpuid_:
    push %rbx
    mov %esi, %eax
    xor %ecx, %ecx
    cpuid
    mov %eax, (%rdi)
    mov %ebx, 4(%rdi)
    mov %ecx, 8(%rdi)
    mov %edx, 12(%rdi)
    pop %rbx
    xor %eax, %eax
    ret

    .globl weir_guest_outs_
weir_guest_outs_: /* rdi = bytes, rsi = how many, at least 1: debug port */
    mov (%rdi), %al
    out %al, $0xe9
    inc %rdi
    dec %rsi
    jnz weir_guest_outs_
    xor %eax, %eax
    ret

/* The hypervisor fills this page. */
    .section .text.hypercalls, "ax", @progbits
    .balign 4096
    .globl weir_guest_hypercalls
weir_guest_hypercalls:
    .fill 4096, 1, 0xf4

    .section .data.tables, "aw", @progbits
    .balign 4096
tables:
    .quad pointers + (PRESENT | WRITE | USER)
    .fill 511, 8, 0
pointers:
    .quad directory + (PRESENT | WRITE | USER)
    .quad directory + 4096 + (PRESENT | WRITE | USER)
    .quad directory + 8192 + (PRESENT | WRITE | USER)
    .quad directory + 12288 + (PRESENT | WRITE | USER)
    .fill 508, 8, 0
directory:
    .quad first_pages + (PRESENT | WRITE | USER)
    .set at, 0x200000
    .rept 2047
    .quad NX + at + (PRESENT | WRITE | USER | LARGE)
    .set at, at + 0x200000
    .endr
first_pages:
    .quad 0
    .set at, 4096
    .rept 511
    .quad NX + at + (PRESENT | WRITE | USER)
    .set at, at + 4096
    .endr

    .section .data.level0, "aw", @progbits
    .balign 16
gdt:
    .quad 0
    .quad 0x00af9b000000ffff /* CODE0, 64 bit */
    .quad 0x00cf93000000ffff /* DATA0 */
    .quad 0x00cff3000000ffff /* DATA3 */
    .quad 0x00affb000000ffff /* CODE3, 64 bit */
    .quad 0x0000890000000067 /* TSS: its address is filled in */
    .quad 0
gdt_end:
gdt_pointer:
    .word gdt_end - gdt - 1
    .quad gdt
idt_pointer:
    .word 32 * 16 - 1
    .quad idt
    .balign 16
tss:
    .fill 102, 1, 0
    .word 104 /* no I/O permission map */
mxcsr:
    .long 0x1f80
crash:
    .long 3
fault_seen:
    .long 0

    .section .bss.level0, "aw", @nobits
    .balign 16
idt:
    .skip 32 * 16
    .skip 8192
level0_stack_end:
    .skip 4096
fault_stack_end:
    .skip 8192
fault_level3_stack_end:
    .globl weir_guest_fault_vector_, weir_guest_fault_error_
    .globl weir_guest_fault_address_, weir_guest_fault_rip_
    .globl weir_guest_fault_rsp_, weir_guest_fault_rbp_
weir_guest_fault_vector_:
    .skip 8
weir_guest_fault_error_:
    .skip 8
weir_guest_fault_address_:
    .skip 8
weir_guest_fault_rip_:
    .skip 8
weir_guest_fault_rsp_:
    .skip 8
weir_guest_fault_rbp_:
    .skip 8

    .section .note.GNU-stack, "", @progbits
