/* SPDX-License-Identifier: MIT
 *
 * puppet UID ALLOW [MISTAKE...]: becomes a process domain and obeys the orders
 * on descriptor 0.  MISTAKE is something left behind before the seal.
 */
#include "tests/isolation/puppet.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libaio.h>
#include <linux/userfaultfd.h>
#include <pthread.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/client/process_call.h"
#include "ring/grant_abi.h"
#include "tests/isolation/mistakes.h"

struct puppet {
    struct weir_process *dom;
    struct weir_port *port;
    io_context_t aio;
    struct iocb cb;
    volatile uint64_t counter;
    uint8_t *buffer;
};

static int64_t *at(struct puppet *p, int64_t frame, int64_t ro)
{
    return weir_window_at(&p->dom->window, (mfn_t)frame, ro != 0);
}

static volatile struct weir_grant_entry_v1 *entry(struct puppet *p, int64_t ref)
{
    volatile struct weir_grant_entry_v1 *e = NULL;
    uint32_t n = 0;
    if (p->port->ops->grant_table(p->port, false, &e, &n) || ref >= n)
        return NULL;
    return e + ref;
}

static int64_t grant(struct puppet *p, const int64_t *a)
{
    volatile struct weir_grant_entry_v1 *e = entry(p, a[0]);
    if (!e)
        return -EINVAL;
    e->domid = (uint16_t)a[1];
    e->frame = (uint32_t)a[2];
    __atomic_store_n(
        &e->flags,
        (uint16_t)(WEIR_GTF_PERMIT_ACCESS | (a[3] ? WEIR_GTF_READONLY : 0)),
        __ATOMIC_RELEASE);
    return 0;
}

static int64_t ungrant(struct puppet *p, const int64_t *a)
{
    volatile struct weir_grant_entry_v1 *e = entry(p, a[0]);
    uint16_t old = e ? e->flags : 0;
    if (!e)
        return -EINVAL;
    do {
        if (old & (WEIR_GTF_READING | WEIR_GTF_WRITING))
            return -EBUSY;
    } while (!__atomic_compare_exchange_n(&e->flags, &old, 0, false,
                                          __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    return 0;
}

static void map(struct puppet *p, const int64_t *a, int64_t *v)
{
    struct weir_map_op op = {
        .dom = (domid_t)a[0], .ref = (grant_ref_t)a[1], .readonly = a[2] != 0};
    int rc = p->port->ops->map(p->port, &op, 1);
    v[0] = rc ? rc : op.status;
    if (v[0])
        return;
    const struct weir_window *w = &p->dom->window;
    v[1] =
        ((uint8_t *)op.addr - (a[2] ? w->ro_base : w->base)) / WEIR_PAGE_SIZE;
    v[2] = op.handle;
}

static int64_t unmap(struct puppet *p, const int64_t *a)
{
    struct weir_unmap_op op = {.addr = at(p, a[0], a[2]),
                               .handle = (uint32_t)a[1]};
    int rc = p->port->ops->unmap(p->port, &op, 1);
    return rc ? rc : op.status;
}

static void keep(struct puppet *p, const int64_t *a, int64_t *v)
{
    void *page = NULL;
    bool found = false;
    v[0] = p->port->ops->keep(p->port, (uint64_t)a[0], (unsigned)a[1], &page,
                              &found);
    if (!v[0])
        v[0] = (int64_t)p->port->ops->frame(p->port, page);
    v[1] = found;
}

static int64_t claim(struct puppet *p, const int64_t *a)
{
    struct weir_process_msg m = {.op = WEIR_HV_UNMAP,
                                 .count = 1,
                                 .len = WEIR_HV_UNMAP_REQ,
                                 .want = WEIR_HV_STATUS_REP};
    weir_put32(weir_process_args(p->dom), (uint32_t)a[0]);
    int rc = weir_process_call(p->dom, &m);
    return rc ? rc : (int32_t)weir_le32(weir_process_result(p->dom));
}

static int64_t raw(const int64_t *a)
{
    long r = syscall(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);
    return r < 0 ? -errno : r;
}

static int64_t int80(int64_t nr)
{
    int64_t r;
    __asm__ volatile("int $0x80"
                     : "=a"(r)
                     : "a"(nr), "b"(0), "c"(0), "d"(0)
                     : "memory", "r8", "r9", "r10", "r11");
    return r;
}

static void *spin(void *arg)
{
    struct puppet *p = arg;
    for (;; p->counter++)
        usleep(100);
    return NULL;
}

static int64_t thread(struct puppet *p)
{
    pthread_attr_t attr;
    pthread_t t;
    pthread_attr_init(&attr);
    pthread_attr_setguardsize(&attr, 0);
    pthread_attr_setstacksize(&attr, 256 << 10);
    return -pthread_create(&t, &attr, spin, p);
}

static int64_t recv_fd(void)
{
    char byte;
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u;
    struct iovec v = {.iov_base = &byte, .iov_len = 1};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    int fd;
    if (recvmsg(WEIR_FD_RESOURCE, &h, MSG_CMSG_CLOEXEC) != 1 ||
        !CMSG_FIRSTHDR(&h))
        return -EPIPE;
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&h)), sizeof(fd));
    return fd;
}

static int64_t aio_read(struct puppet *p, const int64_t *a)
{
    struct iocb *cbs[1] = {&p->cb};
    io_prep_pread(&p->cb, (int)a[2], at(p, a[0], a[1]), WEIR_PAGE_SIZE, a[3]);
    return io_submit(p->aio, 1, cbs);
}

static int64_t aio_wait(struct puppet *p)
{
    struct io_event ev;
    int n = io_getevents(p->aio, 1, 1, &ev, NULL);
    return n == 1 ? (int64_t)ev.res : n;
}

/* malloc, realloc and free of all sizes, as a backend would. */
static int64_t use_malloc(int64_t rounds)
{
    void *held[64] = {0};
    for (int64_t i = 0; i < rounds; i++) {
        unsigned k = (unsigned)(i * 37) % 64;
        size_t n = (size_t)1 << (i % 23);
        void *q = realloc(held[k], n);
        if (!q)
            return -ENOMEM;
        memset(q, 1, n);
        held[k] = q;
        free(held[(k + 7) % 64]);
        held[(k + 7) % 64] = NULL;
    }
    for (unsigned k = 0; k < 64; k++)
        free(held[k]);
    return 0;
}

/* Orders that are about a frame or a grant; false: it is another. */
static bool obey_memory(struct puppet *p, const struct puppet_order *o,
                        int64_t *v)
{
    const int64_t *a = o->a;
    void *page = NULL;

    switch ((enum puppet_op)o->op) {
    case P_ALLOC:
        v[0] = p->port->ops->alloc_pages(p->port, (unsigned)a[0], &page);
        if (!v[0])
            v[0] = (int64_t)p->port->ops->frame(p->port, page);
        return true;
    case P_KEEP:
        keep(p, a, v);
        return true;
    case P_FREE:
        p->port->ops->free_pages(p->port, at(p, a[0], 0), (unsigned)a[1]);
        return true;
    case P_GRANT:
        v[0] = grant(p, a);
        return true;
    case P_UNGRANT:
        v[0] = ungrant(p, a);
        return true;
    case P_MAP:
        map(p, a, v);
        return true;
    case P_UNMAP:
        v[0] = unmap(p, a);
        return true;
    case P_CLAIM:
        v[0] = claim(p, a);
        return true;
    case P_DROP:
        v[0] = weir_window_drop(&p->dom->window, (mfn_t)a[0], (uint64_t)a[1],
                                a[2] != 0);
        return true;
    case P_READ:
        v[0] = *(volatile int64_t *)at(p, a[0], a[1]);
        return true;
    case P_WRITE:
        *(volatile int64_t *)at(p, a[0], a[1]) = a[2];
        return true;
    default:
        return false;
    }
}

static void obey(struct puppet *p, const struct puppet_order *o, int64_t *v)
{
    const int64_t *a = o->a;

    if (obey_memory(p, o, v))
        return;
    switch ((enum puppet_op)o->op) {
    case P_KERNEL:
        v[0] = raw((int64_t[]){SYS_getrandom,
                               (int64_t)(uintptr_t)at(p, a[0], a[1]), 8, 0, 0,
                               0, 0});
        break;
    case P_SYSCALL:
        v[0] = raw(a);
        break;
    case P_INT80:
        v[0] = int80(a[0]);
        break;
    case P_WHERE:
        v[0] = (int64_t)(uintptr_t)p->dom->window.base;
        v[1] = (int64_t)p->dom->window.size;
        v[2] = (int64_t)(uintptr_t)p->buffer;
        break;
    case P_THREAD:
        v[0] = thread(p);
        break;
    case P_COUNTER:
        v[0] = (int64_t)p->counter;
        break;
    case P_SPIN:
        for (;;)
            p->counter++;
    case P_RECV_FD:
        v[0] = recv_fd();
        break;
    case P_AIO_READ:
        v[0] = aio_read(p, a);
        break;
    case P_AIO_WAIT:
        v[0] = aio_wait(p);
        break;
    case P_MALLOC:
        v[0] = use_malloc(a[0]);
        break;
    default: /* P_PING */
        v[0] = 0;
        break;
    }
}

int main(int argc, char **argv)
{
    static uint8_t buffer[65536] __attribute__((aligned(4096)));
    struct puppet p = {.buffer = buffer};
    struct puppet_order o;
    if (argc < 3)
        return 2;
    unsigned uid = (unsigned)atoi(argv[1]), allow = (unsigned)atoi(argv[2]);
    struct puppet_answer ready = {{weir_process_open(WEIR_FD_HV, &p.dom)}};
    if (!ready.v[0] && (allow & WEIR_SEAL_AIO))
        ready.v[0] = io_setup(8, &p.aio);
    for (int i = 3; !ready.v[0] && i < argc; i++)
        ready.v[0] = mistake(argv[i], &p.dom->window);
    if (!ready.v[0])
        ready.v[0] = weir_process_seal(p.dom, allow, uid, uid);
    if (!ready.v[0]) {
        p.port = weir_process_port(p.dom);
        ready.v[1] = p.dom->window.base == p.dom->window.ro_base;
    }
    if (write(0, &ready, sizeof(ready)) != sizeof(ready) || ready.v[0])
        return 1;
    while (read(0, &o, sizeof(o)) == sizeof(o)) {
        struct puppet_answer a = {{0}};
        obey(&p, &o, a.v);
        if (write(0, &a, sizeof(a)) != sizeof(a))
            break;
    }
    return 0;
}
