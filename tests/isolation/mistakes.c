/* SPDX-License-Identifier: MIT */
#include "tests/isolation/mistakes.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <poll.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/client/seal.h"

/* The memfd is closed, but root finds it again. */
static int open_memory(const struct weir_window *w)
{
    char path[96];
    uintptr_t at = (uintptr_t)w->base;
    snprintf(path, sizeof(path), "/proc/self/map_files/%zx-%zx", at,
             at + w->size);
    int fd = open(path, O_RDWR);
    return fd < 0 ? -errno : fd;
}

static int keep_memory(const struct weir_window *w)
{
    int fd = open_memory(w);
    return fd < 0 ? fd : 0;
}

static int second_mapping(const struct weir_window *w)
{
    int fd = open_memory(w);
    if (fd < 0)
        return fd;
    void *p = mmap(NULL, w->size, PROT_READ, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? -errno : 0;
}

static int directory(const struct weir_window *w)
{
    (void)w;
    return open("/", O_RDONLY | O_DIRECTORY) < 0 ? -errno : 0;
}

static int own_uffd(const struct weir_window *w)
{
    (void)w;
    return syscall(__NR_userfaultfd, UFFD_USER_MODE_ONLY) < 0 ? -errno : 0;
}

static int sibling(const struct weir_window *w)
{
    (void)w;
    pid_t parent = getpid(), pid = fork();
    if (pid)
        return pid < 0 ? -errno : 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == parent)
        usleep(10000);
    _exit(0);
}

static void *wait_here(void *arg)
{
    for (;;) /* a call that it may still make when sealed */
        poll(NULL, 0, -1);
    return arg;
}

static int extra_thread(const struct weir_window *w)
{
    pthread_t t;
    (void)w;
    return -pthread_create(&t, NULL, wait_here, NULL);
}

/* A filter that allows everything, loaded with root's rights and so without
 * no_new_privs: only the missing flag tells it from a seal. */
static int filter_without_nnp(const struct weir_window *w)
{
    (void)w;
    scmp_filter_ctx c = seccomp_init(SCMP_ACT_ALLOW);
    if (!c)
        return -ENOMEM;
    int err = seccomp_attr_set(c, SCMP_FLTATR_CTL_NNP, 0);
    if (!err) /* a filter of no rules is refused */
        err = seccomp_rule_add(c, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(vhangup), 0);
    if (!err)
        err = seccomp_load(c);
    seccomp_release(c);
    return err;
}

static int unregister(const struct weir_window *w)
{
    struct uffdio_range r = {.start = (uintptr_t)w->base, .len = w->size};
    return ioctl(WEIR_SEAL_UFFD, UFFDIO_UNREGISTER, &r) ? -errno : 0;
}

static int inherit_on_fork(const struct weir_window *w)
{
    return madvise(w->base, w->size, MADV_DOFORK) ? -errno : 0;
}

int mistake(const char *name, const struct weir_window *w)
{
    static const struct {
        const char *name;
        int (*make)(const struct weir_window *w);
    } all[] = {
        {"keep-memory", keep_memory},
        {"second-mapping", second_mapping},
        {"directory", directory},
        {"own-uffd", own_uffd},
        {"sibling", sibling},
        {"thread", extra_thread},
        {"filter-without-nnp", filter_without_nnp},
        {"unregister", unregister},
        {"dofork", inherit_on_fork},
    };
    for (unsigned i = 0; i < sizeof(all) / sizeof(*all); i++)
        if (!strcmp(name, all[i].name))
            return all[i].make(w);
    return -EINVAL;
}
