/* SPDX-License-Identifier: MIT
 *
 * The parent's side of sandbox.h; the child's is sandbox_child.c.
 */
#include "driverdomains/sandbox.h"
#include "driverdomains/sandbox_child.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
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

static void describe(bool exited, int status, char *reason, size_t size,
                     bool *clean)
{
    *clean = exited && status == 0;
    if (exited)
        snprintf(reason, size, "the program exited with status %d", status);
    else
        snprintf(reason, size, "the program was killed by signal %d (%s)",
                 status, strsignal(status));
}

/* Linux 6.15 tells everybody with a pidfd, once the parent has waited; the
 * headers of Linux 6.1 lack it. */
struct pidfd_facts {
    uint64_t mask, cgroup;
    uint32_t ids[11];
    int32_t status;
};
#define FACTS_EXIT 8u
#define GET_FACTS  _IOWR(0xff, 11, struct pidfd_facts)

/* Before that it is in the last field of the zombie's line. */
static bool status_of_zombie(int pidfd, int *status)
{
    char path[64], line[1024] = "";
    const char *end;
    int pid = -1;
    FILE *f;

    snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", pidfd);
    f = fopen(path, "re");
    while (f && fgets(line, sizeof(line), f))
        sscanf(line, "Pid: %d", &pid);
    if (f)
        fclose(f);
    snprintf(path, sizeof(path), "/proc/%d/stat", pid);
    f = pid > 0 ? fopen(path, "re") : NULL;
    if (!f)
        return false;
    end = fgets(line, sizeof(line), f) ? strrchr(line, ')') : NULL;
    fclose(f);
    if (!end || strncmp(end, ") Z", 3))
        return false;
    end = strrchr(line, ' ');
    return end && sscanf(end, "%d", status) == 1;
}

static bool status_of(int pidfd, int *status)
{
    struct pidfd_facts f = {.mask = FACTS_EXIT};

    if (status_of_zombie(pidfd, status))
        return true;
    if (ioctl(pidfd, GET_FACTS, &f) || !(f.mask & FACTS_EXIT))
        return false;
    *status = f.status;
    return true;
}

/* The child of a manager that is no more: init waits for it. */
static int reap_strange(int pidfd, char *reason, size_t size, bool *clean)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};
    int status;

    if (poll(&p, 1, 0) <= 0)
        return -EAGAIN;
    *clean = false;
    if (status_of(pidfd, &status))
        describe(WIFEXITED(status),
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status),
                 reason, size, clean);
    else
        snprintf(reason, size, "the program ended, no manager saw how");
    return 0;
}

int weir_sandbox_reap(int pidfd, char *reason, size_t size, bool *clean)
{
    siginfo_t info = {0};

    if (waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED | WNOHANG))
        return errno == ECHILD ? reap_strange(pidfd, reason, size, clean)
                               : -errno;
    if (info.si_pid == 0)
        return -EAGAIN;
    describe(info.si_code == CLD_EXITED, info.si_status, reason, size, clean);
    return 0;
}

void weir_sandbox_kill(int pidfd)
{
    syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
}
