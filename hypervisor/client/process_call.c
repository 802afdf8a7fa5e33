/* SPDX-License-Identifier: MIT
 *
 * One hypercall over the domain socket.  After the seal requests go out with
 * sendto: the filter has no sendmsg.
 */
#include "hypervisor/client/process_call.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* weir-hv answers within a few µs when it is awake: look that long before
 * sleeping. */
#define SPINS 64

static int transmit_rights(struct weir_process *d,
                           const struct weir_process_msg *m, size_t size)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct ucred)) +
                  CMSG_SPACE(sizeof(int) * WEIR_HV_FDS)];
    } ctl;
    struct iovec iov = {d->out, size};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    struct ucred me = {getpid(), getuid(), getgid()};
    struct cmsghdr *c = &ctl.align;
    size_t used = 0;

    memset(&ctl, 0, sizeof(ctl));
    if (m->credentials) {
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_CREDENTIALS;
        c->cmsg_len = CMSG_LEN(sizeof(me));
        memcpy(CMSG_DATA(c), &me, sizeof(me));
        used = CMSG_SPACE(sizeof(me));
    }
    if (m->nsend) {
        c = (struct cmsghdr *)(void *)(ctl.room + used);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * m->nsend);
        memcpy(CMSG_DATA(c), m->send_fds, sizeof(int) * m->nsend);
        used += CMSG_SPACE(sizeof(int) * m->nsend);
    }
    mh.msg_control = ctl.room;
    mh.msg_controllen = used;
    return sendmsg(d->fd, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int transmit(struct weir_process *d, const struct weir_process_msg *m,
                    size_t size)
{
    ssize_t n;

    if (m->nsend || m->credentials)
        return transmit_rights(d, m, size);
    do
        n = sendto(d->fd, d->out, size, MSG_NOSIGNAL, NULL, 0);
    while (n < 0 && errno == EINTR);
    return n < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *mh, struct weir_process_msg *m)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
        size_t n;

        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
            continue;
        n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        if (n > WEIR_HV_FDS)
            n = WEIR_HV_FDS;
        memcpy(m->fds, CMSG_DATA(c), n * sizeof(int));
        m->nfds = (unsigned)n;
    }
}

static ssize_t receive(struct weir_process *d, struct weir_process_msg *m)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * WEIR_HV_FDS)];
    } ctl;
    int flags = MSG_CMSG_CLOEXEC | MSG_DONTWAIT;

    for (int spins = 0;;) {
        struct iovec iov = {d->in, sizeof(d->in)};
        struct msghdr mh = {
            .msg_iov = &iov,
            .msg_iovlen = 1,
            .msg_control = &ctl,
            .msg_controllen = sizeof(ctl),
        };
        ssize_t n = recvmsg(d->fd, &mh, flags);

        if (n >= 0) {
            take_fds(&mh, m);
            return n;
        }
        if (errno == EAGAIN) {
            if (++spins == SPINS)
                flags = MSG_CMSG_CLOEXEC;
            else
                sched_yield();
        } else if (errno != EINTR) {
            return -errno;
        }
    }
}

static void close_fds(struct weir_process_msg *m)
{
    for (unsigned i = 0; i < m->nfds; i++)
        close(m->fds[i]);
    m->nfds = 0;
}

int weir_process_call(struct weir_process *d, struct weir_process_msg *m)
{
    struct weir_hv_header h = {
        .op = m->op,
        .seq = ++d->seq,
        .count = (uint16_t)m->count,
        .size = (uint16_t)(WEIR_HV_HEADER + m->len),
    };
    ssize_t n;
    int rc;

    m->nfds = 0;
    weir_hv_put_header(d->out, &h);
    rc = transmit(d, m, h.size);
    if (rc < 0)
        return rc;
    n = receive(d, m);
    if (n <= 0)
        return n < 0 ? (int)n : -EPIPE;
    rc = weir_hv_get_header(d->in, (size_t)n, &h);
    if (rc == 0 &&
        (h.op != (m->op | WEIR_HV_REPLY) || h.seq != d->seq ||
         (h.status == 0 && n != (ssize_t)(WEIR_HV_HEADER + m->want))))
        rc = -EPROTO;
    if (rc == 0 && h.status < 0)
        rc = h.status;
    if (rc < 0)
        close_fds(m);
    m->got = h.count;
    return rc;
}
