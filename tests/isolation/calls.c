/* SPDX-License-Identifier: MIT
 *
 * System calls a sealed domain must not get through, each made by one.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hypervisor/client/seal.h"
#include "tests/isolation/lab.h"

/* Arguments that are known once the puppet runs: an addend to one of these. */
#define MIDDLE (1ll << 59)
#define WIN    ((1ll << 60) + MIDDLE) /* address of the window */
#define BUF    ((2ll << 60) + MIDDLE) /* address of a buffer */
#define END    ((3ll << 60) + MIDDLE) /* end of the window */
#define KINDS  (7ll << 60)

#define UFFD   WEIR_SEAL_UFFD
#define HIGH   (1ll << 32)
#define SIZE   0x4000000ll /* of the window: 64 MiB */
#define PAGE   4096
#define KILLED 0
#define THREAD                                                                 \
    (CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD)
#define OTHERS                                                                 \
    (CLONE_SYSVSEM | CLONE_SETTLS | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID)
#define RW        (PROT_READ | PROT_WRITE)
#define ANON      (MAP_PRIVATE | MAP_ANONYMOUS)
#define X32_BIT   0x40000000
#define NEW(n)    (n) /* numbers that Debian 12's headers lack */
#define UFFD_CONT 0xc020aa07

struct call {
    const char *name, *syscall;
    int64_t nr, a[6];
    int result; /* KILLED, or the negative errno of the answer */
    unsigned allow;
};

#define C(call, nm, ...)                                                       \
    {                                                                          \
        .name = (nm), .syscall = #call, .nr = SYS_##call, .a = { __VA_ARGS__ } \
    }
#define R(call, nm, res, ...)                                                  \
    {                                                                          \
        .name = (nm), .syscall = #call, .nr = SYS_##call, .a = {__VA_ARGS__},  \
        .result = (res)                                                        \
    }
#define WITH(call, nm, set, ...)                                               \
    {                                                                          \
        .name = (nm), .syscall = #call, .nr = SYS_##call, .a = {__VA_ARGS__},  \
        .allow = (set)                                                         \
    }

static const struct call calls[] = {
    C(madvise, "madvise-remove", WIN, PAGE, 9),
    C(madvise, "madvise-remove-high", WIN, PAGE, 9 | HIGH),
    C(madvise, "madvise-dofork", WIN, SIZE, MADV_DOFORK),
    C(madvise, "madvise-collapse", WIN, SIZE, 25),
    C(madvise, "madvise-hugepage", WIN, SIZE, MADV_HUGEPAGE),
    C(madvise, "madvise-dodump", WIN, SIZE, MADV_DODUMP),
    C(madvise, "madvise-populate-read", WIN, PAGE, 22),
    C(madvise, "madvise-populate-write", WIN, PAGE, 23),
    C(madvise, "madvise-willneed", WIN, PAGE, MADV_WILLNEED),
    C(madvise, "madvise-pageout", WIN, PAGE, 21),
    C(madvise, "madvise-hwpoison", BUF, PAGE, 100),
    C(fork, "fork", 0),
    C(vfork, "vfork", 0),
    C(clone, "clone-process", SIGCHLD),
    C(clone, "clone-thread-without-set", THREAD | OTHERS, BUF + 4096),
    WITH(clone, "clone-sibling-shared", WEIR_SEAL_THREADS, CLONE_VM | SIGCHLD,
         BUF + 4096),
    WITH(clone, "clone-vfork", WEIR_SEAL_THREADS, CLONE_VM | CLONE_VFORK,
         BUF + 4096),
    WITH(clone, "clone-copy", WEIR_SEAL_THREADS,
         (THREAD | OTHERS) & ~(CLONE_VM | CLONE_SIGHAND | CLONE_THREAD)),
    WITH(clone, "clone-no-thread", WEIR_SEAL_THREADS,
         (THREAD | OTHERS) & ~CLONE_THREAD, BUF + 4096, BUF, BUF, BUF),
    WITH(clone, "clone-new-namespace", WEIR_SEAL_THREADS,
         THREAD | OTHERS | CLONE_NEWUSER, BUF + 4096, BUF, BUF, BUF),
    WITH(clone, "clone-untraced", WEIR_SEAL_THREADS,
         THREAD | OTHERS | CLONE_UNTRACED, BUF + 4096, BUF, BUF, BUF),
    R(clone3, "clone3", -ENOSYS, BUF, 88),
    C(mremap, "mremap", WIN, SIZE, SIZE, MREMAP_MAYMOVE | 4, 0),
    C(mremap, "mremap-copy", WIN, 0, SIZE, MREMAP_MAYMOVE, 0),
    C(remap_file_pages, "remap-file-pages", WIN, PAGE, 0, 1, 0),
    C(mprotect, "mprotect-window", WIN, SIZE, RW | PROT_EXEC),
    C(mprotect, "mprotect-own", BUF, PAGE, PROT_READ | PROT_EXEC),
    C(pkey_mprotect, "pkey-mprotect", WIN, SIZE, RW, -1),
    C(pkey_alloc, "pkey-alloc", 0, 0),
    C(munmap, "munmap-window", WIN, SIZE),
    C(munmap, "munmap-page", WIN + 5 * PAGE, PAGE),
    C(munmap, "munmap-into", WIN - PAGE, 2 * PAGE),
    C(munmap, "munmap-tail", END - PAGE, 1 << 30),
    C(munmap, "munmap-from-zero", 0, 1ll << 46),
    C(mmap, "mmap-over-window", WIN, PAGE, RW, ANON | MAP_FIXED, -1, 0),
    C(mmap, "mmap-hint", WIN, PAGE, RW, ANON, -1, 0),
    C(mmap, "mmap-executable", 0, PAGE, RW | PROT_EXEC, ANON, -1, 0),
    C(mmap, "mmap-file", 0, PAGE, PROT_READ, MAP_SHARED, 0, 0),
    C(mmap, "mmap-shared", 0, PAGE, RW, MAP_SHARED | MAP_ANONYMOUS, -1, 0),
    C(mmap, "mmap-huge", 0, 2 << 20, RW, ANON | 0x40000, -1, 0),
    C(userfaultfd, "userfaultfd", 1),
    R(ioctl, "continue-own-fault", -ENOTTY, UFFD, UFFD_CONT, BUF),
    R(ioctl, "continue-high", -ENOTTY, UFFD | HIGH, UFFD_CONT, BUF),
    R(ioctl, "unregister", -ENOTTY, UFFD, 0x8010aa01, BUF),
    WITH(ioctl, "ioctl-with-tap", WEIR_SEAL_TAP, UFFD, UFFD_CONT, BUF),
    WITH(ioctl, "ioctl-with-disk", WEIR_SEAL_BLKDEV, UFFD, 0x8010aa01, BUF),
    C(io_uring_setup, "io-uring-setup", 8, BUF),
    C(io_uring_enter, "io-uring-enter", 0, 1, 0, 0),
    C(io_uring_register, "io-uring-register", 0, 0, BUF, 0),
    C(process_madvise, "process-madvise", 0, BUF, 1, 21, 0),
    C(process_vm_readv, "process-vm-readv", 1, BUF, 1, BUF, 1, 0),
    C(process_vm_writev, "process-vm-writev", 1, BUF, 1, BUF, 1, 0),
    C(process_mrelease, "process-mrelease", 0, 0),
    C(ptrace, "ptrace", 16, 1, 0, 0),
    C(pidfd_open, "pidfd-open", 1, 0),
    C(pidfd_getfd, "pidfd-getfd", 0, 3, 0),
    C(pidfd_send_signal, "pidfd-send-signal", 0, SIGCONT, 0, 0),
    C(kcmp, "kcmp", 1, 1, 0, 0, 0),
    R(fcntl, "set-owner", -EPERM, 0, F_SETOWN, 1),
    R(fcntl, "set-signal", -EPERM, 0, 10, SIGKILL),
    R(fcntl, "dup-uffd-fcntl", -EPERM, UFFD, F_DUPFD, 5),
    R(fcntl, "lease", -EPERM, 0, 1024, 0),
    C(vmsplice, "vmsplice", 1, BUF, 1, 0),
    C(splice, "splice", 0, 0, 1, 0, PAGE, 0),
    C(tee, "tee", 0, 1, PAGE, 0),
    C(sendmsg, "sendmsg", 4, BUF, 0),
    C(sendmmsg, "sendmmsg", 4, BUF, 1, 0),
    C(sendto, "send-zerocopy", 4, BUF, 8, 0x4000000, 0, 0),
    C(sendto, "send-elsewhere", 4, BUF, 8, MSG_NOSIGNAL, BUF, 16),
    C(sendto, "send-out-of-band", 4, BUF, 8, MSG_OOB, 0, 0),
    C(recvmsg, "recvmsg-elsewhere", 0, BUF, MSG_DONTWAIT),
    C(recvmsg, "recvmsg-elsewhere-high", HIGH, BUF, MSG_DONTWAIT),
    C(recvmmsg, "recvmmsg", 0, BUF, 1, MSG_DONTWAIT, 0),
    C(open, "open", BUF, O_RDONLY, 0),
    C(openat, "open-map-files", AT_FDCWD, BUF, O_RDWR, 0),
    C(openat2, "openat2", AT_FDCWD, BUF, BUF, 24),
    C(creat, "creat", BUF, 0600),
    C(open_by_handle_at, "open-by-handle", AT_FDCWD, BUF, O_RDWR),
    C(close, "close-uffd", UFFD),
    C(close, "close-uffd-high", UFFD | HIGH),
    C(close_range, "close-range", UFFD, UFFD, 0),
    C(dup, "dup-uffd", UFFD),
    C(dup, "dup-uffd-high", UFFD | HIGH),
    C(dup2, "dup2-over-uffd", 1, UFFD),
    C(dup3, "dup3-over-uffd", 1, UFFD, 0),
    C(read, "read-uffd", UFFD, BUF, 32),
    C(read, "read-uffd-high", UFFD | HIGH, BUF, 32),
    WITH(readv, "readv-uffd", WEIR_SEAL_FILE, UFFD, BUF, 1),
    WITH(readv, "readv-uffd-high", WEIR_SEAL_FILE, UFFD | HIGH, BUF, 1),
    WITH(pread64, "pread-uffd", WEIR_SEAL_FILE, UFFD, BUF, 32, 0),
    WITH(preadv, "preadv-uffd", WEIR_SEAL_FILE, UFFD, BUF, 1, 0),
    C(preadv2, "preadv2", UFFD, BUF, 1, -1, 0),
    C(pread64, "pread-without-set", 0, BUF, 8, 0),
    C(io_submit, "aio-without-set", 0, 1, BUF),
    C(io_setup, "io-setup", 1, BUF),
    C(accept4, "accept-without-set", 0, 0, 0, 0),
    WITH(getsockopt, "getsockopt-other", WEIR_SEAL_ACCEPT, 0, SOL_SOCKET,
         SO_PEERSEC, BUF, BUF),
    C(setsockopt, "setsockopt", 0, SOL_SOCKET, 60, BUF, 4),
    C(socket, "socket", AF_UNIX, SOCK_STREAM, 0),
    C(connect, "connect", 0, BUF, 16),
    C(memfd_create, "memfd-create", BUF, 0),
    C(execve, "execve", BUF, 0, 0),
    C(execveat, "execveat", AT_FDCWD, BUF, 0, 0, 0),
    C(kill, "kill-all", -1, SIGKILL),
    C(kill, "kill-parent", 1, SIGCONT),
    C(tkill, "tkill", 1, SIGCONT),
    C(tgkill, "tgkill-other", 1, 1, SIGCONT),
    C(tgkill, "tgkill-other-high", HIGH | 1, 1, SIGCONT),
    C(rt_sigqueueinfo, "sigqueue", 1, SIGCONT, BUF),
    C(prctl, "prctl-dumpable", 4, 1, 0, 0, 0),
    C(seccomp, "seccomp", 1, 0, BUF),
    C(unshare, "unshare", CLONE_NEWUSER),
    C(setns, "setns", 0, 0),
    C(setuid, "setuid", 0),
    C(capset, "capset", BUF, BUF),
    C(mount, "mount", BUF, BUF, BUF, 0, 0),
    C(chroot, "chroot", BUF),
    C(pivot_root, "pivot-root", BUF, BUF),
    C(mincore, "mincore", WIN, PAGE, BUF),
    C(mlock, "mlock", WIN, PAGE),
    C(mlockall, "mlockall", 2),
    C(move_pages, "move-pages", 0, 1, BUF, 0, BUF, 0),
    C(mbind, "mbind", WIN, PAGE, 0, 0, 0, 2),
    C(shmat, "shmat", 0, 0, 0),
    C(bpf, "bpf", 0, BUF, 8),
    C(perf_event_open, "perf", BUF, 0, -1, -1, 0),
    C(add_key, "add-key", BUF, BUF, BUF, 1, -2),
    C(prlimit64, "prlimit-other", 1, 7, BUF, BUF),
    C(modify_ldt, "modify-ldt", 0, BUF, 16),
    C(ioperm, "ioperm", 0x80, 1, 1),
    C(iopl, "iopl", 3),
    C(personality, "personality", 0xffffffff),
    C(swapon, "swapon", BUF, 0),
    {.name = "x32-getpid", .nr = SYS_getpid | X32_BIT},
    {.name = "x32-ptrace", .nr = 521 | X32_BIT},
    {.name = "i386-getpid", .nr = 20, .syscall = "int80"},
};

unsigned call_attacks(void)
{
    return sizeof(calls) / sizeof(*calls);
}

const char *call_name(unsigned i)
{
    return calls[i].name;
}

const char *call_syscall(unsigned i)
{
    return calls[i].syscall;
}

static int64_t resolve(const struct dom *where, int64_t a)
{
    const int64_t *v = where->last.v;
    switch (a & KINDS) {
    case WIN &KINDS:
        return a - WIN + v[0];
    case END &KINDS:
        return a - END + v[0] + v[1];
    case BUF &KINDS:
        return a - BUF + v[2];
    default:
        return a;
    }
}

bool call_run(struct lab *l, unsigned i, bool broken)
{
    const struct call *c = &calls[i];
    char word[160];
    snprintf(word, sizeof(word), "sys-%s", c->syscall ? c->syscall : "");
    struct dom *d =
        dom_start(l, &(struct dom_how){.allow = c->allow,
                                       .broken = broken ? word : NULL});
    CHECK(d && d->ready == 0, "no domain");
    TELL(d, P_WHERE);
    struct dom where = *d;
    bool old = c->syscall && !strcmp(c->syscall, "int80");
    int64_t a[7] = {c->nr};
    for (int k = 0; !old && k < 6; k++)
        a[k + 1] = resolve(&where, c->a[k]);
    dom_order(d, old ? P_INT80 : P_SYSCALL, a);
    int64_t r = dom_answer(d, broken ? 300 : 5000);
    if (c->result) {
        CHECK(broken || r == c->result, "answered %lld", (long long)r);
        CHECK(!broken || r != c->result, "still refused");
        return true;
    }
    if (broken && (r != DIED || !dom_reap(d, 1000))) {
        /* DIED: by its own doing, if not by the filter */
        CHECK(r != DIED || WTERMSIG(d->status) != SIGSYS, "still killed");
        return true;
    }
    CHECK(r == DIED, "the call returned %lld", (long long)r);
    CHECK(!dom_reap(d, 2000), "it is not dead");
    CHECK(WIFSIGNALED(d->status) && WTERMSIG(d->status) == SIGSYS,
          "ended with status %x, not by its filter", d->status);
    return true;
}
