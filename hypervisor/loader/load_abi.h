/* SPDX-License-Identifier: MIT
 *
 * Manual of what weir-load answers.                WEIR_LOAD_ABI_VERSION 1
 *
 * weir-load is started with these descriptors and no other:
 *
 *   0, 1, 2   the starter's; 2 takes messages of last resort
 *   3         SOCK_SEQPACKET socket, for one answer
 *   4         kernel, open for reading
 *   5         ramdisk, open for reading; only with --ramdisk-name
 *
 * and these arguments:
 *
 *   --serve --ram-pages=N --vcpus=N --mode=k|s --kernel-name=NAME
 *   [--ramdisk-name=NAME] --cmdline=TEXT
 *
 * Mode k: KVM has Xen support.  Mode s: it has not, and Linux's hypercall stubs
 * are rewritten.  Names are for messages only.
 *
 * It sends one packet and exits: the header; with error 0 nsegments segments
 * and, as SCM_RIGHTS, one memfd that is sealed against writing and changes of
 * size; with an error one line of text, without a newline or a zero byte:
 * "NAME: what was found; what is needed", of NAME at most the first
 * WEIR_LOAD_MAX_NAME bytes.
 *
 * All numbers are little-endian.
 *
 *   header    u32 magic
 *             u32 version
 *             u32 error        0 or an errno value
 *             u32 nsegments    at most WEIR_LOAD_MAX_SEGMENTS; 0 with an error
 *             u32 text_len     at most WEIR_LOAD_MAX_TEXT; 0 without an error
 *             u32 entry        guest-physical address
 *             u32 start_info   guest-physical address of struct weir_start_info
 *             u32 rewritten    hypercall stubs that were rewritten
 *   segment   u64 gpa          where its bytes go
 *             u64 offset       where they are in the memfd
 *             u64 length       bytes, not 0
 *
 * Segments do not overlap in guest-physical memory.  What no segment covers is
 * zero.
 */
#ifndef WEIR_HYPERVISOR_LOAD_ABI_H
#define WEIR_HYPERVISOR_LOAD_ABI_H

#define WEIR_LOAD_ABI_VERSION 1u
#define WEIR_LOAD_MAGIC       0x444c5257u /* "WRLD" */

#define WEIR_LOAD_FD_SOCKET  3
#define WEIR_LOAD_FD_KERNEL  4
#define WEIR_LOAD_FD_RAMDISK 5

#define WEIR_LOAD_MAX_SEGMENTS 20u /* 18 of the kernel, tables, ramdisk */
#define WEIR_LOAD_MAX_TEXT     512u
#define WEIR_LOAD_MAX_NAME     100u
#define WEIR_LOAD_MAX_CMDLINE  4095u /* bytes; a kernel may take less */

#define WEIR_LOAD_HEADER_SIZE  32u
#define WEIR_LOAD_SEGMENT_SIZE 24u
#define WEIR_LOAD_MAX_PACKET                                                   \
    (WEIR_LOAD_HEADER_SIZE + WEIR_LOAD_MAX_TEXT +                              \
     WEIR_LOAD_MAX_SEGMENTS * WEIR_LOAD_SEGMENT_SIZE)

/* The user weir-load becomes when root starts it. */
#define WEIR_LOAD_UID 1999999u

#endif
