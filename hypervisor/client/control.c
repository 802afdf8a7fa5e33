/* SPDX-License-Identifier: MIT */
#include "hypervisor/client/control.h"

#include "hypervisor/client/codec_client.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define QUEUE 64 /* events that came between a request and its reply */

struct weir_hvctl {
    int fd;
    uint32_t seq;
    unsigned head, queued;
    struct weir_hv_dominfo queue[QUEUE];
    uint8_t out[WEIR_HV_MSG_MAX], in[WEIR_HV_MSG_MAX];
};

struct call {
    uint16_t op;
    size_t len;  /* payload in c->out */
    size_t want; /* payload of a good reply; or of each of its elements */
    bool elements;
    unsigned count;  /* OUT */
    int fd;          /* OUT: -1 or a descriptor */
    const int *pass; /* IN: a descriptor that goes with it, or NULL */
};

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

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* One packet; a descriptor with it goes to *fd.  There is room for no more (in
 * the padding of CMSG_SPACE two would fit), so the kernel drops others. */
static int receive(struct weir_hvctl *c, struct weir_hv_header *h, int *fd,
                   int flags)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl;
    struct iovec iov = {c->in, sizeof(c->in)};
    struct msghdr mh = {
        .msg_iov = &iov,
        .msg_iovlen = 1,
        .msg_control = &ctl,
        .msg_controllen = CMSG_LEN(sizeof(int)),
    };
    struct cmsghdr *cm;
    ssize_t n;

    *fd = -1;
    do
        n = recvmsg(c->fd, &mh, MSG_CMSG_CLOEXEC | flags);
    while (n < 0 && errno == EINTR);
    if (n <= 0)
        return n < 0 ? -errno : -EPIPE;
    cm = CMSG_FIRSTHDR(&mh);
    if (cm && cm->cmsg_level == SOL_SOCKET && cm->cmsg_type == SCM_RIGHTS &&
        cm->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(fd, CMSG_DATA(cm), sizeof(*fd));
    if (weir_hv_get_header(c->in, (size_t)n, h) == 0)
        return 0;
    drop(fd);
    return -EPROTO;
}

static void enqueue(struct weir_hvctl *c, const struct weir_hv_header *h)
{
    struct weir_hv_dominfo *slot;

    /* When full the oldest goes: the newest state of a domain matters. */
    if (c->queued == QUEUE) {
        c->head = (c->head + 1) % QUEUE;
        c->queued--;
    }
    slot = &c->queue[(c->head + c->queued) % QUEUE];
    if (weir_hvctl_get_dominfo(c->in + WEIR_HV_HEADER,
                               (size_t)h->size - WEIR_HV_HEADER, slot) == 0)
        c->queued++;
}

static int send_packet(struct weir_hvctl *c, size_t len, const int *fd)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } ctl = {.room = {0}};
    struct iovec iov = {c->out, len};
    struct msghdr mh = {.msg_iov = &iov, .msg_iovlen = 1};

    if (fd) {
        mh.msg_control = &ctl;
        mh.msg_controllen = sizeof(ctl);
        ctl.align.cmsg_level = SOL_SOCKET;
        ctl.align.cmsg_type = SCM_RIGHTS;
        ctl.align.cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(&ctl.align), fd, sizeof(int));
    }
    return sendmsg(c->fd, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int call(struct weir_hvctl *c, struct call *k)
{
    struct weir_hv_header h = {
        .op = k->op,
        .seq = ++c->seq,
        .size = (uint16_t)(WEIR_HV_HEADER + k->len),
    };
    size_t want;
    int rc;

    weir_hv_put_header(c->out, &h);
    rc = send_packet(c, h.size, k->pass);
    if (rc < 0)
        return rc;
    for (;;) {
        rc = receive(c, &h, &k->fd, 0);
        if (rc < 0)
            return rc;
        if (h.op != WEIR_HVCTL_EVENT)
            break;
        drop(&k->fd);
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
        drop(&k->fd);
    k->count = h.count;
    return rc;
}

static uint8_t *args(struct weir_hvctl *c)
{
    return c->out + WEIR_HV_HEADER;
}

static const uint8_t *result(const struct weir_hvctl *c)
{
    return c->in + WEIR_HV_HEADER;
}

int weir_hvctl_create(struct weir_hvctl *c, const struct weir_hv_create *how,
                      domid_t *domid, int *domain_fd)
{
    struct call k = {
        .op = WEIR_HVCTL_CREATE, .len = WEIR_HVCTL_CREATE_REQ, .want = 4};
    int rc;

    if (strlen(how->name) >= WEIR_HV_NAME)
        return -ENAMETOOLONG;
    weir_hvctl_put_create(args(c), how);
    rc = call(c, &k);
    if (rc < 0)
        return rc;
    if ((k.fd < 0) != (how->kind == WEIR_DOM_VM)) {
        drop(&k.fd);
        return -EPROTO;
    }
    *domid = (domid_t)weir_le32(result(c));
    *domain_fd = k.fd;
    return 0;
}

int weir_hvctl_vm_load(struct weir_hvctl *c, domid_t domid, int memfd,
                       uint64_t offset, uint64_t length, uint64_t gpa)
{
    uint64_t end;

    if (__builtin_add_overflow(gpa, length, &end) ||
        __builtin_add_overflow(offset, length, &end))
        return -ERANGE;
    do {
        uint64_t n =
            length < WEIR_HVCTL_LOAD_MAX ? length : WEIR_HVCTL_LOAD_MAX;
        struct call k = {.op = WEIR_HVCTL_VM_LOAD,
                         .len = WEIR_HVCTL_LOAD_REQ,
                         .pass = &memfd};
        int rc;

        weir_put32(args(c), domid);
        weir_put32(args(c) + 4, 0);
        weir_put64(args(c) + 8, gpa);
        weir_put64(args(c) + 16, n);
        weir_put64(args(c) + 24, offset);
        rc = call(c, &k);
        if (rc < 0)
            return rc;
        offset += n;
        gpa += n;
        length -= n;
    } while (length);
    return 0;
}

int weir_hvctl_vm_start(struct weir_hvctl *c, domid_t domid, uint32_t entry,
                        uint32_t start_info)
{
    struct call k = {.op = WEIR_HVCTL_VM_START, .len = WEIR_HVCTL_START_REQ};

    weir_put32(args(c), domid);
    weir_put32(args(c) + 4, entry);
    weir_put32(args(c) + 8, start_info);
    weir_put32(args(c) + 12, 0);
    return call(c, &k);
}

/* Operations on a domain that answer with a status alone. */
static int on_domain(struct weir_hvctl *c, uint16_t op, domid_t domid)
{
    struct call k = {.op = op, .len = 4};

    weir_put32(args(c), domid);
    return call(c, &k);
}

int weir_hvctl_destroy(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_DESTROY, domid);
}

int weir_hvctl_revive(struct weir_hvctl *c, domid_t domid, int *domain_fd)
{
    struct call k = {.op = WEIR_HVCTL_REVIVE, .len = WEIR_HVCTL_REVIVE_REQ};
    int rc;

    weir_put32(args(c), domid);
    weir_put32(args(c) + 4, 0);
    rc = call(c, &k);
    if (rc == 0 && k.fd < 0)
        rc = -EPROTO;
    if (rc == 0)
        *domain_fd = k.fd;
    return rc;
}

int weir_hvctl_pause(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_PAUSE, domid);
}

int weir_hvctl_unpause(struct weir_hvctl *c, domid_t domid)
{
    return on_domain(c, WEIR_HVCTL_UNPAUSE, domid);
}

int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out)
{
    struct call k = {
        .op = WEIR_HVCTL_INFO, .len = 4, .want = WEIR_HVCTL_DOMINFO};
    int rc;

    weir_put32(args(c), domid);
    rc = call(c, &k);
    return rc < 0 ? rc : weir_hvctl_get_dominfo(result(c), k.want, out);
}

int weir_hvctl_list(struct weir_hvctl *c, domid_t first,
                    struct weir_hv_dominfo *out, unsigned max, unsigned *n)
{
    uint32_t next = first;

    for (*n = 0; *n < max;) {
        struct call k = {.op = WEIR_HVCTL_LIST,
                         .len = 8,
                         .want = WEIR_HVCTL_DOMINFO,
                         .elements = true};
        int rc;

        weir_put32(args(c), next);
        weir_put32(args(c) + 4, max - *n);
        rc = call(c, &k);
        if (rc < 0)
            return rc;
        if (k.count == 0)
            return 0;
        for (unsigned i = 0; i < k.count && *n < max; i++) {
            rc = weir_hvctl_get_dominfo(result(c) +
                                            (size_t)i * WEIR_HVCTL_DOMINFO,
                                        WEIR_HVCTL_DOMINFO, &out[*n]);
            if (rc < 0)
                return rc;
            next = out[(*n)++].domid + 1u;
        }
    }
    return 0;
}

int weir_hvctl_stats(struct weir_hvctl *c, domid_t domid,
                     uint8_t page[WEIR_PAGE_SIZE])
{
    struct call k = {.op = WEIR_HVCTL_STATS, .len = 4, .want = WEIR_PAGE_SIZE};
    int rc;

    weir_put32(args(c), domid);
    rc = call(c, &k);
    if (rc == 0)
        memcpy(page, result(c), WEIR_PAGE_SIZE);
    return rc;
}

int weir_hvctl_console(struct weir_hvctl *c, domid_t domid, int *fd)
{
    struct call k = {.op = WEIR_HVCTL_CONSOLE, .len = 4};
    int rc;

    weir_put32(args(c), domid);
    rc = call(c, &k);
    if (rc == 0 && k.fd < 0)
        rc = -EPROTO;
    if (rc == 0)
        *fd = k.fd;
    return rc;
}

int weir_hvctl_subscribe(struct weir_hvctl *c)
{
    struct call k = {.op = WEIR_HVCTL_SUBSCRIBE};

    return call(c, &k);
}

int weir_hvctl_next_event(struct weir_hvctl *c, struct weir_hv_dominfo *out)
{
    struct weir_hv_header h;
    int rc, fd;

    if (c->queued == 0) {
        rc = receive(c, &h, &fd, 0);
        drop(&fd);
        if (rc < 0)
            return rc;
        if (h.op != WEIR_HVCTL_EVENT)
            return -EPROTO;
        enqueue(c, &h);
        if (c->queued == 0)
            return -EPROTO;
    }
    *out = c->queue[c->head];
    c->head = (c->head + 1) % QUEUE;
    c->queued--;
    return 0;
}

static int io_change(struct weir_hvctl *c, uint16_t op, domid_t domid,
                     const struct weir_io_range *r)
{
    struct call k = {.op = op, .len = 8 + WEIR_HVCTL_IO_RANGE};

    weir_put32(args(c), domid);
    weir_put32(args(c) + 4, 0);
    weir_hvctl_put_range(args(c) + 8, r);
    return call(c, &k);
}

int weir_hvctl_io_permit(struct weir_hvctl *c, domid_t domid,
                         const struct weir_io_range *r)
{
    return io_change(c, WEIR_HVCTL_IO_PERMIT, domid, r);
}

int weir_hvctl_io_deny(struct weir_hvctl *c, domid_t domid,
                       const struct weir_io_range *r)
{
    return io_change(c, WEIR_HVCTL_IO_DENY, domid, r);
}

int weir_hvctl_io_list(struct weir_hvctl *c, domid_t domid,
                       struct weir_io_range *out, unsigned max, unsigned *n)
{
    struct call k = {.op = WEIR_HVCTL_IO_LIST,
                     .len = 4,
                     .want = WEIR_HVCTL_IO_RANGE,
                     .elements = true};
    int rc;

    weir_put32(args(c), domid);
    rc = call(c, &k);
    *n = rc < 0 ? 0 : k.count < max ? k.count : max;
    for (unsigned i = 0; rc == 0 && i < *n; i++)
        rc = weir_hvctl_get_range(result(c) + (size_t)i * WEIR_HVCTL_IO_RANGE,
                                  WEIR_HVCTL_IO_RANGE, &out[i]);
    return rc;
}

int weir_hvctl_machine(struct weir_hvctl *c, struct weir_hv_machine *out)
{
    struct call k = {.op = WEIR_HVCTL_MACHINE, .want = WEIR_HVCTL_MACHINE_REP};
    int rc = call(c, &k);

    return rc < 0 ? rc : weir_hvctl_get_machine(result(c), k.want, out);
}
