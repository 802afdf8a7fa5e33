/* SPDX-License-Identifier: MIT */
#include "backends/common/resource.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union fd_room {
    struct cmsghdr align;
    char room[CMSG_SPACE(sizeof(int) * WEIR_RES_MAX_FDS)];
};

bool weir_resource_valid(const struct weir_resource *res, unsigned nfds)
{
    if (res->magic != WEIR_RES_MAGIC || res->version != WEIR_RES_VERSION)
        return false;
    if (res->nfds != nfds || res->op < WEIR_RES_ATTACH ||
        res->op > WEIR_RES_RESUMED || res->frontend > 32751)
        return false;
    if ((res->op == WEIR_RES_ANNOUNCE || res->op == WEIR_RES_RESUMED) &&
        nfds != 0)
        return false;
    if (res->op != WEIR_RES_PING && res->op != WEIR_RES_RESUMED &&
        res->cls != WEIR_RES_VBD && res->cls != WEIR_RES_VIF)
        return false;
    return memchr(res->label, '\0', sizeof(res->label)) != NULL;
}

/* Every descriptor of the message, also of one that is refused: they are
 * open in this process already. */
static unsigned take_fds(struct msghdr *msg, int fds[WEIR_RES_MAX_FDS])
{
    unsigned n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
         c = CMSG_NXTHDR(msg, c)) {
        size_t bytes;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        bytes = c->cmsg_len - CMSG_LEN(0);
        for (size_t i = 0; i < bytes / sizeof(int); i++) {
            int fd;

            memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
            if (n < WEIR_RES_MAX_FDS)
                fds[n++] = fd;
            else
                close(fd);
        }
    }
    return n;
}

static void close_all(int *fds, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        close(fds[i]);
}

int weir_resource_recv(int fd, struct weir_resource *res,
                       int fds[WEIR_RES_MAX_FDS], unsigned *nfds)
{
    union fd_room room;
    struct iovec iov = {.iov_base = res, .iov_len = sizeof(*res)};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = room.room,
                         .msg_controllen = sizeof(room.room)};
    bool short_of_fds;
    ssize_t n;

    *nfds = 0;
    do
        n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    *nfds = take_fds(&msg, fds);
    if (n == 0 && *nfds == 0)
        return -EPIPE;
    if (n == (ssize_t)sizeof(*res) &&
        (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) == 0 &&
        weir_resource_valid(res, *nfds))
        return 1;
    short_of_fds =
        n == (ssize_t)sizeof(*res) && (msg.msg_flags & MSG_CTRUNC) != 0 &&
        *nfds < WEIR_RES_MAX_FDS && weir_resource_valid(res, res->nfds);
    close_all(fds, *nfds);
    *nfds = 0;
    return short_of_fds ? -EMFILE : -EPROTO;
}

int weir_resource_answer(int fd, enum weir_res_event_type type,
                         const struct weir_resource *about, const char *text)
{
    struct weir_resource_event ev;

    memset(&ev, 0, sizeof(ev));
    ev.magic = WEIR_RES_MAGIC;
    ev.version = WEIR_RES_VERSION;
    ev.type = type;
    if (about != NULL) {
        ev.cls = about->cls;
        ev.frontend = about->frontend;
        ev.devid = about->devid;
        ev.seq = about->seq;
    }
    if (text != NULL)
        strncpy(ev.text, text, sizeof(ev.text) - 1);
    if (send(fd, &ev, sizeof(ev), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return -errno;
    return 0;
}

int weir_resource_send(int fd, struct weir_resource *res, const int *fds)
{
    union fd_room room;
    struct iovec iov = {.iov_base = res, .iov_len = sizeof(*res)};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

    res->magic = WEIR_RES_MAGIC;
    res->version = WEIR_RES_VERSION;
    if (!weir_resource_valid(res, res->nfds) || res->nfds > WEIR_RES_MAX_FDS)
        return -EINVAL;
    if (res->nfds > 0) {
        size_t bytes = res->nfds * sizeof(int);
        struct cmsghdr *c;

        memset(&room, 0, sizeof(room));
        msg.msg_control = room.room;
        msg.msg_controllen = CMSG_SPACE(bytes);
        c = CMSG_FIRSTHDR(&msg);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(bytes);
        memcpy(CMSG_DATA(c), fds, bytes);
    }
    if (sendmsg(fd, &msg, MSG_NOSIGNAL) < 0)
        return -errno;
    return 0;
}

int weir_resource_wait(int fd, struct weir_resource_event *ev, int timeout_ms)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    ssize_t n;
    int err = poll(&p, 1, timeout_ms);

    if (err == 0)
        return -ETIMEDOUT;
    if (err < 0)
        return -errno;
    n = recv(fd, ev, sizeof(*ev), MSG_DONTWAIT | MSG_TRUNC);
    if (n < 0)
        return -errno;
    if (n == 0)
        return -EPIPE;
    if (n != (ssize_t)sizeof(*ev) || ev->magic != WEIR_RES_MAGIC ||
        ev->version != WEIR_RES_VERSION)
        return -EPROTO;
    ev->text[sizeof(ev->text) - 1] = '\0';
    return 0;
}
