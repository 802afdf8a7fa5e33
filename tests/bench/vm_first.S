/* SPDX-License-Identifier: MIT
 *
 * A kernel whose first instruction that matters is a byte for the console.
 */
    .section .note.Xen, "a", @note
    .balign 4
    .long 4, 4, 18
    .asciz "Xen"
    .long first

    .text
    .code32
    .globl first
first:
    mov $'\n', %al
    out %al, $0xe9
1:  hlt
    jmp 1b

    .section .note.GNU-stack, "", @progbits
