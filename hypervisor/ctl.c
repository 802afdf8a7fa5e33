/* SPDX-License-Identifier: MIT */
#include "hypervisor/ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TELL_NS 1000000000u /* between two lines of refused connections */

_Static_assert(HV_CTL_CONNS == 64, "the text below says so");

static int bind_to(int fd, const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    mode_t old;
    int rc, probe;

    if (strlen(path) >= sizeof(sa.sun_path))
        return -ENAMETOOLONG;
    strcpy(sa.sun_path, path);
    probe = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (probe < 0)
        return -errno;
    rc = connect(probe, (struct sockaddr *)&sa, sizeof(sa));
    if (rc < 0 && errno == ECONNREFUSED)
        unlink(path); /* of a weir-hv that is gone */
    close(probe);
    if (rc == 0)
        return -EADDRINUSE;
    old = umask(0177);
    rc = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) < 0 ? -errno : 0;
    umask(old);
    return rc;
}

int hv_ctl_init(struct hv_ctl *c, struct hv_machine *m, const char *path,
                int epoll)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = HV_CTL_LISTENER};
    int rc;

    memset(c, 0, sizeof(*c));
    c->m = m;
    c->epoll = epoll;
    hv_stash_init(&c->stash, m->max_stash);
    for (int i = 0; i < HV_CTL_CONNS; i++)
        c->conn[i].fd = -1;
    c->spare = -1;
    c->listener =
        socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (c->listener < 0)
        return -errno;
    c->spare = fcntl(c->listener, F_DUPFD_CLOEXEC, 0);
    rc = bind_to(c->listener, path);
    if (rc == 0) {
        strcpy(c->path, path);
        if (listen(c->listener, 16) < 0 ||
            epoll_ctl(epoll, EPOLL_CTL_ADD, c->listener, &ev) < 0)
            rc = -errno;
    }
    if (rc < 0)
        hv_ctl_fini(c);
    return rc;
}

static void drop(struct hv_conn *conn)
{
    close(conn->fd);
    conn->fd = -1;
    conn->subscribed = false;
    conn->nwait = 0;
}

void hv_ctl_fini(struct hv_ctl *c)
{
    for (int i = 0; i < HV_CTL_CONNS; i++)
        if (c->conn[i].fd >= 0)
            drop(&c->conn[i]);
    hv_stash_fini(&c->stash);
    if (c->listener >= 0)
        close(c->listener);
    if (c->spare >= 0)
        close(c->spare);
    c->listener = c->spare = -1;
    if (c->path[0])
        unlink(c->path);
    c->path[0] = 0;
}

static bool may_control(int fd)
{
    struct ucred uc;
    socklen_t len = sizeof(uc);

    return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &uc, &len) == 0 &&
           (uc.uid == 0 || uc.uid == geteuid());
}

static void refuse(struct hv_ctl *c, const char *why)
{
    uint64_t now = hv_now_ns();

    if (c->told_ns == 0 || now - c->told_ns >= TELL_NS) {
        c->told_ns = now;
        hv_log("a control connection is refused: %s", why);
    }
}

/* One that there is no descriptor for would keep the loop awake for ever. */
static int take(struct hv_ctl *c)
{
    int fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

    if (fd >= 0 || (errno != EMFILE && errno != ENFILE))
        return fd;
    refuse(c, "no file descriptor is left: destroy a domain, or raise "
              "weir-hv's limit (LimitNOFILE=)");
    if (c->spare >= 0)
        close(c->spare);
    fd = accept4(c->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        close(fd);
    else
        nanosleep(&(struct timespec){0, 1000000}, NULL); /* others were first */
    c->spare = fcntl(c->listener, F_DUPFD_CLOEXEC, 0);
    return -1;
}

void hv_ctl_accept(struct hv_ctl *c)
{
    struct epoll_event ev = {.events = EPOLLIN};
    int fd = take(c);

    if (fd < 0)
        return;
    for (unsigned i = 0; i < HV_CTL_CONNS && may_control(fd); i++) {
        if (c->conn[i].fd >= 0)
            continue;
        ev.data.u64 = i;
        if (epoll_ctl(c->epoll, EPOLL_CTL_ADD, fd, &ev) < 0)
            break;
        c->conn[i].fd = fd;
        return;
    }
    if (may_control(fd))
        refuse(c, "there are 64 already: end one of their tools");
    close(fd);
}

/* Sends c->out: false when the connection is to be dropped. */
static bool send_out(struct hv_ctl *c, struct hv_conn *conn,
                     struct weir_hv_header *h, const struct hv_ctl_reply *r)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * WEIR_STASH_FDS)];
    } ctl = {.room = {0}};
    struct iovec iov = {c->out, WEIR_HV_HEADER};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    const int *fds = r->pass ? r->pass->fd : &r->fd;
    size_t n = r->pass ? r->pass->n : r->fd >= 0;

    if (h->status == 0) {
        iov.iov_len += r->len;
        h->count = (uint16_t)r->count;
    }
    h->size = (uint16_t)iov.iov_len;
    weir_hv_put_header(c->out, h);
    if (h->status == 0 && n) {
        mh.msg_control = &ctl;
        mh.msg_controllen = CMSG_SPACE(n * sizeof(int));
        ctl.align.cmsg_level = SOL_SOCKET;
        ctl.align.cmsg_type = SCM_RIGHTS;
        ctl.align.cmsg_len = CMSG_LEN(n * sizeof(int));
        memcpy(CMSG_DATA(&ctl.align), fds, n * sizeof(int));
    }
    return sendmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* A packet into c->in, and what came with it into r: the kernel drops what
 * there is no room for. */
static ssize_t receive(struct hv_ctl *c, const struct hv_conn *conn,
                       struct hv_ctl_reply *r)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(r->got))];
    } ctl;
    struct iovec iov = {c->in, sizeof(c->in)};
    struct msghdr mh = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &ctl,
        .msg_controllen = CMSG_LEN(sizeof(r->got)),
    };
    struct cmsghdr *cm;
    ssize_t n = recvmsg(conn->fd, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

    if (n < 0)
        return n;
    cm = CMSG_FIRSTHDR(&mh);
    if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS) {
        r->ngot = (unsigned)((cm->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(r->got, CMSG_DATA(cm), r->ngot * sizeof(int));
    }
    r->spilt = mh.msg_flags & MSG_CTRUNC;
    return mh.msg_flags & MSG_TRUNC ? 0 : n;
}

void hv_ctl_serve(struct hv_ctl *c, uint32_t index)
{
    struct hv_conn *conn = &c->conn[index % HV_CTL_CONNS];
    struct hv_ctl_reply r = {.p = c->out + WEIR_HV_HEADER, .fd = -1};
    struct weir_hv_header h = {0}, out = {0};
    ssize_t n;
    bool ok;

    if (conn->fd < 0)
        return;
    n = receive(c, conn, &r);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0 || weir_hv_get_header(c->in, (size_t)n, &h) < 0 ||
        (h.op & WEIR_HV_REPLY)) {
        hv_stash_close(&c->stash, r.got, r.ngot);
        drop(conn);
        return;
    }
    out.op = (uint16_t)(h.op | WEIR_HV_REPLY);
    out.seq = h.seq;
    out.status = hv_ctl_op(c, conn, &h, c->in + WEIR_HV_HEADER,
                           (size_t)n - WEIR_HV_HEADER, &r);
    hv_stash_close(&c->stash, r.got, r.ngot);
    if (out.status == 0 && r.later)
        return;
    ok = send_out(c, conn, &out, &r);
    if (r.fd >= 0)
        close(r.fd);
    if (!ok)
        drop(conn);
}

static void tell_subscribers(struct hv_ctl *c,
                             const struct weir_hv_dominfo *info)
{
    struct hv_ctl_reply r = {.len = WEIR_HVCTL_DOMINFO, .fd = -1};

    for (int i = 0; i < HV_CTL_CONNS; i++) {
        struct weir_hv_header h = {.op = WEIR_HVCTL_EVENT};
        struct hv_conn *conn = &c->conn[i];

        if (conn->fd < 0 || !conn->subscribed)
            continue;
        weir_hvctl_put_dominfo(c->out + WEIR_HV_HEADER, info);
        if (!send_out(c, conn, &h, &r))
            drop(conn);
    }
}

/* The domain is dead, or alive again: who waits for that? */
static void answer_waits(struct hv_ctl *c, domid_t domid, uint16_t op,
                         int status, int fd)
{
    struct hv_ctl_reply r = {.fd = fd};

    for (int i = 0; i < HV_CTL_CONNS; i++) {
        struct hv_conn *conn = &c->conn[i];

        for (unsigned w = 0; conn->fd >= 0 && w < conn->nwait;) {
            struct weir_hv_header h = {
                .op = op | WEIR_HV_REPLY,
                .seq = conn->wait[w].seq,
                .status = status,
            };

            if (conn->wait[w].domid != domid || conn->wait[w].op != op) {
                w++;
                continue;
            }
            conn->wait[w] = conn->wait[--conn->nwait];
            if (!send_out(c, conn, &h, &r))
                drop(conn);
        }
    }
}

static void reap_one(struct hv_ctl *c, domid_t domid)
{
    struct hv_machine *m = c->m;
    struct weir_hv_dominfo info;
    struct hv_domain *d;
    bool changed, done, gone, answered;
    int fd = -1;

    pthread_mutex_lock(&m->lock);
    d = m->dom[domid];
    changed = d->changed;
    d->changed = false;
    done = d->done;
    gone = d->done && d->held == 0;
    answered = d->revived;
    if (answered)
        fd = d->new_fd;
    d->revived = false;
    hv_domain_info(d, &info);
    if (gone) {
        m->dom[domid] = NULL;
        m->ndomains--;
    }
    pthread_mutex_unlock(&m->lock);
    if (changed)
        tell_subscribers(c, &info);
    if (answered)
        answer_waits(c, domid, WEIR_HVCTL_REVIVE, fd < 0 ? fd : 0, fd);
    if (fd >= 0)
        close(fd);
    if (done) {
        answer_waits(c, domid, WEIR_HVCTL_DESTROY, 0, -1);
        answer_waits(c, domid, WEIR_HVCTL_REVIVE, -ENOENT, -1);
    }
    if (gone) {
        pthread_join(d->thread, NULL);
        hv_domain_free(d);
    }
}

void hv_ctl_reap(struct hv_ctl *c)
{
    for (uint32_t i = 1; i <= WEIR_HV_DOMID_LAST; i++)
        if (c->m->dom[i])
            reap_one(c, (domid_t)i);
}
