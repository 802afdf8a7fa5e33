/* SPDX-License-Identifier: MIT
 *
 * What a VM's thread may still ask of the kernel.
 */
#include "hypervisor/client/breakable.h"
#include "hypervisor/vm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A thread: the filter is its own.  check returns what went wrong. */
struct job {
    const char *(*check)(void);
    const char *failed;
};

static void *work(void *job)
{
    struct job *j = job;

    j->failed = hv_vm_seccomp() < 0 ? "no filter" : j->check();
    return NULL;
}

static void in_thread(const char *(*check)(void))
{
    struct job j = {.check = check};
    pthread_t t;

    assert_int_equal(pthread_create(&t, NULL, work, &j), 0);
    assert_int_equal(pthread_join(t, NULL), 0);
    if (j.failed)
        fail_msg("%s", j.failed);
}

static bool refused(long rc)
{
    return rc == -1 && errno == EPERM;
}

static const char *refusals(void)
{
    char *argv[] = {NULL};

    if (!refused(open("/dev/null", O_RDONLY)))
        return "open";
    if (!refused(syscall(SYS_open, "/dev/null", O_RDONLY)))
        return "the old open";
    if (!refused(socket(AF_UNIX, SOCK_STREAM, 0)))
        return "socket";
    if (!refused(execve("/bin/true", argv, argv)))
        return "execve";
    if (!refused(syscall(SYS_clone, 0x11, 0, 0, 0, 0)))
        return "fork";
    if (!refused(syscall(SYS_ptrace, 0, 0, 0, 0)))
        return "ptrace";
    if (!refused(syscall(SYS_process_vm_readv, getpid(), NULL, 0, NULL, 0, 0)))
        return "process_vm_readv";
    if (!refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)))
        return "prctl";
    if (!refused((long)mmap(NULL, 4096, PROT_READ | PROT_EXEC,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)))
        return "mmap of code";
    if (!refused(ioctl(0, FIONBIO, argv)))
        return "an ioctl that is not KVM's";
    if (!refused(syscall(SYS_ioctl, 0, 0x5401 | 1ul << 40, argv)))
        return "an ioctl with bits above 32";
    /* x32 has numbers of its own for the same calls. */
    if (!refused(syscall(SYS_open | 0x40000000, "/dev/null", O_RDONLY)))
        return "x32";
    return NULL;
}

static void files_programs_and_code_are_out_of_reach(void **state)
{
    (void)state;
    in_thread(refusals);
}

static const char *needs(void)
{
    int fd = eventfd(0, EFD_NONBLOCK), other;
    uint64_t one = 1;
    uint8_t *at;

    other = eventfd(0, EFD_NONBLOCK);
    if (other < 0 || close(other) < 0)
        return "eventfd";
    if (write(fd, &one, sizeof(one)) != sizeof(one) ||
        read(fd, &one, sizeof(one)) != sizeof(one))
        return "read and write";
    at = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
              -1, 0);
    if (at == MAP_FAILED || mprotect(at, 4096, PROT_READ) < 0)
        return "memory";
    if (!refused(mprotect(at, 4096, PROT_READ | PROT_EXEC)))
        return "mprotect to code";
    if (munmap(at, 8192) < 0)
        return "munmap";
    /* Of KVM's type: refused by what fd is, not by the filter. */
    if (ioctl(fd, KVM_RUN, 0) != -1 || errno != ENOTTY)
        return "KVM_RUN";
    close(fd);
    return NULL;
}

static void its_work_is_not_hindered(void **state)
{
    (void)state;
    in_thread(needs);
}

static void other_threads_keep_theirs(void **state)
{
    int fd;

    (void)state;
    in_thread(refusals);
    fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_programs_and_code_are_out_of_reach),
        cmocka_unit_test(its_work_is_not_hindered),
        cmocka_unit_test(other_threads_keep_theirs),
    };

    if (WEIR_SANITIZED) {
        print_message("sanitizers make calls of their own\n");
        return 77;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
