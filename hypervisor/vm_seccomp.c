/* SPDX-License-Identifier: MIT
 *
 * System calls of a VM domain's threads.  They share their memory with all of
 * weir-hv, so this is a second line: what a guest might talk a thread into
 * opens no file or socket, starts no program and makes no memory executable.
 * What is not on the list fails with EPERM, for a dead thread would hold its
 * locks for ever.
 */
#include "hypervisor/vm.h"

#include "hypervisor/client/breakable.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#define LOAD(field)                                                            \
    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define IS(value, yes, no)                                                     \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (value), (yes), (no))
#define ALLOW      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define CALL(name) IS(SYS_##name, 0, 1), ALLOW
/* The low 32 bits of an argument, as the kernel takes an int. */
#define ARG(n) LOAD(args[n])

static const struct sock_filter filter[] = {
    LOAD(arch),
    IS(AUDIT_ARCH_X86_64, 1, 0),
    DENY,
    LOAD(nr),
    CALL(futex),
    CALL(read),
    CALL(write),
    CALL(recvfrom),
    CALL(sendto),
    CALL(epoll_wait),
    CALL(poll),
    CALL(ppoll),
    CALL(munmap),
    CALL(madvise),
    CALL(fallocate),
    CALL(close),
    CALL(eventfd2),
    CALL(epoll_ctl),
    CALL(timerfd_create),
    CALL(timerfd_settime),
    CALL(clock_gettime),
    CALL(clock_nanosleep),
    CALL(sched_yield),
    CALL(getpid),
    CALL(gettid),
    CALL(tgkill),
    CALL(brk),
    CALL(mremap),
    CALL(getrandom),
    CALL(rt_sigreturn),
    CALL(rt_sigprocmask),
    CALL(restart_syscall),
    CALL(set_robust_list),
    CALL(rseq),
    CALL(exit),
    /* Of KVM's own type only. */
    IS(SYS_ioctl, 0, 5),
    ARG(1),
    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff00),
    IS(KVMIO << 8, 0, 1),
    ALLOW,
    DENY,
    IS(SYS_mmap, 1, 0),
    IS(SYS_mprotect, 0, 4),
    ARG(2),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 1, 0),
    ALLOW,
    DENY,
    DENY,
};

int hv_vm_seccomp(void)
{
    struct sock_filter code[sizeof(filter) / sizeof(filter[0])];
    struct sock_fprog prog = {sizeof(filter) / sizeof(filter[0]), code};

    /* Sanitizers make calls of their own. */
    if (WEIR_SANITIZED)
        return 0;
    memcpy(code, filter, sizeof(code));
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
        return -errno;
    return 0;
}
