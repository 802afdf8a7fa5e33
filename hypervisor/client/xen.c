/* SPDX-License-Identifier: MIT
 *
 * The xen port: open and close, own pages, clock and log.
 */
#include "hypervisor/client/xen_priv.h"

#include "ring/barrier.h"
#include "ring/error.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PERIOD_NS 1000000000u
#define LINES_MAX 50 /* a period */

uint64_t weir_xen_now(struct weir_port *p)
{
    struct timespec t;

    (void)p;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* How many lines were left out before this one; -1: leave it out too. */
static int admit(struct weir_xen *x)
{
    uint64_t now = weir_xen_now(&x->port);
    uint64_t since = weir_load_relaxed64(&x->log_since);

    if (now - since > PERIOD_NS &&
        weir_cmpxchg64(&x->log_since, since, now) == since)
        weir_store_relaxed32(&x->log_lines, 0);
    if (weir_fetch_add32(&x->log_lines, 1) >= LINES_MAX) {
        weir_fetch_add32(&x->log_dropped, 1);
        return -1;
    }
    return (int)weir_xchg32(&x->log_dropped, 0);
}

static void xen_log(struct weir_port *p, enum weir_log_level level,
                    const char *line)
{
    static const char *const kinds[] = {"error", "warning", "info", "debug"};
    struct weir_xen *x = weir_xen_of(p);
    const char *kind = level <= WEIR_LOG_DEBUG ? kinds[level] : "?";
    char buf[512];
    int dropped = admit(x), n;

    if (dropped < 0)
        return;
    if (dropped > 0)
        n = snprintf(buf, sizeof(buf), "%s: %s: %.400s (%d lines left out)\n",
                     x->name, kind, line, dropped);
    else
        n = snprintf(buf, sizeof(buf), "%s: %s: %.400s\n", x->name, kind, line);
    if (n > 0 && write(STDERR_FILENO, buf, (size_t)n) < 0)
        return;
}

/* The hypervisor's copies find own pages by their address. */
static int xen_alloc(struct weir_port *p, unsigned count, void **first)
{
    void *a;

    (void)p;
    if (count == 0)
        return -WEIR_EINVAL;
    a = mmap(NULL, (size_t)count * WEIR_PAGE_SIZE, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (a == MAP_FAILED)
        return -WEIR_ENOMEM;
    *first = a;
    return 0;
}

static void xen_free(struct weir_port *p, void *first, unsigned count)
{
    (void)p;
    munmap(first, (size_t)count * WEIR_PAGE_SIZE);
}

static mfn_t xen_frame(struct weir_port *p, const void *page)
{
    (void)p;
    (void)page;
    return 0;
}

static int xen_grant_table(struct weir_port *p, bool grow,
                           volatile struct weir_grant_entry_v1 **entries,
                           uint32_t *count)
{
    (void)p;
    (void)grow;
    (void)entries;
    (void)count;
    return -WEIR_EOPNOTSUPP;
}

static const struct weir_port_ops xen_ops = {
    .alloc_pages = xen_alloc,
    .free_pages = xen_free,
    .frame = xen_frame,
    .grant_table = xen_grant_table,
    .map = weir_xen_map,
    .unmap = weir_xen_unmap,
    .copy = weir_xen_copy,
    .evtchn_alloc = weir_xen_evtchn_alloc,
    .evtchn_bind = weir_xen_evtchn_bind,
    .evtchn_close = weir_xen_evtchn_close,
    .evtchn_notify = weir_xen_evtchn_notify,
    .wait = weir_xen_wait,
    .now_ns = weir_xen_now,
    .log = xen_log,
    .evtchn_fd = weir_xen_evtchn_fd,
    .evtchn_clear = weir_xen_evtchn_clear,
};

static void say_nothing(xentoollog_logger *l, xentoollog_level level,
                        int errnoval, const char *context, const char *format,
                        va_list al)
{
    (void)l;
    (void)level;
    (void)errnoval;
    (void)context;
    (void)format;
    (void)al;
}

static int open_gnttabs(struct weir_xen *x, const char **what)
{
    for (unsigned i = 0; i < WEIR_XEN_GNTTABS; i++) {
        x->gnttab[i] = xengnttab_open(&x->quiet, 0);
        if (x->gnttab[i] == NULL) {
            *what = "/dev/xen/gntdev cannot be opened: load the module "
                    "xen-gntdev and start as root";
            return -errno;
        }
    }
    return 0;
}

static int open_evtchns(struct weir_xen *x, const char **what)
{
    for (unsigned i = 0; i < x->nevtchns; i++) {
        struct weir_xen_evtchn *e = &x->evtchn[i];

        e->handle = xenevtchn_open(&x->quiet, 0);
        if (e->handle == NULL) {
            *what = errno == EMFILE
                        ? "an event channel each needs a descriptor: raise "
                          "the limit (ulimit -n), or use a smaller --queues"
                        : "/dev/xen/evtchn cannot be opened: load the module "
                          "xen-evtchn and start as root";
            return -errno;
        }
        e->fd = xenevtchn_fd(e->handle);
        if (fcntl(e->fd, F_SETFL, O_RDWR | O_NONBLOCK) != 0) {
            *what = "/dev/xen/evtchn cannot be made non-blocking";
            return -errno;
        }
    }
    return 0;
}

int weir_xen_open(const struct weir_xen_config *cfg, struct weir_xen **out,
                  const char **what)
{
    const char *text = "out of memory";
    struct weir_xen *x;
    int err;

    if (cfg->ports == 0 || cfg->ports > WEIR_XEN_PORTS_MAX)
        return -EINVAL;
    x = calloc(1, sizeof(*x) + cfg->ports * sizeof(x->evtchn[0]));
    if (x == NULL)
        return -ENOMEM;
    x->port.ops = &xen_ops;
    x->port.start.domid = cfg->domid;
    x->name = cfg->name;
    x->quiet.vmessage = say_nothing;
    x->nevtchns = cfg->ports;
    pthread_mutex_init(&x->lock, NULL);
    err = open_gnttabs(x, &text);
    if (err == 0)
        err = open_evtchns(x, &text);
    if (err == 0) {
        *out = x;
        return 0;
    }
    weir_xen_close(x);
    if (what != NULL)
        *what = text;
    return err;
}

struct weir_port *weir_xen_port(struct weir_xen *x)
{
    return &x->port;
}

void weir_xen_close(struct weir_xen *x)
{
    for (unsigned i = 0; i < WEIR_XEN_GNTTABS; i++)
        if (x->gnttab[i] != NULL)
            xengnttab_close(x->gnttab[i]);
    for (unsigned i = 0; i < x->nevtchns; i++)
        if (x->evtchn[i].handle != NULL)
            xenevtchn_close(x->evtchn[i].handle);
    pthread_mutex_destroy(&x->lock);
    free(x);
}
