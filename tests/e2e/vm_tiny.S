/* SPDX-License-Identifier: MIT
 *
 * The smallest PVH guest that has a life: says so on Xen's debug port and does
 * what the first letter of its command line wants.
 *
 *   p, r, c   SCHEDOP_shutdown: poweroff, reboot, crash
 *   t         triple fault
 *   others    sleep for ever
 *
 * cc -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000
 */
#define PHYS32_ENTRY   18
#define SCHED_OP       29
#define SHUTDOWN       2
#define DEBUG_PORT     0xe9
#define SI_CMDLINE     24 /* of struct hvm_start_info */
#define XEN            0x566e6558 /* "XenV" */
#define CR0_PG         0x80000000
#define CR4_PAE        0x20
#define MSR_EFER       0xc0000080
#define EFER_LME       0x100
#define LEAVES         0x40000000
#define LEAVES_END     0x40010000

        .section .note.Xen, "a", @note
        .balign 4
        .long 4, 4, PHYS32_ENTRY
        .asciz "Xen"
        .long _start

        .text
        .code32
        .globl _start
_start:
        movl    $stack, %esp
        movl    SI_CMDLINE(%ebx), %ebp
        movl    $hello, %esi
        call    print
        testl   %ebp, %ebp
        jz      sleep
        movb    (%ebp), %dl
        cmpb    $'t', %dl
        je      triple
        movl    $0, reason
        cmpb    $'p', %dl
        je      shutdown
        movl    $1, reason
        cmpb    $'r', %dl
        je      shutdown
        movl    $3, reason
        cmpb    $'c', %dl
        je      shutdown
sleep:
        cli
        hlt
        jmp     sleep

triple:
        lidt    nowhere
        ud2

/* Hypercalls are for 64-bit code: the first 2 MiB, mapped one to one. */
shutdown:
        movl    $table3, table4
        orl     $3, table4
        movl    $table2, table3
        orl     $3, table3
        movl    $0x83, table2
        movl    $CR4_PAE, %eax
        movl    %eax, %cr4
        movl    $table4, %eax
        movl    %eax, %cr3
        movl    $MSR_EFER, %ecx
        rdmsr
        orl     $EFER_LME, %eax
        wrmsr
        lgdt    gdt_ptr
        movl    %cr0, %eax
        orl     $CR0_PG, %eax
        movl    %eax, %cr0
        ljmp    $8, $wide

        .code64
/* Through the hypercall page, which is the same on all hosts. */
wide:
        movl    $LEAVES, %r8d
1:      movl    %r8d, %eax
        xorl    %ecx, %ecx
        cpuid
        cmpl    $XEN, %ebx
        je      2f
        addl    $0x100, %r8d
        cmpl    $LEAVES_END, %r8d
        jb      1b
        movl    $noxen, %esi
        jmp     complain
2:      leal    2(%r8), %eax
        xorl    %ecx, %ecx
        cpuid
        movl    %ebx, %ecx
        movl    $page, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $SHUTDOWN, %edi
        movl    $reason, %esi
        call    page + SCHED_OP * 32
        movl    $refused, %esi
complain:
        lodsb
        testb   %al, %al
        jz      4f
        outb    %al, $DEBUG_PORT
        jmp     complain
4:      cli
        hlt
        jmp     4b

        .code32
print:
        lodsb
        testb   %al, %al
        jz      3f
        outb    %al, $DEBUG_PORT
        jmp     print
3:      ret

hello:  .asciz "tiny guest\n"
noxen:  .asciz "no Xen\n"
refused: .asciz "shutdown refused\n"

        .data
        .balign 8
gdt:    .quad 0, 0x00af9b000000ffff
gdt_ptr: .word 15
        .long gdt
        .balign 8
nowhere: .word 0
        .long 0
reason: .long 0

        .bss
        .balign 4096
page:   .skip 4096
table4: .skip 4096
table3: .skip 4096
table2: .skip 4096
        .skip 4096
stack:
        .section .note.GNU-stack, "", @progbits
