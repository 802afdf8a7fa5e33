/* SPDX-License-Identifier: MIT */
#include "hypervisor/loader/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MAX_ARGS 12
#define HIGH_FD  16 /* above all numbers the child uses */

struct args {
    char *v[MAX_ARGS];
    unsigned n;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct args *a,
                                                      const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    if (a->n + 1 < MAX_ARGS && vasprintf(&a->v[a->n], fmt, ap) >= 0)
        a->n++;
    else
        a->failed = true;
    va_end(ap);
    a->v[a->n] = NULL;
}

static void make_args(struct args *a, const struct weir_vmload_config *c)
{
    add(a, "weir-load");
    add(a, "--serve");
    add(a, "--ram-pages=%llu", (unsigned long long)c->ram_pages);
    add(a, "--vcpus=%u", c->vcpus);
    add(a, "--mode=%c", c->xen_hvm ? 'k' : 's');
    add(a, "--kernel-name=%s", c->kernel_name);
    if (c->ramdisk_fd >= 0)
        add(a, "--ramdisk-name=%s", c->ramdisk_name);
    add(a, "--cmdline=%s", c->cmdline ? c->cmdline : "");
}

static void free_args(struct args *a)
{
    while (a->n)
        free(a->v[--a->n]);
}

/* Nothing of the starter's but its standard error. */
static int describe_fds(posix_spawn_file_actions_t *f, const int fds[3])
{
    int last = WEIR_LOAD_FD_SOCKET, rc;

    rc = posix_spawn_file_actions_addopen(f, 0, "/dev/null", O_RDWR, 0);
    if (!rc)
        rc = posix_spawn_file_actions_adddup2(f, 2, 1);
    for (int i = 0; i < 3 && !rc; i++)
        if (fds[i] >= 0) {
            last = WEIR_LOAD_FD_SOCKET + i;
            rc = posix_spawn_file_actions_adddup2(f, fds[i], last);
        }
    if (!rc)
        rc = posix_spawn_file_actions_addclosefrom_np(f, last + 1);
    return rc;
}

static int describe_signals(posix_spawnattr_t *attr)
{
    sigset_t set;
    int rc;

    sigemptyset(&set);
    rc = posix_spawnattr_setsigmask(attr, &set);
    sigfillset(&set);
    if (!rc)
        rc = posix_spawnattr_setsigdefault(attr, &set);
    if (!rc)
        rc = posix_spawnattr_setflags(attr, POSIX_SPAWN_SETSIGMASK |
                                                POSIX_SPAWN_SETSIGDEF);
    return rc;
}

static int spawn(const char *program, char *const argv[], const int fds[3],
                 pid_t *pid)
{
    char *const env[] = {NULL};
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc)
        return -rc;
    rc = posix_spawnattr_init(&attr);
    if (rc) {
        posix_spawn_file_actions_destroy(&actions);
        return -rc;
    }
    rc = describe_fds(&actions, fds);
    if (!rc)
        rc = describe_signals(&attr);
    if (!rc)
        rc = posix_spawn(pid, program, &actions, &attr, argv, env);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return -rc;
}

/* Descriptors above all targets, so that none is overwritten before its turn.
 */
static int lift(const int from[3], int to[3])
{
    for (int i = 0; i < 3; i++) {
        to[i] = from[i] < 0 ? -1 : fcntl(from[i], F_DUPFD_CLOEXEC, HIGH_FD);
        if (from[i] >= 0 && to[i] < 0)
            return -errno;
    }
    return 0;
}

int weir_load_spawn(const struct weir_vmload_config *c, int child_sock,
                    int *pidfd, const char **what)
{
    const int from[3] = {child_sock, c->kernel_fd, c->ramdisk_fd};
    int fds[3] = {-1, -1, -1};
    struct args a = {0};
    pid_t pid = -1;
    int rc;

    *what = "descriptors";
    rc = lift(from, fds);
    if (rc == 0) {
        make_args(&a, c);
        *what = c->program;
        rc = a.failed ? -ENOMEM : spawn(c->program, a.v, fds, &pid);
        free_args(&a);
    }
    for (int i = 0; i < 3; i++)
        if (fds[i] >= 0)
            close(fds[i]);
    if (rc)
        return rc;
    *what = "pidfd_open";
    *pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (*pidfd < 0) {
        rc = -errno;
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
    return rc;
}
