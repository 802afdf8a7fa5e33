/* SPDX-License-Identifier: MIT
 *
 * The smallest PVH guest that has a life: says so on Xen's debug port and does
 * what the first letter of its command line wants.
 *
 *   p, r, c   SCHEDOP_shutdown: poweroff, reboot, crash
 *   t         triple fault
 *   others    sleep for ever
 *
 * cc -m32 -nostdlib -static -no-pie -Wl,-Ttext-segment=0x100000
 */
#define PHYS32_ENTRY   18
#define SCHED_OP       29
#define SHUTDOWN       2
#define DEBUG_PORT     0xe9
#define SI_CMDLINE     24 /* of struct hvm_start_info */
#define XEN            0x566e6558 /* "XenV" */
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

/* Through the hypercall page, which is the same on all hosts. */
shutdown:
        movl    $LEAVES, %esi
1:      movl    %esi, %eax
        xorl    %ecx, %ecx
        cpuid
        cmpl    $XEN, %ebx
        je      2f
        addl    $0x100, %esi
        cmpl    $LEAVES_END, %esi
        jb      1b
        movl    $noxen, %esi
        call    print
        jmp     sleep
2:      leal    2(%esi), %eax
        xorl    %ecx, %ecx
        cpuid
        movl    %ebx, %ecx
        movl    $page, %eax
        xorl    %edx, %edx
        wrmsr
        movl    $SHUTDOWN, %ebx
        movl    $reason, %ecx
        call    page + SCHED_OP * 32
        movl    $refused, %esi
        call    print
        jmp     sleep

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
nowhere: .word 0
        .long 0
reason: .long 0

        .bss
        .balign 4096
page:   .skip 4096
        .skip 4096
stack:
        .section .note.GNU-stack, "", @progbits
