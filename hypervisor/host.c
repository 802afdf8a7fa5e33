/* SPDX-License-Identifier: MIT */
#include "hypervisor/host.h"

#include "hypervisor/machine.h"
#include "hypervisor/verify.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/kvm.h>
#include <linux/userfaultfd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif
#ifndef UFFD_FEATURE_MINOR_SHMEM
#define UFFD_FEATURE_MINOR_SHMEM (1 << 10)
#endif

static int missing(FILE *to, const char *what)
{
    fprintf(to, "weir-hv: missing: %s\n", what);
    return 1;
}

static int check_userfaultfd(FILE *to)
{
    struct uffdio_api api = {.api = UFFD_API};
    int n = 0;
    int fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);

    if (fd < 0)
        return missing(to, errno == ENOSYS
                               ? "userfaultfd: use a kernel with "
                                 "CONFIG_USERFAULTFD (Linux 5.14 or newer)"
                               : "userfaultfd in user mode: use Linux 5.11 "
                                 "or newer, or allow the system call");
    if (ioctl(fd, UFFDIO_API, &api) < 0)
        n += missing(to, "userfaultfd's interface: use Linux 5.14 or newer");
    else if (!(api.features & UFFD_FEATURE_MINOR_SHMEM))
        n += missing(to, "userfaultfd minor faults on shared memory: use "
                         "Linux 5.14 or newer on x86-64 or arm64");
    close(fd);
    return n;
}

static int check_memfd(FILE *to)
{
    int n = 0;
    int fd = memfd_create("weir-check", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0)
        return missing(to, "memfd_create: use a kernel with "
                           "CONFIG_MEMFD_CREATE");
    if (ftruncate(fd, WEIR_PAGE_SIZE) < 0 ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW) < 0)
        n += missing(to, "seals on memfds: use a kernel with "
                         "CONFIG_MEMFD_CREATE and CONFIG_TMPFS");
    close(fd);
    return n;
}

static int check_pidfd(FILE *to)
{
    int fd = (int)syscall(SYS_pidfd_open, getpid(), 0);

    if (fd < 0)
        return missing(to, "pidfd_open: use Linux 5.3 or newer");
    close(fd);
    return 0;
}

int hv_host_check(FILE *to)
{
    char reason[WEIR_SEAL_REASON];
    int n = check_userfaultfd(to) + check_memfd(to) + check_pidfd(to);

    if (prctl(PR_GET_SECCOMP) < 0 ||
        syscall(SYS_seccomp, 2 /* SECCOMP_GET_ACTION_AVAIL */, 0,
                &(uint32_t){0x80000000u /* KILL_PROCESS */}) < 0)
        n += missing(to, "seccomp filters: use a kernel with "
                         "CONFIG_SECCOMP_FILTER");
    if (weir_verify_host(reason) < 0)
        n += missing(to, reason);
    if (access("/proc/self/pagemap", R_OK) < 0)
        n += missing(to, "/proc/self/pagemap: mount proc, use a kernel with "
                         "CONFIG_PROC_PAGE_MONITOR");
    return n;
}

void hv_host_kvm(FILE *to, int *fd)
{
    static const int caps[] = {KVM_CAP_USER_MEMORY,    KVM_CAP_IRQCHIP,
                               KVM_CAP_PIT2,           KVM_CAP_SYNC_REGS,
                               KVM_CAP_IOEVENTFD,      KVM_CAP_IMMEDIATE_EXIT,
                               KVM_CAP_X86_MSR_FILTER, KVM_CAP_SIGNAL_MSI};
    const char *lacks = NULL;

    *fd = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (*fd < 0)
        lacks = strerror(errno);
    else if (ioctl(*fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        lacks = "its interface is another";
    for (size_t i = 0; !lacks && i < sizeof(caps) / sizeof(caps[0]); i++)
        if (ioctl(*fd, KVM_CHECK_EXTENSION, caps[i]) <= 0)
            lacks = "its kernel is too old: use Linux 5.10 or newer";
    if (lacks && *fd >= 0) {
        close(*fd);
        *fd = -1;
    }
    if (to && lacks)
        fprintf(to, "weir-hv: no VM domains: /dev/kvm: %s\n", lacks);
    else if (to)
        fprintf(to, "weir-hv: VM domains: /dev/kvm can be used\n");
}

uint64_t hv_host_mappings(void)
{
    unsigned long long max = 65530;
    FILE *f = fopen("/proc/sys/vm/max_map_count", "re");

    if (f && fscanf(f, "%llu", &max) != 1)
        max = 65530;
    if (f)
        fclose(f);
    return max / 4 * 3;
}

void hv_host_no_swap(void)
{
    char line[256];
    FILE *f = fopen("/proc/swaps", "re");
    int lines = 0;

    while (f && fgets(line, sizeof(line), f))
        lines++;
    if (f)
        fclose(f);
    if (lines > 1)
        hv_log("frames can't be locked and there is swap: a domain's I/O may "
               "fail with EFAULT; raise LimitMEMLOCK or set MemorySwapMax=0");
}

/* The loop opens pidfds and /proc of domains of other users, signals them and
 * locks memory.  Everything else a root weir-hv could do goes. */
static void drop_capabilities(void)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2];
    uint32_t keep = 1u << CAP_KILL | 1u << CAP_SYS_PTRACE | 1u << CAP_IPC_LOCK |
                    1u << CAP_DAC_READ_SEARCH | 1u << CAP_DAC_OVERRIDE;

    for (int cap = 0; cap <= 63; cap++)
        if (cap > 31 || !(keep >> cap & 1))
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    if (syscall(SYS_capget, &h, data) < 0)
        return;
    data[0].permitted &= keep;
    data[0].effective &= keep;
    data[0].inheritable = 0;
    data[1].permitted = data[1].effective = data[1].inheritable = 0;
    if (syscall(SYS_capset, &h, data) < 0)
        hv_log("capabilities can't be dropped (error %d)", errno);
}

void hv_host_drop(void)
{
    drop_capabilities();
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    /* A domain of the same user could else read weir-hv's memory. */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* A huge page would show a VM 511 frames beside the one it maps. */
    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0);
}

void hv_host_notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    size_t len = path ? strlen(path) : 0;
    int fd;

    if (len < 2 || len >= sizeof(sa.sun_path))
        return;
    memcpy(sa.sun_path, path, len);
    if (sa.sun_path[0] == '@')
        sa.sun_path[0] = 0; /* abstract */
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    if (sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&sa,
               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)) < 0)
        hv_log("NOTIFY_SOCKET: %s", strerror(errno));
    close(fd);
}
