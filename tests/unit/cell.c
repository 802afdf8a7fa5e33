/* SPDX-License-Identifier: MIT */
#include "tests/unit/cell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define UID_BASE 0x30000000u /* nobody's */

struct order {
    int32_t op;
    int64_t args[6];
};

struct hello {
    uint64_t base, ro_base;
    int32_t err;
};

int cell_memory_make(struct cell_memory *m, uint64_t size)
{
    m->size = size;
    m->fd = memfd_create("weir-test", MFD_CLOEXEC);
    if (m->fd < 0 || ftruncate(m->fd, (off_t)size))
        return -errno;
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    m->map = p;
    /* the cells are forked from us */
    return madvise(p, size, MADV_DONTFORK) ? -errno : 0;
}

void cell_memory_free(struct cell_memory *m)
{
    munmap(m->map, m->size);
    close(m->fd);
}

static int send_fds(int sock, const void *data, size_t len, const int fds[2])
{
    union {
        char buf[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } u = {0};
    struct iovec v = {.iov_base = (void *)(uintptr_t)data, .iov_len = len};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(2 * sizeof(int));
    memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
    return sendmsg(sock, &h, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int recv_fds(int sock, void *data, size_t len, int fds[2])
{
    union {
        char buf[CMSG_SPACE(2 * sizeof(int))];
        struct cmsghdr align;
    } u;
    struct iovec v = {.iov_base = data, .iov_len = len};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    if (recvmsg(sock, &h, MSG_CMSG_CLOEXEC) != (ssize_t)len)
        return -EPIPE;
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    if (!c || c->cmsg_len != CMSG_LEN(2 * sizeof(int)))
        return -EPROTO;
    memcpy(fds, CMSG_DATA(c), 2 * sizeof(int));
    return 0;
}

static int64_t obey(const struct weir_window *w, int sock,
                    const struct order *o)
{
    bool ro = o->op == CELL_READ_RO || o->op == CELL_WRITE_RO ||
              o->op == CELL_DROP_RO ||
              (o->op == CELL_KERNEL_WRITE && o->args[1]);
    volatile int64_t *at = weir_window_at(w, (mfn_t)o->args[0], ro);
    const int64_t *a = o->args;
    switch (o->op) {
    case CELL_READ:
    case CELL_READ_RO:
        return *at;
    case CELL_WRITE:
    case CELL_WRITE_RO:
        *at = a[1];
        return 0;
    case CELL_DROP:
    case CELL_DROP_RO:
        return weir_window_drop(w, (mfn_t)a[0], (uint64_t)a[1], ro);
    case CELL_KERNEL_WRITE:
        return recv(sock, (void *)(uintptr_t)at, sizeof(*at), 0) < 0 ? -errno
                                                                     : 0;
    case CELL_ADDRESS:
        return (int64_t)(uintptr_t)at;
    case CELL_SYSCALL: {
        long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], 0);
        return r < 0 ? -errno : r;
    }
    default:
        _exit(0);
    }
}

/* Nobody else has it: a test that runs beside this one makes cells, too. */
static unsigned identity(pid_t maker)
{
    return UID_BASE + (unsigned)maker;
}

static void cell_main(int sock, const struct cell_memory *m, unsigned allow,
                      void (*before)(int), bool sealed)
{
    const char *what = "";
    struct weir_window w;
    struct order o;
    int ppid = getppid();
    /* cmocka's handlers are not the cell's */
    signal(SIGILL, SIG_DFL);
    signal(SIGSEGV, SIG_DFL);
    signal(SIGBUS, SIG_DFL);
    int fds[2] = {-1, -1}, keep[] = {sock, m->fd};
    int err = weir_seal_begin(keep, 2, &what);
    if (!err)
        err = weir_window_create(m->fd, m->size, &w, &what);
    struct hello h = {.err = err};
    if (!err) {
        h.base = (uintptr_t)w.base;
        h.ro_base = (uintptr_t)w.ro_base;
        fds[0] = w.uffd;
        fds[1] = w.pagemap;
        err = send_fds(sock, &h, sizeof(h), fds);
    }
    if (!err)
        err = weir_seal_keep(&w, &what);
    int memfd = dup(m->fd);
    close(m->fd);
    if (before)
        before(memfd);
    else
        close(memfd);
    struct weir_seal s = {
        .window = &w, .hv_fd = sock, .allow = allow, .ppid = ppid};
    if (geteuid() == 0)
        s.uid = s.gid = identity(ppid);
    if (!err && sealed)
        err = weir_seal_enter(&s, &what);
    if (err)
        fprintf(stderr, "cell: %s: %s\n", what, strerror(-err));
    int64_t answer = err;
    while (send(sock, &answer, sizeof(answer), MSG_NOSIGNAL) > 0 && !err &&
           recv(sock, &o, sizeof(o), 0) == sizeof(o))
        answer = obey(&w, sock, &o);
    _exit(err ? 1 : 0);
}

static int meet(struct cell *c, const struct cell_memory *m)
{
    struct hello h;
    int fds[2];
    uint64_t marker;
    struct stat st;
    int64_t answer;
    int err = recv_fds(c->sock, &h, sizeof(h), fds);
    if (err)
        return err;
    c->ends = (struct weir_pagewin_ends){.uffd = fds[0],
                                         .pagemap = fds[1],
                                         .base = h.base,
                                         .ro_base = h.ro_base,
                                         .size = m->size,
                                         .pid = c->pid};
    fstat(m->fd, &st);
    bool root = geteuid() == 0;
    c->expect = (struct weir_seal_expect){
        .pid = c->pid,
        .threads = 1,
        .uid = root ? identity(getpid()) : geteuid(),
        .gid = root ? identity(getpid()) : getegid(),
        .may_be_root = !root,
        .mem_dev = st.st_dev,
        .mem_ino = st.st_ino,
        .base = h.base,
        .ro_base = h.ro_base,
        .size = m->size,
        .uffd_number = WEIR_SEAL_UFFD,
    };
    err = weir_pagewin_marker(&marker);
    if (!err)
        err = weir_pagewin_open(&c->ends, marker, &c->win);
    if (!err)
        err = cell_answer(c, 5000, &answer);
    return err ? err : (int)answer;
}

int cell_start(struct cell *c, const struct cell_memory *m, unsigned allow,
               void (*before)(int), bool seal)
{
    int sv[2];
    *c = (struct cell){0};
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv))
        return -errno;
    c->pid = fork();
    if (!c->pid) {
        close(sv[0]);
        cell_main(sv[1], m, allow, before, seal);
    }
    close(sv[1]);
    c->sock = sv[0];
    int err = meet(c, m);
    if (err)
        cell_end(c);
    return err;
}

void cell_tell(struct cell *c, enum cell_op op, const int64_t args[6])
{
    struct order o = {.op = op};
    memcpy(o.args, args, sizeof(o.args));
    send(c->sock, &o, sizeof(o), MSG_NOSIGNAL);
}

int cell_answer(struct cell *c, int timeout_ms, int64_t *value)
{
    struct pollfd p = {.fd = c->sock, .events = POLLIN};
    if (poll(&p, 1, timeout_ms) == 0)
        return -ETIMEDOUT;
    return recv(c->sock, value, sizeof(*value), 0) == sizeof(*value) ? 0
                                                                     : -EPIPE;
}

int64_t cell_ask(struct cell *c, enum cell_op op, int64_t a, int64_t b)
{
    const int64_t args[6] = {a, b};
    int64_t value = 0;
    cell_tell(c, op, args);
    assert_int_equal(cell_answer(c, 5000, &value), 0);
    return value;
}

int cell_end(struct cell *c)
{
    int status = 0;
    if (c->pid > 0) {
        kill(c->pid, SIGKILL);
        waitpid(c->pid, &status, 0);
    }
    if (c->sock > 0)
        close(c->sock);
    weir_pagewin_close(c->win);
    *c = (struct cell){0};
    return status;
}
