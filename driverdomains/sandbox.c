/* SPDX-License-Identifier: MIT
 *
 * The parent's side of sandbox.h; the child's is sandbox_child.c.
 */
#include "driverdomains/sandbox.h"
#include "driverdomains/sandbox_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static pid_t start(const struct weir_sandbox *s, int *pidfd)
{
    struct clone_args args = {
        .flags = CLONE_NEWNET | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC |
                 CLONE_NEWUTS | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
    };

    if (s->cgroup_fd >= 0) {
        args.flags |= CLONE_INTO_CGROUP;
        args.cgroup = (uint64_t)s->cgroup_fd;
    }
    return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* The child reports the step that failed, or nothing: exec closed the pipe. */
static int report(int fd, const char **what)
{
    struct weir_sandbox_failure f;
    ssize_t n;

    do
        n = read(fd, &f, sizeof(f));
    while (n < 0 && errno == EINTR);
    if (n == 0)
        return 0;
    if (n != sizeof(f) || f.step >= WEIR_STEP_COUNT || f.error <= 0) {
        *what = "start";
        return -EIO;
    }
    *what = weir_sandbox_steps[f.step];
    return -f.error;
}

int weir_sandbox_start(const struct weir_sandbox *s, pid_t *pid, int *pidfd,
                       const char **what)
{
    int go[2], back[2], rc = 0;

    *what = "pipe";
    if (pipe2(go, O_CLOEXEC))
        return -errno;
    if (pipe2(back, O_CLOEXEC)) {
        rc = -errno;
        close(go[0]);
        close(go[1]);
        return rc;
    }
    *pidfd = -1;
    *pid = start(s, pidfd);
    if (*pid == 0) {
        close(go[1]);
        close(back[0]);
        weir_sandbox_child(s, go[0], back[1]);
    }
    close(go[0]);
    close(back[1]);
    if (*pid < 0) {
        rc = -errno;
        *what = "clone3 with new namespaces";
    } else {
        /* Closed without a byte it tells the child to give up. */
        rc = write(go[1], "g", 1) == 1 ? 0 : -errno;
        *what = "tell it to go";
    }
    close(go[1]);
    if (rc == 0)
        rc = report(back[0], what);
    close(back[0]);
    if (rc && *pidfd >= 0) {
        weir_sandbox_kill(*pidfd);
        waitid(P_PIDFD, (id_t)*pidfd, &(siginfo_t){0}, WEXITED);
        close(*pidfd);
        *pidfd = -1;
    }
    return rc;
}

int weir_sandbox_reap(int pidfd, char *reason, size_t size, bool *clean)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG))
        return -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    *clean = info.si_code == CLD_EXITED && info.si_status == 0;
    if (info.si_code == CLD_EXITED)
        snprintf(reason, size, "the program exited with status %d",
                 info.si_status);
    else
        snprintf(reason, size, "the program was killed by signal %d (%s)",
                 info.si_status, strsignal(info.si_status));
    return 0;
}

void weir_sandbox_kill(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}
