/* SPDX-License-Identifier: MIT
 *
 * The child of sandbox.c, between clone and exec.  It runs on a copy of a
 * single-threaded process, so library calls are safe here.
 */
#include "driverdomains/sandbox_child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

const char *const weir_sandbox_steps[WEIR_STEP_COUNT] = {
    [WEIR_STEP_GO] = "wait for the manager",
    [WEIR_STEP_CGROUP] = "enter the control group",
    [WEIR_STEP_FDS] = "place descriptors",
    [WEIR_STEP_SIGNALS] = "reset signals",
    [WEIR_STEP_LIMITS] = "set resource limits",
    [WEIR_STEP_HOSTNAME] = "set the host name",
    [WEIR_STEP_MOUNT_PRIVATE] = "make mounts private",
    [WEIR_STEP_MOUNT_ROOT] = "mount the root",
    [WEIR_STEP_MOUNT_BIND] = "mount below the root",
    [WEIR_STEP_PIVOT] = "change the root",
    [WEIR_STEP_EXEC] = "execute the program",
};

/* Descriptors move above all targets first, so none is overwritten. */
#define HIGH 64

static int place_fds(const struct weir_sandbox *s, int *back)
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    const int from[5] = {null, s->log_fd, s->log_fd, s->hv_fd, s->resource_fd};
    int high[5];

    if (null < 0)
        return -errno;
    for (int i = 0; i < 5; i++) {
        high[i] = -1;
        if (from[i] >= 0) {
            high[i] = fcntl(from[i], F_DUPFD_CLOEXEC, HIGH);
            if (high[i] < 0)
                return -errno;
        }
    }
    *back = fcntl(*back, F_DUPFD_CLOEXEC, HIGH);
    if (*back < 0)
        return -errno;
    for (int i = 0; i < 5; i++)
        if (high[i] < 0)
            close(i);
        else if (dup2(high[i], i) < 0)
            return -errno;
    /* The failure pipe stays until exec, which closes it. */
    if (*back > 5 && syscall(SYS_close_range, 5, *back - 1, 0))
        return -errno;
    return syscall(SYS_close_range, *back + 1, ~0u, 0) ? -errno : 0;
}

static int reset_signals(void)
{
    sigset_t none;

    for (int i = 1; i < NSIG; i++)
        signal(i, SIG_DFL); /* fails for two, which have it anyway */
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL) ? -errno : 0;
}

static int set_limits(void)
{
    const struct rlimit none = {0, 0}, files = {1024, 8192};

    umask(077);
    if (setrlimit(RLIMIT_CORE, &none) || setrlimit(RLIMIT_NOFILE, &files))
        return -errno;
    return setsid() < 0 && errno != EPERM ? -errno : 0;
}

static int make_dirs(char *path)
{
    for (char *p = path + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        mkdir(path, 0755);
        *p = '/';
    }
    return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

/* Read-only and without devices; what is not there is left out. */
static int bind(const char *root, const char *dir)
{
    char to[1400];
    struct stat st;
    ssize_t n;
    char link[128];

    if (lstat(dir, &st))
        return 0;
    snprintf(to, sizeof(to), "%s%s", root, dir);
    if (S_ISLNK(st.st_mode)) {
        /* /lib -> usr/lib on a merged system */
        n = readlink(dir, link, sizeof(link) - 1);
        if (n < 0)
            return -errno;
        link[n] = '\0';
        return symlink(link, to) ? -errno : 0;
    }
    if (make_dirs(to))
        return -errno;
    if (mount(dir, to, NULL, MS_BIND | MS_REC, NULL))
        return -errno;
    return mount(NULL, to, NULL,
                 MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV, NULL)
               ? -errno
               : 0;
}

/* Of the new process namespace: the domain sees itself alone. */
static int mount_proc(const char *root)
{
    char to[200];

    snprintf(to, sizeof(to), "%s/proc", root);
    if (mkdir(to, 0555) ||
        mount("proc", to, "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return -errno;
    return 0;
}

static int program_dir(const char *root, const char *program)
{
    char dir[1100];
    char *slash;

    snprintf(dir, sizeof(dir), "%s", program);
    slash = strrchr(dir, '/');
    if (!slash || slash == dir)
        return -EINVAL;
    *slash = '\0';
    if (!strncmp(dir, "/usr/", 5))
        return 0; /* there already */
    return bind(root, dir);
}

static int build_root(const struct weir_sandbox *s, int *step)
{
    static const char *const dirs[] = {"/usr", "/lib", "/lib64"};
    int rc = 0;

    *step = WEIR_STEP_MOUNT_PRIVATE;
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
        return -errno;
    *step = WEIR_STEP_MOUNT_ROOT;
    if (mount("weir", s->root, "tmpfs", MS_NOSUID | MS_NODEV,
              "size=64k,mode=755"))
        return -errno;
    *step = WEIR_STEP_MOUNT_BIND;
    for (unsigned i = 0; rc == 0 && i < sizeof(dirs) / sizeof(dirs[0]); i++)
        rc = bind(s->root, dirs[i]);
    if (rc == 0)
        rc = mount_proc(s->root);
    if (rc == 0)
        rc = program_dir(s->root, s->program);
    if (rc)
        return rc;
    *step = WEIR_STEP_PIVOT;
    /* The old root is stacked on the new one, and taken off. */
    if (chdir(s->root) || syscall(SYS_pivot_root, ".", ".") ||
        umount2(".", MNT_DETACH) || chdir("/"))
        return -errno;
    return mount(NULL, "/", NULL, MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV,
                 NULL)
               ? -errno
               : 0;
}

static int prepare(const struct weir_sandbox *s, int go, int *back, int *step)
{
    char byte;
    int rc;

    *step = WEIR_STEP_GO;
    /* Before it is told to go, so from then on it can't outlive the manager;
     * the seal, which loses this with the change of identity, renews it.  That
     * the parent is another cannot be seen from a new process namespace. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
        return -errno;
    if (read(go, &byte, 1) != 1)
        return -ECANCELED;
    *step = WEIR_STEP_CGROUP;
    rc = weir_cgroup_enter(s->cgroups, s->cgroup);
    if (rc)
        return rc;
    *step = WEIR_STEP_FDS;
    rc = place_fds(s, back);
    if (rc)
        return rc;
    *step = WEIR_STEP_SIGNALS;
    rc = reset_signals();
    if (rc)
        return rc;
    *step = WEIR_STEP_LIMITS;
    rc = set_limits();
    if (rc)
        return rc;
    *step = WEIR_STEP_HOSTNAME;
    if (sethostname(s->hostname, strlen(s->hostname)))
        return -errno;
    return build_root(s, step);
}

_Noreturn void weir_sandbox_child(const struct weir_sandbox *s, int go,
                                  int back)
{
    struct weir_sandbox_failure f = {0};
    char uid[24], gid[24];
    char *env[] = {uid, gid, NULL};
    int rc;

    snprintf(uid, sizeof(uid), "WEIR_UID=%u", s->uid);
    snprintf(gid, sizeof(gid), "WEIR_GID=%u", s->gid);
    rc = prepare(s, go, &back, &f.step);
    if (rc == 0) {
        f.step = WEIR_STEP_EXEC;
        /* execve's prototype lacks const; it writes nothing. */
        execve(s->program, (char *const *)(uintptr_t)s->argv, env);
        rc = -errno;
    }
    f.error = -rc;
    if (write(back, &f, sizeof(f)) != sizeof(f))
        _exit(126);
    _exit(127);
}
