/* SPDX-License-Identifier: MIT
 *
 * The process port: what a program calls to become a process domain.
 *
 *   1. weir_process_open()   HELLO; maps machine memory, registers and hands
 *                            over the userfaultfd, closes the memfd
 *   2. set-up that needs calls the seal forbids: threads, epoll, io_setup
 *   3. weir_process_seal()   drops privileges, installs the filter, lets
 *                            weir-hv verify it
 *   4. weir_process_port()->ops: allocate, grant, map, bind ...
 *
 * Nothing untrusted may be read before step 3 has returned 0.  Before it no
 * machine frame is accessible; ops fail with -WEIR_EPERM.
 *
 * A domain program is started (driverdomains/sandbox) with
 *   fd 3   WEIR_FD_HV        its socket to weir-hv
 *   fd 4   WEIR_FD_RESOURCE  driver domains: the device manager's resource
 *                            channel (backends/common/resource_abi.h)
 *   fd 2   its log; fd 0 is /dev/null, fd 1 as fd 2
 *
 * Sealed, it may outlive who started it, and ends by itself when weir-hv does
 * (process_life.c).
 */
#ifndef WEIR_HYPERVISOR_CLIENT_PROCESS_H
#define WEIR_HYPERVISOR_CLIENT_PROCESS_H

#include "ring/port.h"

#define WEIR_FD_HV       3
#define WEIR_FD_RESOURCE 4

struct weir_process;

/* What the seal allows beyond the list every sealed domain has.  Each bit is
 * a set of system calls with its reason in hypervisor/client/seal_list.c. */
enum weir_seal_allow {
    WEIR_SEAL_AIO = 1 << 0,     /* io_submit, io_getevents, io_cancel */
    WEIR_SEAL_FILE = 1 << 1,    /* p{read,write}{,v}, f{,data}sync, fallocate,
                                   fstat, lseek */
    WEIR_SEAL_TAP = 1 << 2,     /* readv, writev; ioctl(TUNSETOFFLOAD) alone */
    WEIR_SEAL_FD_RECV = 1 << 3, /* recvmsg: takes descriptors from fd 4 */
    WEIR_SEAL_THREADS = 1 << 4, /* clone with pthread_create's flags */
    WEIR_SEAL_BLKDEV = 1 << 5,  /* ioctl BLKDISCARD, BLKSECDISCARD,
                                   BLKZEROOUT, BLKGETSIZE64 alone */
    WEIR_SEAL_ACCEPT = 1 << 6,  /* accept4; getsockopt(SO_PEERCRED) */
    WEIR_SEAL_XEN = 1 << 7,     /* not process domains: /dev/xen/ gntdev,
                                   evtchn (hypervisor/client/xen.h) */
};

/* fd: normally WEIR_FD_HV.  *out lives until the process ends. */
int weir_process_open(int fd, struct weir_process **out);

/* allow: or of weir_seal_allow.  uid, gid: identity to take; 0 keeps the
 * present one (which must then not be root unless weir-hv is not either). */
int weir_process_seal(struct weir_process *d, unsigned allow, unsigned uid,
                      unsigned gid);

struct weir_port *weir_process_port(struct weir_process *d);

/* Publish the frame that holds the domain's statistics page (0: none).  Tools
 * read it through weir-hv; page is from alloc_pages. */
int weir_process_set_stats(struct weir_process *d, const void *page);

/* May this domain use the I/O range (kind: enum weir_io_kind of control.h,
 * inclusive bounds)?  0, or -EPERM, which weir-hv counts. */
int weir_process_io_query(struct weir_process *d, unsigned kind, uint64_t first,
                          uint64_t last);

#endif
