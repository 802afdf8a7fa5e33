/* SPDX-License-Identifier: MIT
 *
 * The system calls of a sealed domain.  Everything not listed kills the
 * process.  A new line needs its reason, and a thought about what it does to
 * the window, to the kept userfaultfd and to other processes.
 *
 * All comparisons of int arguments are of the low 32 bits, as the kernel uses
 * them: with 64-bit ones N | 1 << 32 passes for something else than N.
 */
#include "hypervisor/client/seal_list.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <linux/if_tun.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/client/process.h"

#include <xen/evtchn.h>
#include <xen/gntdev.h>

#define LOW32 WEIR_SEAL_LOW32
/* What pthread_create of glibc (and musl) asks of clone(2). */
#define THREAD_FLAGS                                                           \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |        \
     CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID |                      \
     CLONE_CHILD_CLEARTID)
#define RW   ((uint64_t)(PROT_READ | PROT_WRITE))
#define ANON (MAP_PRIVATE | MAP_ANONYMOUS)

#define SYS(call) .nr = SCMP_SYS(call), .name = #call
#define ARG(i, m, v)                                                           \
    {                                                                          \
        .arg = (i), .mask = (m), .value = (v)                                  \
    }
#define IOCTL(request, set, text)                                              \
    {                                                                          \
        SYS(ioctl), .sets = (set), .how = ALLOW, .args = #request,             \
                    .match = {ARG(1, LOW32, request)}, .why = (text)           \
    }

const struct weir_seal_rule weir_seal_rules[] = {
    /* data */
    {SYS(read), .how = BELOW_UFFD, .args = "not the userfaultfd",
     .why = "events, timers, sockets; the userfaultfd's events are weir-hv's"},
    {SYS(write), .why = "log, eventfds"},
    {SYS(close), .how = BELOW_UFFD, .args = "not the userfaultfd",
     .why = "descriptors received; the last close of the userfaultfd would "
            "open the window"},
    {SYS(recvfrom), .why = "sockets; takes no descriptors"},
    {SYS(sendto), .args = "connected, MSG_NOSIGNAL | MSG_DONTWAIT at most",
     .match = {ARG(3, LOW32 & ~(uint64_t)(MSG_NOSIGNAL | MSG_DONTWAIT), 0),
               ARG(4, ~0ull, 0)},
     .why = "hypercalls; MSG_ZEROCOPY would keep pages past their unmap"},
    {SYS(recvmsg), .how = CONTROL_FD, .args = "the socket to weir-hv",
     .why = "event channels arrive as descriptors"},
    {SYS(recvmsg), .sets = WEIR_SEAL_FD_RECV, .args = "resource channel",
     .match = {ARG(0, LOW32, WEIR_FD_RESOURCE)},
     .why = "the device manager hands images and taps over"},
    /* waiting */
    {SYS(poll), .why = "waiting"},
    {SYS(ppoll), .why = "waiting"},
    {SYS(epoll_wait), .why = "waiting"},
    {SYS(epoll_pwait), .why = "waiting"},
    {SYS(epoll_ctl), .why = "sets made before the seal, descriptors after"},
    {SYS(futex), .why = "locks between threads"},
    {SYS(timerfd_settime), .why = "timers made before the seal"},
    {SYS(nanosleep), .why = "waiting"},
    {SYS(clock_nanosleep), .why = "waiting"},
    {SYS(sched_yield), .why = "adaptive polling"},
    {SYS(clock_gettime), .why = "clocks without a vDSO"},
    {SYS(clock_getres), .why = "clocks without a vDSO"},
    {SYS(gettimeofday), .why = "clocks without a vDSO"},
    {SYS(time), .why = "clocks without a vDSO"},
    /* memory */
    {SYS(madvise), .args = "MADV_DONTNEED",
     .match = {ARG(2, LOW32, MADV_DONTNEED)},
     .why = "unmapping of frames; MADV_REMOVE would zero everybody's, "
            "MADV_DOFORK and MADV_COLLAPSE undo the window's set-up"},
    {SYS(mmap), .args = "new private anonymous memory, read-write",
     .match = {ARG(0, ~0ull, 0), ARG(2, ~0ull, RW), ARG(3, ~0ull, ANON)},
     .why = "malloc"},
    {SYS(mmap), .sets = WEIR_SEAL_THREADS, .args = "likewise, MAP_STACK",
     .match = {ARG(0, ~0ull, 0), ARG(2, ~0ull, RW),
               ARG(3, ~0ull, ANON | MAP_STACK)},
     .why = "thread stacks; a guard area needs mprotect, so threads started "
            "after the seal have pthread_attr_setguardsize 0"},
    {SYS(munmap), .how = OFF_WINDOW, .args = "not the window",
     .why = "malloc, thread stacks"},
    {SYS(brk), .why = "malloc"},
    /* threads and signals */
    {SYS(clone), .sets = WEIR_SEAL_THREADS, .args = "a thread",
     .match = {ARG(0, ~0ull, THREAD_FLAGS)},
     .why = "threads; other flags make a process that could outlive us, or "
            "an unregistered copy of the window"},
    {SYS(clone3), .how = REFUSE, .err = ENOSYS,
     .why = "its arguments are in memory; glibc then uses clone"},
    {SYS(set_robust_list), .why = "thread start"},
    {SYS(rseq), .why = "thread start"},
    {SYS(exit), .why = "thread end"},
    {SYS(exit_group), .why = "the end"},
    {SYS(tgkill), .how = OWN_PROCESS, .args = "own process",
     .why = "abort, pthread_kill"},
    {SYS(rt_sigaction), .why = "signals"},
    {SYS(rt_sigprocmask), .why = "signals; thread start"},
    {SYS(rt_sigreturn), .why = "signals"},
    {SYS(rt_sigpending), .why = "signals"},
    {SYS(rt_sigsuspend), .why = "signals"},
    {SYS(rt_sigtimedwait), .why = "signals"},
    {SYS(sigaltstack), .why = "signals"},
    {SYS(restart_syscall), .why = "a sleep goes on after a stop"},
    {SYS(getpid), .why = "abort"},
    {SYS(gettid), .why = "abort, logs"},
    {SYS(getrandom), .why = "hash seeds"},
    /* asked by the C library in passing; killing would be needless */
    {SYS(ioctl), .sets = WEIR_SEAL_TAP | WEIR_SEAL_BLKDEV, .how = REFUSE_BASE,
     .err = ENOTTY, .why = "isatty; no request is allowed"},
    {SYS(fcntl), .how = REFUSE, .err = EPERM,
     .why = "F_DUPFD, F_SETOWN and F_SETSIG are ways out"},
    {SYS(sysinfo), .how = REFUSE, .err = EPERM, .why = "qsort asks"},
    /* sets */
    {SYS(io_submit), .sets = WEIR_SEAL_AIO, .why = "libaio"},
    {SYS(io_getevents), .sets = WEIR_SEAL_AIO, .why = "libaio"},
    {SYS(io_cancel), .sets = WEIR_SEAL_AIO, .why = "libaio"},
    {SYS(pread64), .sets = WEIR_SEAL_FILE, .how = BELOW_UFFD,
     .args = "not the userfaultfd", .why = "images"},
    {SYS(preadv), .sets = WEIR_SEAL_FILE, .how = BELOW_UFFD,
     .args = "not the userfaultfd", .why = "images"},
    {SYS(pwrite64), .sets = WEIR_SEAL_FILE, .why = "images"},
    {SYS(pwritev), .sets = WEIR_SEAL_FILE, .why = "images"},
    {SYS(fsync), .sets = WEIR_SEAL_FILE, .why = "flush"},
    {SYS(fdatasync), .sets = WEIR_SEAL_FILE, .why = "flush"},
    {SYS(fallocate), .sets = WEIR_SEAL_FILE, .why = "discard"},
    {SYS(lseek), .sets = WEIR_SEAL_FILE, .why = "size of an image"},
    {SYS(fstat), .sets = WEIR_SEAL_FILE, .why = "kind of an image"},
    {SYS(newfstatat), .sets = WEIR_SEAL_FILE, .args = "AT_EMPTY_PATH",
     .match = {ARG(3, LOW32, AT_EMPTY_PATH)},
     .why = "fstat of glibc; the domain's root is empty"},
    {SYS(readv), .sets = WEIR_SEAL_FILE | WEIR_SEAL_TAP, .how = BELOW_UFFD,
     .args = "not the userfaultfd", .why = "packets, images"},
    {SYS(writev), .sets = WEIR_SEAL_FILE | WEIR_SEAL_TAP,
     .why = "packets, images"},
    IOCTL(TUNSETOFFLOAD, WEIR_SEAL_TAP, "offloads follow the frontend's"),
    IOCTL(BLKDISCARD, WEIR_SEAL_BLKDEV, "discard"),
    IOCTL(BLKSECDISCARD, WEIR_SEAL_BLKDEV, "secure discard"),
    IOCTL(BLKZEROOUT, WEIR_SEAL_BLKDEV, "write zeroes"),
    IOCTL(BLKGETSIZE64, WEIR_SEAL_BLKDEV, "resize"),
    {SYS(ioctl), .sets = WEIR_SEAL_TAP | WEIR_SEAL_BLKDEV, .how = REFUSE,
     .err = ENOTTY, .args = "TCGETS", .match = {ARG(1, LOW32, 0x5401)},
     .why = "isatty"},
    {SYS(accept4), .sets = WEIR_SEAL_ACCEPT,
     .why = "the registry's socket, listening since before the seal"},
    {SYS(getsockopt), .sets = WEIR_SEAL_ACCEPT, .args = "SO_PEERCRED",
     .match = {ARG(1, LOW32, SOL_SOCKET), ARG(2, LOW32, SO_PEERCRED)},
     .why = "who connected"},
    /* a domain of a hypervisor's own: no window, descriptors of the drivers
     * opened before the seal */
    {SYS(mmap), .sets = WEIR_SEAL_XEN, .args = "shared, not executable",
     .match = {ARG(0, ~0ull, 0), ARG(2, ~RW, 0), ARG(3, ~0ull, MAP_SHARED)},
     .why = "pages of other domains"},
    IOCTL(IOCTL_GNTDEV_MAP_GRANT_REF, WEIR_SEAL_XEN, "pages of other domains"),
    IOCTL(IOCTL_GNTDEV_GET_OFFSET_FOR_VADDR, WEIR_SEAL_XEN, "to unmap"),
    IOCTL(IOCTL_GNTDEV_UNMAP_GRANT_REF, WEIR_SEAL_XEN, "to unmap"),
    IOCTL(IOCTL_GNTDEV_GRANT_COPY, WEIR_SEAL_XEN, "packets"),
    IOCTL(IOCTL_EVTCHN_BIND_INTERDOMAIN, WEIR_SEAL_XEN, "event channels"),
    IOCTL(IOCTL_EVTCHN_BIND_UNBOUND_PORT, WEIR_SEAL_XEN, "event channels"),
    IOCTL(IOCTL_EVTCHN_UNBIND, WEIR_SEAL_XEN, "event channels"),
    IOCTL(IOCTL_EVTCHN_NOTIFY, WEIR_SEAL_XEN, "event channels"),
#if WEIR_SANITIZED
    /* The sanitizers' runtime: shadow memory, reports, leak search.  Such a
     * build is for tests: it can map over its own window.  fork, exec,
     * madvise beyond DONTNEED on shared memory, userfaultfd and the kept
     * descriptor stay forbidden. */
    {SYS(mmap), .args = "private anonymous", .why = "sanitizer",
     .match = {ARG(3, ANON | MAP_SHARED, ANON)}},
    {SYS(mprotect), .why = "sanitizer"},
    {SYS(madvise), .args = "MADV_NOHUGEPAGE", .why = "sanitizer",
     .match = {ARG(2, LOW32, MADV_NOHUGEPAGE)}},
    {SYS(madvise), .args = "MADV_DONTDUMP", .why = "sanitizer",
     .match = {ARG(2, LOW32, MADV_DONTDUMP)}},
    {SYS(openat), .how = REFUSE, .err = EACCES, .why = "sanitizer: report"},
    {SYS(open), .how = REFUSE, .err = EACCES, .why = "sanitizer: report"},
    {SYS(readlink), .how = REFUSE, .err = EACCES, .why = "sanitizer: report"},
    {SYS(prctl), .how = REFUSE, .err = EPERM, .why = "sanitizer: report"},
    {SYS(sched_getaffinity), .why = "sanitizer"},
    {SYS(getrlimit), .why = "sanitizer"},
    {SYS(prlimit64), .how = REFUSE, .err = EPERM, .why = "sanitizer"},
#endif
};

const unsigned weir_seal_n_rules =
    sizeof(weir_seal_rules) / sizeof(weir_seal_rules[0]);
