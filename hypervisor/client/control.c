/* SPDX-License-Identifier: MIT
 *
 * The control client's connection, and the events that come over it.
 */
#include "hypervisor/client/control_call.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int weir_hvctl_open(const char *socket_path, struct weir_hvctl **out)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    struct weir_hvctl *c;

    if (strlen(socket_path) >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    strcpy(sa.sun_path, socket_path);
    c = calloc(1, sizeof(*c));
    if (!c)
        return -ENOMEM;
    c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&sa, sizeof(sa)) < 0) {
        int rc = -errno;

        if (c->fd >= 0)
            close(c->fd);
        free(c);
        return rc;
    }
    *out = c;
    return 0;
}

void weir_hvctl_close(struct weir_hvctl *c)
{
    if (!c)
        return;
    close(c->fd);
    free(c);
}

int weir_hvctl_fd(struct weir_hvctl *c)
{
    return c->fd;
}

void weir_hvctl_drop(struct weir_hvctl_msg *k)
{
    for (unsigned i = 0; i < k->nfds; i++)
        close(k->fds[i]);
    k->nfds = 0;
}

/* One packet.  There is room for the descriptors that k expects (in the padding
 * of CMSG_SPACE one more would fit), so the kernel drops others. */
static int receive(struct weir_hvctl *c, struct weir_hv_header *h,
                   struct weir_hvctl_msg *k)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(k->fds))];
    } ctl;
    struct iovec iov = {c->in, sizeof(c->in)};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    struct cmsghdr *cm;
    ssize_t n;

    k->nfds = 0;
    do {
        mh.msg_control = k->room ? &ctl : NULL;
        mh.msg_controllen = k->room ? CMSG_LEN(k->room * sizeof(int)) : 0;
        n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC);
    } while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    cm = CMSG_FIRSTHDR(&mh);
    if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS) {
        k->nfds = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(k->fds, CMSG_DATA(cm), k->nfds * sizeof(int));
    }
    if (weir_hv_get_header(c->in, (size_t)n, h) == 0)
        return 0;
    weir_hvctl_drop(k);
    return -EPROTO;
}

static void enqueue(struct weir_hvctl *c, const struct weir_hv_header *h)
{
    struct weir_hv_dominfo *slot;

    /* When full the oldest goes: the newest state of a domain matters. */
    if (c->queued == WEIR_HVCTL_QUEUE) {
        c->head = (c->head + 1) % WEIR_HVCTL_QUEUE;
        c->queued--;
    }
    slot = &c->queue[(c->head + c->queued) % WEIR_HVCTL_QUEUE];
    if (weir_hvctl_get_dominfo(c->in + WEIR_HV_HEADER,
                               (size_t)h->size - WEIR_HV_HEADER, slot) == 0)
        c->queued++;
}

static int send_packet(struct weir_hvctl *c, size_t len,
                       const struct weir_hvctl_msg *k)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(k->fds))];
    } ctl = {.room = {0}};
    struct iovec iov = {c->out, len};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

    if (k->npass) {
        mh.msg_control = &ctl;
        mh.msg_controllen = CMSG_SPACE(k->npass * sizeof(int));
        ctl.align.cmsg_level = SOL_SOCKET;
        ctl.align.cmsg_type = SCM_RIGHTS;
        ctl.align.cmsg_len = CMSG_LEN(k->npass * sizeof(int));
        memcpy(CMSG_DATA(&ctl.align), k->pass, k->npass * sizeof(int));
    }
    return sendmsg(c->fd, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int weir_hvctl_call(struct weir_hvctl *c, struct weir_hvctl_msg *k)
{
    struct weir_hv_header h = {
        .op = k->op,
        .seq = ++c->seq,
        .size = (uint16_t)(WEIR_HV_HEADER + k->len),
    };
    size_t want;
    int rc;

    weir_hv_put_header(c->out, &h);
    rc = send_packet(c, h.size, k);
    if (rc < 0)
        return rc;
    for (;;) {
        rc = receive(c, &h, k);
        if (rc < 0)
            return rc;
        if (h.op != WEIR_HVCTL_EVENT)
            break;
        weir_hvctl_drop(k);
        enqueue(c, &h);
    }
    want = k->elements ? k->want * h.count : k->want;
    if (h.op != (k->op | WEIR_HV_REPLY) || h.seq != c->seq)
        rc = -EPROTO;
    else if (h.status < 0)
        rc = h.status;
    else if (h.size != WEIR_HV_HEADER + want)
        rc = -EPROTO;
    if (rc < 0)
        weir_hvctl_drop(k);
    k->count = h.count;
    return rc;
}

int weir_hvctl_subscribe(struct weir_hvctl *c)
{
    struct weir_hvctl_msg k = {.op = WEIR_HVCTL_SUBSCRIBE};

    return weir_hvctl_call(c, &k);
}

int weir_hvctl_next_event(struct weir_hvctl *c, struct weir_hv_dominfo *out)
{
    struct weir_hvctl_msg k = {0};
    struct weir_hv_header h;
    int rc;

    if (c->queued == 0) {
        rc = receive(c, &h, &k);
        if (rc < 0)
            return rc;
        if (h.op != WEIR_HVCTL_EVENT)
            return -EPROTO;
        enqueue(c, &h);
        if (c->queued == 0)
            return -EPROTO;
    }
    *out = c->queue[c->head];
    c->head = (c->head + 1) % WEIR_HVCTL_QUEUE;
    c->queued--;
    return 0;
}
