/* SPDX-License-Identifier: MIT
 *
 * The device manager's half: starts weir-load, waits for its answer and its
 * end, believes nothing.
 */
#include "hypervisor/loader/load.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hypervisor/loader/answer.h"
#include "hypervisor/loader/spawn.h"
#include "ring/checked.h"

#define KILL_WAIT_MS 1000

struct weir_vmload {
    int epoll_fd; /* the socket and the pidfd */
    int sock;     /* -1: answered, or at its end */
    int pidfd;    /* -1: reaped */
    uint64_t deadline_ms;
    uint64_t ram; /* bytes */
    bool answered;
    struct weir_load_answer answer; /* image.memfd: -1 or ours */
    char kernel[160];               /* its name */
};

static uint64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- start -------------------------------------------------------------- */

static int watch(struct weir_vmload *l, int fd)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.fd = fd};

    return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &ev) ? -errno : 0;
}

static int start(struct weir_vmload *l, const struct weir_vmload_config *c,
                 const char **what)
{
    int pair[2], rc;

    *what = "socket";
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    l->sock = pair[0];
    rc = weir_load_spawn(c, pair[1], &l->pidfd, what);
    close(pair[1]);
    if (rc)
        return rc;
    *what = "epoll";
    l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (l->epoll_fd < 0)
        return -errno;
    rc = watch(l, l->sock);
    return rc ? rc : watch(l, l->pidfd);
}

int weir_vmload_start(const struct weir_vmload_config *config,
                      struct weir_vmload **out, const char **what)
{
    struct weir_vmload *l = calloc(1, sizeof(*l));
    uint32_t ms =
        config->timeout_ms ? config->timeout_ms : WEIR_VMLOAD_TIMEOUT_MS;
    int rc;

    *what = "memory";
    if (!l)
        return -ENOMEM;
    l->epoll_fd = l->sock = l->pidfd = l->answer.image.memfd = -1;
    l->deadline_ms = now_ms() + ms;
    l->ram = config->ram_pages * 4096;
    snprintf(l->kernel, sizeof(l->kernel), "%s", config->kernel_name);
    rc = start(l, config, what);
    if (rc) {
        weir_vmload_free(l);
        return rc;
    }
    *out = l;
    return 0;
}

int weir_vmload_fd(const struct weir_vmload *l)
{
    return l->epoll_fd;
}

uint32_t weir_vmload_left_ms(const struct weir_vmload *l)
{
    uint64_t now = now_ms();

    return now < l->deadline_ms ? (uint32_t)(l->deadline_ms - now) : 0;
}

/* ---- answer ------------------------------------------------------------- */

static void take_fd(struct weir_vmload *l, struct msghdr *msg)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
        size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        for (size_t i = 0; i < n; i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (l->answer.image.memfd < 0)
                l->answer.image.memfd = fd;
            else
                close(fd);
        }
    }
}

/* The memfd cannot change any more, and holds all segments. */
static int check_memfd(const struct weir_vm_image *m)
{
    const int need = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL;
    int seals = m->memfd < 0 ? -1 : fcntl(m->memfd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & need) != need || fstat(m->memfd, &st))
        return -EPROTO;
    for (uint32_t i = 0; i < m->nsegments; i++)
        if (!weir_in_range(m->segments[i].offset, m->segments[i].length,
                           (uint64_t)st.st_size))
            return -EPROTO;
    return 0;
}

static int check_image(const struct weir_vmload *l)
{
    const struct weir_vm_image *m = &l->answer.image;

    for (uint32_t i = 0; i < m->nsegments; i++)
        if (!weir_in_range(m->segments[i].gpa, m->segments[i].length, l->ram))
            return -EPROTO;
    return check_memfd(m);
}

static void stop_listening(struct weir_vmload *l)
{
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->sock, NULL);
    close(l->sock);
    l->sock = -1;
}

static void receive(struct weir_vmload *l)
{
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    union {
        char space[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = {buf, sizeof(buf)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control.space,
                         .msg_controllen = sizeof(control.space)};
    ssize_t n;

    if (l->sock < 0)
        return;
    do
        n = recvmsg(l->sock, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return;
    if (n > 0) {
        /* First, for it clears the answer. */
        bool sound = weir_load_get(buf, (size_t)n, &l->answer) == 0;

        take_fd(l, &msg);
        l->answered = sound && !(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) &&
                      (l->answer.error || check_image(l) == 0);
    }
    stop_listening(l);
}

/* 0: it is gone, and reaped. */
static int reap(struct weir_vmload *l, siginfo_t *info)
{
    memset(info, 0, sizeof(*info));
    if (l->pidfd < 0)
        return 0;
    if (waitid(P_PIDFD, (id_t)l->pidfd, info, WEXITED | WNOHANG) == 0 &&
        info->si_pid == 0)
        return -EAGAIN;
    epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->pidfd, NULL);
    close(l->pidfd);
    l->pidfd = -1;
    return 0;
}

static void kill_it(struct weir_vmload *l)
{
    struct pollfd p = {.fd = l->pidfd, .events = POLLIN};
    siginfo_t info;

    if (l->pidfd < 0)
        return;
    syscall(SYS_pidfd_send_signal, l->pidfd, SIGKILL, NULL, 0);
    poll(&p, 1, KILL_WAIT_MS);
    reap(l, &info);
}

static int no_answer(const struct weir_vmload *l, const siginfo_t *info,
                     char why[WEIR_VMLOAD_WHY])
{
    if (info->si_pid && info->si_code != CLD_EXITED)
        snprintf(why, WEIR_VMLOAD_WHY,
                 "%s: weir-load was ended by signal %d (%s) while it read the "
                 "image; needed an intact image, and memory for it",
                 l->kernel, info->si_status, strsignal(info->si_status));
    else
        snprintf(why, WEIR_VMLOAD_WHY,
                 "%s: weir-load ended with status %d and without a true "
                 "answer; needed one of this version of Weir",
                 l->kernel, info->si_status);
    return -EIO;
}

int weir_vmload_finish(struct weir_vmload *l, struct weir_vm_image *out,
                       char why[WEIR_VMLOAD_WHY])
{
    struct weir_load_answer *a = &l->answer;
    siginfo_t info;
    int rc = reap(l, &info);

    receive(l);
    if (rc && weir_vmload_left_ms(l) > 0)
        return -EAGAIN;
    if (rc) {
        kill_it(l);
        snprintf(why, WEIR_VMLOAD_WHY,
                 "%s: reading the image took too long; needed a faster file "
                 "or host",
                 l->kernel);
        return -ETIMEDOUT;
    }
    if (!l->answered)
        return no_answer(l, &info, why);
    l->answered = false;
    if (a->error) {
        snprintf(why, WEIR_VMLOAD_WHY, "%s", a->text);
        return a->error == EINVAL || a->error == ENOMEM ? -(int)a->error : -EIO;
    }
    *out = a->image;
    a->image.memfd = -1;
    return 0;
}

void weir_vmload_free(struct weir_vmload *l)
{
    if (!l)
        return;
    kill_it(l);
    if (l->pidfd >= 0)
        close(l->pidfd);
    if (l->sock >= 0)
        close(l->sock);
    if (l->epoll_fd >= 0)
        close(l->epoll_fd);
    if (l->answer.image.memfd >= 0)
        close(l->answer.image.memfd);
    free(l);
}
