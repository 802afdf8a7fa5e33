/* SPDX-License-Identifier: MIT
 *
 * How a program becomes a process domain; the ops table of its port.
 */
#include "hypervisor/client/process_call.h"
#include "hypervisor/client/seal.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static const struct weir_port_ops process_ops = {
    .alloc_pages = weir_process_alloc,
    .free_pages = weir_process_free,
    .frame = weir_process_frame,
    .grant_table = weir_process_grant_table,
    .map = weir_process_map,
    .unmap = weir_process_unmap,
    .copy = weir_process_copy,
    .evtchn_alloc = weir_process_evtchn_alloc,
    .evtchn_bind = weir_process_evtchn_bind,
    .evtchn_close = weir_process_evtchn_close,
    .evtchn_notify = weir_process_evtchn_notify,
    .wait = weir_process_wait,
    .now_ns = weir_process_now,
    .log = weir_process_log,
    .evtchn_fd = weir_process_evtchn_fd,
    .evtchn_clear = weir_process_evtchn_clear,
    .keep = weir_process_keep,
    .forget_kept = weir_process_forget_kept,
};

static int say(struct weir_process *d, const char *step, const char *what,
               int rc)
{
    char line[256];

    snprintf(line, sizeof(line), "%s: %s (error %d)", step,
             what ? what : strerror(-rc), -rc);
    weir_process_log(&d->port, WEIR_LOG_ERROR, line);
    return rc;
}

/* Everything that is needed later is allocated here, before the seal. */
static int allocate(struct weir_process *d)
{
    uint64_t frames = d->hello.memory_bytes >> WEIR_PAGE_SHIFT;

    d->maps = mmap(NULL, frames * sizeof(*d->maps), PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (d->maps == MAP_FAILED)
        return -ENOMEM;
    d->ports = calloc(d->hello.max_ports + 1, sizeof(*d->ports));
    if (!d->ports)
        return -ENOMEM;
    for (uint32_t i = 0; i <= d->hello.max_ports; i++)
        d->ports[i].wait = d->ports[i].notify = -1;
    return 0;
}

static void fill_start(struct weir_process *d)
{
    struct weir_port_start *s = &d->port.start;
    const struct weir_hv_hello *h = &d->hello;

    s->domid = (domid_t)h->domid;
    if (h->store_frame) {
        s->store_page = weir_window_at(&d->window, h->store_frame, false);
        s->store_evtchn = h->store_evtchn;
    }
    s->console_page = weir_window_at(&d->window, h->console_frame, false);
    s->console_evtchn = h->console_evtchn;
    d->grant_frames = h->grant_frames;
}

static int hello(struct weir_process *d, int *memfd)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_HELLO,
        .len = WEIR_HV_HELLO_REQ,
        .credentials = true,
        .want = WEIR_HV_HELLO_REP,
    };
    uint8_t *a = weir_process_args(d);
    int rc;

    weir_put32(a, WEIR_HV_MAGIC);
    weir_put32(a + 4, WEIR_HV_VERSION);
    rc = weir_process_call(d, &m);
    if (rc < 0)
        return rc;
    *memfd = m.nfds == 1 ? m.fds[0] : -1;
    rc = weir_hv_get_hello(weir_process_result(d), m.want, &d->hello);
    if (rc == 0 && (*memfd < 0 || d->hello.max_ports > 65535))
        rc = -EPROTO;
    return rc;
}

static int hand_over_window(struct weir_process *d)
{
    const int fds[2] = {d->window.uffd, d->window.pagemap};
    struct weir_process_msg m = {
        .op = WEIR_HV_WINDOW,
        .len = WEIR_HV_WINDOW_REQ,
        .send_fds = fds,
        .nsend = 2,
    };
    uint8_t *a = weir_process_args(d);

    weir_put64(a, (uintptr_t)d->window.base);
    weir_put64(a + 8, (uintptr_t)d->window.ro_base);
    weir_put64(a + 16, d->window.size);
    return weir_process_call(d, &m);
}

/* Steps 2 to 5 of the seal sequence. */
static int make_window(struct weir_process *d)
{
    const char *what = NULL;
    int memfd = -1, rc;

    rc = hello(d, &memfd);
    if (rc < 0)
        return say(d, "weir-hv refused HELLO", NULL, rc);
    rc = weir_window_create(memfd, d->hello.memory_bytes, &d->window, &what);
    close(memfd);
    if (rc < 0)
        return say(d, "window", what, rc);
    rc = hand_over_window(d);
    if (rc < 0)
        return say(d, "weir-hv refused the window", NULL, rc);
    rc = weir_seal_keep(&d->window, &what);
    if (rc < 0)
        return say(d, "userfaultfd", what, rc);
    rc = allocate(d);
    if (rc == 0)
        fill_start(d);
    return rc;
}

int weir_process_open(int fd, struct weir_process **out)
{
    const int keep[2] = {fd, WEIR_FD_RESOURCE};
    const char *what = NULL;
    struct weir_process *d = calloc(1, sizeof(*d));
    int rc;

    if (!d)
        return -ENOMEM;
    d->port.ops = &process_ops;
    d->fd = fd;
    if (pthread_mutex_init(&d->lock, NULL)) {
        free(d);
        return -ENOMEM;
    }
    rc = weir_seal_begin(keep, 2, &what);
    if (rc < 0)
        say(d, "start", what, rc);
    else
        rc = make_window(d);
    /* On failure the program ends: a window half made can't be tried again. */
    if (rc == 0)
        *out = d;
    else
        free(d);
    return rc;
}

static unsigned number(const char *name, unsigned otherwise)
{
    const char *s = getenv(name);
    unsigned long n;
    char *end;

    if (!s || !*s)
        return otherwise;
    errno = 0;
    n = strtoul(s, &end, 10);
    return errno || *end || n > UINT32_MAX - 1 ? otherwise : (unsigned)n;
}

static unsigned threads(void)
{
    DIR *dir = opendir("/proc/self/task");
    unsigned n = 0;

    if (!dir)
        return 1;
    for (struct dirent *e; (e = readdir(dir));)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

/* Console and store event channels come with the answer. */
static int declare_sealed(struct weir_process *d, unsigned nthreads,
                          unsigned uid, unsigned gid)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_SEALED,
        .len = WEIR_HV_SEALED_REQ,
    };
    const evtchn_port_t port[2] = {d->hello.console_evtchn,
                                   d->hello.store_evtchn};
    uint8_t *a = weir_process_args(d);
    int rc;

    weir_put32(a, nthreads);
    weir_put32(a + 4, uid);
    weir_put32(a + 8, gid);
    weir_put32(a + 12, 0);
    rc = weir_process_call(d, &m);
    if (rc == 0 && (m.nfds != 2 * m.got || m.got > 2))
        rc = -EPROTO;
    for (unsigned i = 0; rc == 0 && i < m.got; i++)
        rc = weir_process_port_add(d, port[i], m.fds + (size_t)i * 2);
    return rc;
}

int weir_process_seal(struct weir_process *d, unsigned allow, unsigned uid,
                      unsigned gid)
{
    struct weir_seal s = {
        .window = &d->window,
        .hv_fd = d->fd,
        .allow = allow,
        .uid = uid,
        .gid = gid,
        .ppid = -1,
    };
    const char *what = NULL;
    unsigned nthreads, old_uid = getuid(), old_gid = getgid();
    int rc;

    if (d->sealed)
        return -EBUSY;
    if (uid == 0 && gid == 0) {
        s.uid = number("WEIR_UID", 0);
        s.gid = number("WEIR_GID", 0);
    }
    rc = weir_process_watch_life(d);
    if (rc < 0)
        return say(d, "seal",
                   "no thread to wait for weir-hv's end: it needs "
                   "one beside the program's own (max_pids)",
                   rc);
    nthreads = threads();
    weir_process_watch_faults(d);
    rc = weir_seal_enter(&s, &what);
    if (rc < 0)
        return say(d, "seal", what, rc);
    rc = declare_sealed(d, nthreads, s.uid ? s.uid : old_uid,
                        s.gid ? s.gid : old_gid);
    if (rc < 0)
        return say(d, "weir-hv refused the seal", NULL, rc);
    d->sealed = true;
    return 0;
}

struct weir_port *weir_process_port(struct weir_process *d)
{
    return &d->port;
}

int weir_process_set_stats(struct weir_process *d, const void *page)
{
    struct weir_process_msg m = {.op = WEIR_HV_STATS, .len = 8};
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_put64(weir_process_args(d),
               page ? weir_process_frame(&d->port, page) : 0);
    rc = weir_process_call(d, &m);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_io_query(struct weir_process *d, unsigned kind, uint64_t first,
                          uint64_t last)
{
    struct weir_process_msg m = {.op = WEIR_HV_IO_QUERY,
                                 .len = WEIR_HVCTL_IO_RANGE};
    const struct weir_io_range range = {
        .kind = (enum weir_io_kind)kind, .first = first, .last = last};
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_hvctl_put_range(weir_process_args(d), &range);
    rc = weir_process_call(d, &m);
    pthread_mutex_unlock(&d->lock);
    return rc;
}
