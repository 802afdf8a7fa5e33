/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "xenbus/socket.h"

static bool would_block(int err)
{
    return err == EAGAIN || err == EWOULDBLOCK || err == EINTR;
}

static int sock_send(struct weir_xs *xs, const void *buf, size_t len)
{
    ssize_t n = send(xs->fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

    if (n < 0)
        return would_block(errno) ? 0 : -errno;
    return (int)n;
}

static int sock_recv(struct weir_xs *xs, void *buf, size_t len)
{
    ssize_t n = recv(xs->fd, buf, len, MSG_DONTWAIT);

    if (n < 0)
        return would_block(errno) ? 0 : -errno;
    return n ? (int)n : -ENOTCONN;
}

static int sock_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    struct pollfd p = {
        .fd = xs->fd,
        .events = (short)(POLLIN | (sending ? POLLOUT : 0)),
    };
    uint64_t ms = timeout_ns / 1000000 + 1;

    if (poll(&p, 1, ms > 60000 ? 60000 : (int)ms) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

static uint64_t sock_now(struct weir_xs *xs)
{
    struct timespec ts;

    (void)xs;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static const struct weir_xs_transport sock_transport = {
    .send = sock_send,
    .recv = sock_recv,
    .wait = sock_wait,
    .now_ns = sock_now,
};

int weir_xs_open_fd(struct weir_xs *xs, int fd, struct weir_port *port)
{
    int r = weir_xs_open(xs, &sock_transport, NULL, port);

    xs->fd = fd;
    return r;
}

int weir_xs_open_socket(struct weir_xs *xs, const char *path,
                        struct weir_port *port)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd, err;

    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    strcpy(a.sun_path, path);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&a, sizeof(a))) {
        err = errno;
        close(fd);
        return -err;
    }
    return weir_xs_open_fd(xs, fd, port);
}

void weir_xs_close_socket(struct weir_xs *xs)
{
    if (xs->fd >= 0)
        close(xs->fd);
    xs->fd = -1;
    if (!xs->broken)
        xs->broken = -ENOTCONN;
}
