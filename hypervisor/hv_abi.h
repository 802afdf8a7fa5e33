/* SPDX-License-Identifier: MIT
 *
 * weir-hv's two protocols: with a process domain (the "domain socket", which
 * carries its hypercalls) and with the device manager and tools (the "control
 * socket", STATE/hv.sock).  This header is their manual.
 *
 * Both run over SOCK_SEQPACKET Unix sockets.  A packet is one message: the
 * 16-byte header below, then the operation's payload.  Every field is
 * little-endian at the byte offset given here; nothing is a C struct on the
 * wire (hypervisor/codec.h reads and writes the bytes).
 *
 *   offset size  header
 *        0    1  version, WEIR_HV_VERSION
 *        1    1  zero
 *        2    2  operation; in a reply the same with WEIR_HV_REPLY set
 *        4    4  sequence number, chosen by the caller, echoed in the reply
 *        8    4  status: zero in a request; in a reply 0 or -errno
 *       12    2  count of elements, for operations that take batches; else 0
 *       14    2  size of the whole message in bytes; equals the packet's
 *
 * A reply whose status is not 0 has no payload, unless an operation says so.
 * A malformed message on the control socket ends that connection; on a domain
 * socket it is answered with -EINVAL (a domain hurts only itself).
 *
 * A domain sends its next request after the reply to the last.  One that does
 * not read its replies is killed when its socket is full.
 */
#ifndef WEIR_HYPERVISOR_HV_ABI_H
#define WEIR_HYPERVISOR_HV_ABI_H

#include <stdint.h>

#include "ring/event_abi.h" /* port states of EVTCHN_STATUS */
#include "ring/grant_abi.h" /* GNTST statuses */

#define WEIR_HV_VERSION    1
#define WEIR_HV_HEADER     16
#define WEIR_HV_REPLY      0x8000u
#define WEIR_HV_BATCH      256  /* elements in one message, at most */
#define WEIR_HV_MSG_MAX    8192 /* bytes of a message, at most */
#define WEIR_HV_NAME       64   /* bytes of a domain's name field, NUL padded */
#define WEIR_HV_REASON     160
#define WEIR_HV_FDS        4     /* descriptors with one message, at most */
#define WEIR_HV_DOMID_LAST 32751 /* Xen reserves the ids from 0x7FF0 on */

/* ---- domain socket ------------------------------------------------------
 *
 * Life of a connection: HELLO, WINDOW, SEALED, then anything.  Until SEALED
 * was answered with 0 every other operation gets -EPERM, and no machine frame
 * is accessible.  From SEALED on the domain can only send() (its filter has
 * no sendmsg), so requests carry no descriptors.  Replies may.
 *
 * A pointer to machine frame m in the domain is window base + m * 4096.
 *
 * HELLO       SCM_CREDENTIALS of the sender
 *             0 u32 WEIR_HV_MAGIC; 4 u32 WEIR_HV_VERSION
 *   reply     0 u64 bytes of machine memory (= of the window)
 *             8 u64 store ring frame, 0 for none
 *            16 u64 console ring frame, 0 for none
 *            24 u64 first frame of the grant table
 *            32 u32 grant table frames in use; 36 u32 at most
 *            40 u32 store port; 44 u32 console port
 *            48 u32 event channel quota; 52 u32 own domid
 *            56 name, 64 bytes
 *             with descriptor 0: the machine memory, to be mapped once and
 *             closed before SEALED
 * WINDOW      0 u64 window base; 8 u64 base of the read-only window (the same
 *             where the kernel can write-protect); 16 u64 size in bytes
 *             with descriptors 0: the userfaultfd, 1: /proc/self/pagemap
 * SEALED      0 u32 threads; 4 u32 uid; 8 u32 gid; 12 u32 zero.  weir-hv
 *             verifies the seal before it answers: -EPERM if it is not whole
 *   reply     count of ports handed over (console, then store if there is
 *             one); two descriptors for each: wait, notify (see EVTCHN_ALLOC)
 *
 * ALLOC       0 u32 count of frames; 4 u32 zero
 *   reply     0 u64 first frame of a contiguous run, zeroed, accessible
 * FREE        0 u64 first; 8 u32 count; 12 u32 zero.  The caller has dropped
 *             the pages (MADV_DONTNEED) before; weir-hv looks, and answers
 *             -EBUSY if one is still there.  A frame others still map leaves
 *             the domain now and its quota with the last mapping.
 * GRANT_TABLE 0 u32 frames wanted, 0 to ask only; 4 u32 zero
 *   reply     0 u64 first frame; 8 u32 frames in use; 12 u32 at most
 * MAP         count elements of 8: 0 u16 granter; 2 u16 flags; 4 u32 ref
 *   reply     count elements of 16: 0 i32 GNTST status; 4 u32 handle;
 *             8 u64 frame
 * UNMAP       count elements of 4: u32 handle.  The caller has dropped pages
 *             that no other mapping of its own shows before (MADV_DONTNEED).
 *   reply     count elements of 4: i32 GNTST status; bad_virt_addr when the
 *             page is still in the caller's page table: still mapped
 * COPY        count elements of 28:
 *               0 u64 source reference or frame; 8 u16 source granter;
 *              10 u16 source offset; 12 u64 destination; 20 u16; 22 u16;
 *              24 u16 length in bytes; 26 u16 flags
 *   reply     count elements of 4: i32 GNTST status
 * EVTCHN_ALLOC 0 u32 remote domid
 *   reply     0 u32 port; descriptors 0: wait, 1: notify.  Both are eventfds;
 *             the wait end polls readable while the port is pending and is
 *             read to clear it; adding 1 to the notify end signals the peer.
 *             A notification never passes through weir-hv.
 * EVTCHN_BIND 0 u32 remote domid; 4 u32 remote port; reply as EVTCHN_ALLOC.
 *             The new port is pending.
 * EVTCHN_CLOSE  0 u32 port.  An interdomain peer becomes unbound, reserved
 *             for the closing domain.
 * EVTCHN_STATUS 0 u32 port
 *   reply     0 u32 WEIR_EVTCHN_*; 4 u32 remote domid; 8 u32 remote port
 * EVTCHN_RESET  nothing; closes every port
 * STATS       0 u64 own frame with the statistics page, 0 for none
 * IO_QUERY    0 u32 kind (enum weir_io_kind); 4 u32 zero; 8 u64 first;
 *            16 u64 last.  Status 0 or -EPERM (which is counted).
 * GRANT_VERSION 0 u32 version; -ENOSYS for anything but 1
 * TRANSFER    refused: -ENOSYS
 * KEEP        0 u64 key; 8 u32 count of frames; 12 u32 zero.  Frames that
 *             outlive this program (REVIVE).  FREE of any of them ends it.
 *   reply     0 u64 first frame of a contiguous run, accessible; 8 u32 1: a
 *             predecessor's, with its content, 0: new and zeroed; 12 u32 zero.
 *             -EEXIST: the key has another count; -EBUSY: this program has
 *             asked for it already
 * FORGET      nothing; frees kept frames that this program did not ask for
 * FAULTED     0 u64 frame.  The last words of a domain that wrote through its
 *             read-only window (kernels where that is a SIGSEGV): it is ended
 *             with a reason that names the frame.
 */
#define WEIR_HV_MAGIC 0x52494557u /* "WEIR" */

enum weir_hv_op {
    WEIR_HV_HELLO = 1,
    WEIR_HV_WINDOW = 2,
    WEIR_HV_SEALED = 3,
    WEIR_HV_ALLOC = 4,
    WEIR_HV_FREE = 5,
    WEIR_HV_GRANT_TABLE = 6,
    WEIR_HV_MAP = 7,
    WEIR_HV_UNMAP = 8,
    WEIR_HV_COPY = 9,
    WEIR_HV_EVTCHN_ALLOC = 10,
    WEIR_HV_EVTCHN_BIND = 11,
    WEIR_HV_EVTCHN_CLOSE = 12,
    WEIR_HV_EVTCHN_STATUS = 13,
    WEIR_HV_EVTCHN_RESET = 14,
    WEIR_HV_STATS = 15,
    WEIR_HV_IO_QUERY = 16,
    WEIR_HV_GRANT_VERSION = 17,
    WEIR_HV_TRANSFER = 18,
    WEIR_HV_FAULTED = 19,
    WEIR_HV_KEEP = 20,
    WEIR_HV_FORGET = 21,
};

#define WEIR_HV_HELLO_REQ  8
#define WEIR_HV_HELLO_REP  120
#define WEIR_HV_WINDOW_REQ 24
#define WEIR_HV_SEALED_REQ 16
#define WEIR_HV_MAP_REQ    8 /* per element */
#define WEIR_HV_MAP_REP    16
#define WEIR_HV_UNMAP_REQ  4
#define WEIR_HV_COPY_REQ   28
#define WEIR_HV_STATUS_REP 4
#define WEIR_HV_KEEP_REQ   16
#define WEIR_HV_KEEP_REP   16

/* MAP element flags */
#define WEIR_HV_MAP_READONLY 1u
/* COPY element flags: the end is a grant reference, not an own frame */
#define WEIR_HV_COPY_SRC_GREF 1u
#define WEIR_HV_COPY_DST_GREF 2u

/* ---- control socket -----------------------------------------------------
 *
 * Mode 0600; the peer must be root or weir-hv's own user.  Requests of one
 * connection are answered in order, save DESTROY (answered when the domain is
 * dead) and the events of SUBSCRIBE.
 *
 * CREATE      0 name, 64 bytes; 64 u32 kind; 68 u32 domid, 0 for any;
 *            72 u32 max_frames; 76 u32 max_grants; 80 u32 max_ports;
 *            84 u32 max_maps; 88 u32 1: has a store; 92 u32 store domid;
 *            96 u32 vcpus; 100 u32 zero; 104 u64 ram pages (0 for a process)
 *   reply     0 u32 domid; of a process domain with descriptor 0: its socket
 * VM_LOAD     0 u32 domid; 4 u32 zero; 8 u64 gpa; 16 u64 length, at most
 *             WEIR_HVCTL_LOAD_MAX; 24 u64 offset
 *             with descriptor 0: a memfd
 * VM_START    0 u32 domid; 4 u32 entry; 8 u32 start info; 12 u32 zero
 * DESTROY, PAUSE, UNPAUSE  0 u32 domid
 * REVIVE      0 u32 domid; 4 u32 zero.  A process domain in state CRASHED gets
 *             a new program: same domid, name and quotas, kept frames as they
 *             are, everything else as after CREATE (BUILDING).  Answered when
 *             that is so.  -EINVAL: not such a domain; -EBUSY: others map
 *             frames of it, beside the store domain its store page; -EALREADY:
 *             it is being revived; -EEXIST: another domain has its name by
 *             now; -ENOENT: destroyed meanwhile.  What its console said, its
 *             counters and I/O permissions go on.
 *   reply     descriptor 0: its new socket
 * INFO        0 u32 domid; reply: one dominfo
 * LIST        0 u32 first domid; 4 u32 at most; reply: count dominfos
 * STATS       0 u32 domid; reply: 4096 bytes; -ENODATA without a page
 * CONSOLE     0 u32 domid; reply with descriptor 0: a stream socket
 * SUBSCRIBE   nothing; from now on an EVENT for each change
 * EVENT       (weir-hv to client, sequence 0) one dominfo
 * IO_PERMIT, IO_DENY  0 u32 domid; 4 u32 zero; 8 a range as in IO_LIST
 * IO_LIST     0 u32 domid; reply: count elements of 24: 0 u32 kind; 4 zero;
 *             8 u64 first; 16 u64 last
 * MACHINE     nothing; reply 0 u64 frames; 8 u64 used; 16 u64 resident bytes
 *             beside frames; 24 u32 domains; 28 u32 zero; 32 version, 32 bytes
 * STASH       0 u64 key; 8 u32 count of descriptors, 1..WEIR_STASH_FDS;
 *            12 u32 zero
 *             with so many descriptors (else -EBADF), which replace what key
 *             has.  -EMFILE: too many are kept, or weir-hv could not take them;
 *             -ENOSPC: WEIR_STASH_RECORDS keys; what key has stays then
 * UNSTASH     0 u64 key; -ENOENT without a record
 * STASHED     0 u64 first key; -ENOENT: no key from there on
 *   reply     0 u64 lowest key >= first; 8 u32 count of descriptors;
 *            12 u32 zero; with so many descriptors
 *
 * dominfo, 344 bytes:
 *   0 u32 domid; 4 u32 kind; 8 u32 state; 12 i32 pid; 16 name 64;
 *  80 reason 160; 240 u32 frames; 244 u32 max_frames; 248 u32 grants_active;
 * 252 u32 grants_mapped; 256 u32 ports; 260 u32 max_ports; 264 u32 max_maps;
 * 268 u32 store port; 272 u64 store frame; 280 u64 faults;
 * 288 u64 hypercalls; 296 u64 io_refused; 304 u64 uptime in ns; 312 u32 vcpus;
 * 316 u32 shutdown code; 320 u32 1: mode k; 324 u32 console port;
 * 328 u32 generation, 0 for the first program; 332 zeros
 */
enum weir_hvctl_op {
    WEIR_HVCTL_CREATE = 1,
    WEIR_HVCTL_DESTROY = 2,
    WEIR_HVCTL_PAUSE = 3,
    WEIR_HVCTL_UNPAUSE = 4,
    WEIR_HVCTL_INFO = 5,
    WEIR_HVCTL_LIST = 6,
    WEIR_HVCTL_STATS = 7,
    WEIR_HVCTL_CONSOLE = 8,
    WEIR_HVCTL_SUBSCRIBE = 9,
    WEIR_HVCTL_EVENT = 10,
    WEIR_HVCTL_IO_PERMIT = 11,
    WEIR_HVCTL_IO_DENY = 12,
    WEIR_HVCTL_IO_LIST = 13,
    WEIR_HVCTL_MACHINE = 14,
    WEIR_HVCTL_VM_LOAD = 15,
    WEIR_HVCTL_VM_START = 16,
    WEIR_HVCTL_REVIVE = 17,
    WEIR_HVCTL_STASH = 18,
    WEIR_HVCTL_UNSTASH = 19,
    WEIR_HVCTL_STASHED = 20,
};

#define WEIR_HVCTL_CREATE_REQ  112
#define WEIR_HVCTL_LOAD_REQ    32
#define WEIR_HVCTL_START_REQ   16
#define WEIR_HVCTL_REVIVE_REQ  8
#define WEIR_HVCTL_STASH_REQ   16
#define WEIR_HVCTL_STASHED_REP 16
#define WEIR_HVCTL_LOAD_MAX    (4u << 20) /* bytes of one VM_LOAD */
#define WEIR_HVCTL_DOMINFO     344
#define WEIR_HVCTL_LIST_MAX    16 /* dominfos in one reply */
#define WEIR_HVCTL_IO_RANGE    24
#define WEIR_HVCTL_MACHINE_REP 64

#endif
