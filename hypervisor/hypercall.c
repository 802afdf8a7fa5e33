/* SPDX-License-Identifier: MIT */
#include "hypervisor/hypercall.h"

#include "ring/barrier.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static int op_io_query(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r)
{
    struct weir_io_range range;
    bool ok;

    (void)r;
    if (weir_hvctl_get_range(q->p, q->len, &range) < 0)
        return -EINVAL;
    pthread_mutex_lock(&d->m->lock);
    ok = hv_iospace_has(&d->io, &range);
    pthread_mutex_unlock(&d->m->lock);
    if (!ok)
        weir_count64(&d->io_refused, 1);
    return ok ? 0 : -EPERM;
}

static int op_grant_version(struct hv_domain *d, struct hv_request *q,
                            struct hv_reply *r)
{
    (void)d;
    (void)r;
    return weir_le32(q->p) == 1 ? 0 : -ENOSYS;
}

/* Believed as far as it harms the caller alone. */
static int op_faulted(struct hv_domain *d, struct hv_request *q,
                      struct hv_reply *r)
{
    mfn_t frame = weir_le64(q->p);

    (void)r;
    if (weir_pagewin_one_window(d->win) || frame >= d->m->frames.count)
        return -EINVAL;
    if (hv_track_count(&d->track, frame).ro)
        hv_domain_fail(d,
                       "domain %u wrote to frame %llu, which it maps "
                       "read-only",
                       d->domid, (unsigned long long)frame);
    else
        hv_domain_fail(d,
                       "domain %u touched frame %llu, which is not granted "
                       "to it",
                       d->domid, (unsigned long long)frame);
    return 0;
}

struct op {
    int (*call)(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
    uint16_t fixed;   /* bytes of payload, without elements */
    uint16_t element; /* bytes of each of count elements */
    bool early;       /* before the seal */
};

static const struct op ops[] = {
    [WEIR_HV_HELLO] = {hv_op_hello, WEIR_HV_HELLO_REQ, 0, true},
    [WEIR_HV_WINDOW] = {hv_op_window, WEIR_HV_WINDOW_REQ, 0, true},
    [WEIR_HV_SEALED] = {hv_op_sealed, WEIR_HV_SEALED_REQ, 0, true},
    [WEIR_HV_ALLOC] = {hv_op_alloc, 8, 0, false},
    [WEIR_HV_FREE] = {hv_op_free, 16, 0, false},
    [WEIR_HV_GRANT_TABLE] = {hv_op_grant_table, 8, 0, false},
    [WEIR_HV_MAP] = {hv_op_map, 0, WEIR_HV_MAP_REQ, false},
    [WEIR_HV_UNMAP] = {hv_op_unmap, 0, WEIR_HV_UNMAP_REQ, false},
    [WEIR_HV_COPY] = {hv_op_copy, 0, WEIR_HV_COPY_REQ, false},
    [WEIR_HV_EVTCHN_ALLOC] = {hv_op_evtchn_alloc, 4, 0, false},
    [WEIR_HV_EVTCHN_BIND] = {hv_op_evtchn_bind, 8, 0, false},
    [WEIR_HV_EVTCHN_CLOSE] = {hv_op_evtchn_close, 4, 0, false},
    [WEIR_HV_EVTCHN_STATUS] = {hv_op_evtchn_status, 4, 0, false},
    [WEIR_HV_EVTCHN_RESET] = {hv_op_evtchn_reset, 0, 0, false},
    [WEIR_HV_STATS] = {hv_op_stats, 8, 0, false},
    [WEIR_HV_IO_QUERY] = {op_io_query, WEIR_HVCTL_IO_RANGE, 0, false},
    [WEIR_HV_GRANT_VERSION] = {op_grant_version, 4, 0, false},
    [WEIR_HV_FAULTED] = {op_faulted, 8, 0, false},
    [WEIR_HV_KEEP] = {hv_op_keep, WEIR_HV_KEEP_REQ, 0, false},
    [WEIR_HV_FORGET] = {hv_op_forget, 0, 0, false},
};

static int dispatch(struct hv_domain *d, struct hv_request *q,
                    struct hv_reply *r)
{
    const struct op *op;

    if (q->op >= sizeof(ops) / sizeof(ops[0]) || !ops[q->op].call)
        return -ENOSYS;
    op = &ops[q->op];
    if (!op->element && q->count)
        return -EINVAL;
    if (q->len != op->fixed + (size_t)op->element * q->count)
        return -EINVAL;
    if (op->early == d->sealed)
        return -EPERM;
    return op->call(d, q, r);
}

static void take_control(struct msghdr *mh, struct hv_request *q)
{
    unsigned n = 0;

    for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
        if (c->cmsg_level != SOL_SOCKET)
            continue;
        if (c->cmsg_type == SCM_CREDENTIALS) {
            struct ucred uc;

            memcpy(&uc, CMSG_DATA(c), sizeof(uc));
            q->pid = uc.pid;
        } else if (c->cmsg_type == SCM_RIGHTS) {
            size_t fds = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

            for (size_t i = 0; i < fds; i++) {
                int fd;

                memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
                if (n < WEIR_HV_FDS)
                    q->fd[n++] = fd;
                else
                    close(fd);
            }
        }
    }
}

/* The next packet into d->in: its length, 0 when there is none, -1 when the
 * domain's end is closed. */
static ssize_t receive(struct hv_domain *d, struct hv_request *q)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(struct ucred)) +
                  CMSG_SPACE(sizeof(int) * WEIR_HV_FDS)];
    } ctl;
    struct iovec iov = {d->in, sizeof(d->in)};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    /* A sealed domain passes no descriptors: without room for them the
     * kernel drops any. */
    if (!d->sealed) {
        mh.msg_control = &ctl;
        mh.msg_controllen = sizeof(ctl);
    }
    n = recvmsg(d->sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -1;
    if (!d->sealed)
        take_control(&mh, q);
    if (mh.msg_flags & MSG_TRUNC)
        return sizeof(d->in) + 1; /* refused as too long by the decoder */
    return n == 0 ? -1 : n;
}

static bool send_reply(struct hv_domain *d, const struct hv_request *q,
                       int status, const struct hv_reply *r)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int) * WEIR_HV_FDS)];
    } ctl;
    struct weir_hv_header h = {
        .op = (uint16_t)(q->op | WEIR_HV_REPLY),
        .seq = q->seq,
        .status = status,
    };
    struct iovec iov = {d->out, WEIR_HV_HEADER};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};
    ssize_t n;

    if (status == 0) {
        h.count = (uint16_t)r->count;
        iov.iov_len += r->len;
    }
    h.size = (uint16_t)iov.iov_len;
    weir_hv_put_header(d->out, &h);
    if (status == 0 && r->nfds) {
        struct cmsghdr *c;

        memset(&ctl, 0, sizeof(ctl));
        mh.msg_control = &ctl;
        mh.msg_controllen = CMSG_SPACE(sizeof(int) * r->nfds);
        c = CMSG_FIRSTHDR(&mh);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * r->nfds);
        memcpy(CMSG_DATA(c), r->fd, sizeof(int) * r->nfds);
    }
    do
        n = sendmsg(d->sock, &mh, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        hv_domain_fail(d, "does not read its hypercall replies");
    return n >= 0;
}

int hv_hypercall(struct hv_domain *d)
{
    struct hv_request q = {.fd = {-1, -1, -1, -1}};
    struct hv_reply r = {.p = d->out + WEIR_HV_HEADER};
    struct weir_hv_header h = {0};
    ssize_t n = receive(d, &q);
    int status = -EINVAL, bad;

    if (n <= 0)
        return (int)n;
    weir_count64(&d->hypercalls, 1);
    bad = weir_hv_get_header(d->in, (size_t)n, &h);
    q.op = h.op;
    q.seq = h.seq;
    if (bad == 0 && !(h.op & WEIR_HV_REPLY)) {
        q.count = h.count;
        q.p = d->in + WEIR_HV_HEADER;
        q.len = (size_t)n - WEIR_HV_HEADER;
        status = dispatch(d, &q, &r);
    }
    for (int i = 0; i < WEIR_HV_FDS; i++)
        if (q.fd[i] >= 0)
            close(q.fd[i]);
    return send_reply(d, &q, status, &r) ? 1 : -1;
}
