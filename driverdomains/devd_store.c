/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored as domain 1: start, connection, stop.  The one domain whose
 * start and stop are waited for: the manager has nothing else to do without a
 * registry.
 */
#include "driverdomains/devd.h"
#include "driverdomains/sandbox.h"
#include "xenbus/socket.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

/* A limit, for its journal: a quarter of it is the largest registry. */
#define STORE_MEMORY_MIB  256
#define STORE_PRIVATE_MIB 512
#define CONNECT_MS        10000
#define STEP_MS           1
#define CALL_NS           5000000000ull
#define STOP_POLL_MS      2000
#define RESTART_DELAY     10 /* ms, doubled: who waits for it waits for all */

/* Made here: the sealed domain can open nothing.  Connections that come
 * before it listens wait in the queue. */
static int listener(struct weir_devd *d)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    mode_t mask;
    int rc;

    if (fd < 0)
        return -errno;
    weir_instance_path(&d->in, "xenstored.sock", a.sun_path,
                       sizeof(a.sun_path));
    unlink(a.sun_path);
    mask = umask(0177);
    rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 64) ? -errno
                                                                      : 0;
    umask(mask);
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

#ifdef WEIR_CRASH_STEPS
/* Of test programs: a file has the number of the next one's last point. */
static void last_point(struct weir_dom *dom)
{
    const char *path = getenv("WEIR_STORE_CRASH_FILE");
    FILE *f = path ? fopen(path, "re") : NULL;
    unsigned n;

    if (!f)
        return;
    if (fscanf(f, "%u", &n) == 1)
        snprintf(dom->cfg.args[dom->cfg.nargs++], WEIR_CFG_ARG,
                 "--crash-after=%u", n);
    fclose(f);
    unlink(path);
}
#else
static void last_point(struct weir_dom *dom)
{
    (void)dom;
}
#endif

int weir_store_program(struct weir_devd *d, int hv_fd, struct weir_refusal *why)
{
    struct weir_domain_config *c = &d->store->cfg;

    snprintf(c->args[0], WEIR_CFG_ARG, "--uid=%u",
             WEIR_UID_BASE + WEIR_STORE_DOMID);
    snprintf(c->args[1], WEIR_CFG_ARG, "--gid=%u",
             WEIR_UID_BASE + WEIR_STORE_DOMID);
    c->nargs = 2;
    last_point(d->store);
    return weir_dom_start(d->store, hv_fd, d->xs_listen, why);
}

struct weir_dom *weir_store_dom(struct weir_devd *d)
{
    struct weir_dom *dom = calloc(1, sizeof(*dom));

    if (!dom)
        return NULL;
    weir_domain_config_init(&dom->cfg);
    dom->devd = d;
    dom->domid = WEIR_STORE_DOMID;
    dom->phase = WEIR_PHASE_RUNNING;
    weir_dom_no_fds(dom);
    dom->created_ns = weir_devd_now();
    snprintf(dom->cfg.name, sizeof(dom->cfg.name), "xenstored");
    snprintf(dom->cfg.kernel, sizeof(dom->cfg.kernel), "%s/weir-xenstored",
             d->bin_dir);
    dom->cfg.memory_mib = STORE_MEMORY_MIB;
    dom->cfg.private_mib = STORE_PRIVATE_MIB;
    dom->cfg.on_crash = WEIR_ACTION_RESTART;
    dom->cfg.restart_limit = d->xs_restarts;
    dom->cfg.restart_delay = RESTART_DELAY;
    dom->cfg.heartbeat = 0;
    dom->next = d->doms;
    d->doms = dom;
    d->store = dom;
    return dom;
}

static int create(struct weir_devd *d, struct weir_dom *dom,
                  struct weir_refusal *why)
{
    const struct weir_hv_create how = {
        .name = dom->cfg.name,
        .domid = WEIR_STORE_DOMID,
        .max_frames = STORE_MEMORY_MIB * 256,
    };
    domid_t domid;
    int hv_fd;
    int rc = weir_hvctl_create(d->hv, &how, &domid, &hv_fd);

    if (rc)
        return weir_refuse(why, rc, "", "weir-hv refused domain 1: %s",
                           strerror(-rc));
    rc = weir_store_program(d, hv_fd, why);
    close(hv_fd);
    return rc;
}

static bool dead(const struct weir_dom *dom)
{
    struct pollfd p = {.fd = dom->exit_src.fd, .events = POLLIN};

    return poll(&p, 1, STEP_MS) > 0;
}

/* Running once sealed: until then the socket's queue would take a connection
 * that nobody serves. */
static int wait_sealed(struct weir_devd *d, struct weir_dom *dom, uint64_t end)
{
    struct weir_hv_dominfo info = {.reason = ""};

    while (weir_devd_now() < end) {
        int rc = weir_hvctl_info(d->hv, dom->domid, &info);

        if (rc)
            return rc;
        dom->revival.generation = info.generation;
        if (info.state == WEIR_DOM_RUNNING) {
            dom->sealed = dom->ready = true;
            return 0;
        }
        if (info.state == WEIR_DOM_CRASHED || dead(dom)) {
            snprintf(dom->reason, sizeof(dom->reason), "%s", info.reason);
            return -ECHILD;
        }
    }
    return -ETIMEDOUT;
}

/* As a socket does; but a connection that is in the queue when the program dies
 * stays there, unanswered. */
static int wait_alive(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    const struct weir_dom *dom = xs->context;
    struct pollfd p[2] = {
        {.fd = xs->fd, .events = (short)(POLLIN | (sending ? POLLOUT : 0))},
        {.fd = dom->exit_src.fd, .events = POLLIN},
    };

    if (poll(p, 2, (int)(timeout_ns / 1000000 + 1)) < 0 && errno != EINTR)
        return -errno;
    return p[1].revents && !p[0].revents ? -ECHILD : 0;
}

static int open_line(struct weir_devd *d, struct weir_dom *dom, int fd)
{
    int rc = weir_xs_open_fd(&d->xs, fd, NULL);

    d->xs_line = *d->xs.transport;
    d->xs_line.wait = wait_alive;
    d->xs.transport = &d->xs_line;
    d->xs.context = dom;
    d->xs.deadline_ns = CALL_NS;
    return rc;
}

/* Never for long: with the queue full of others a program that dies now would
 * be waited for in vain. */
static int dial(struct weir_devd *d, struct weir_dom *dom, uint64_t end)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int rc = fd < 0 ? -errno : -EAGAIN;

    weir_instance_path(&d->in, "xenstored.sock", a.sun_path,
                       sizeof(a.sun_path));
    while (rc == -EAGAIN) {
        rc = connect(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
        if (rc == -EAGAIN && dead(dom))
            rc = -ECHILD;
        if (rc == -EAGAIN && weir_devd_now() >= end)
            rc = -ETIMEDOUT;
    }
    if (rc == 0)
        rc = open_line(d, dom, fd);
    else if (fd >= 0)
        close(fd);
    return rc;
}

/* The manager's own nodes, which say too that what was in the registry is
 * there still. */
static int greet(struct weir_devd *d)
{
    struct weir_xs *xs = &d->xs;
    uint64_t v;
    int rc;

    if (d->greeted) {
        rc = weir_xs_read_u64(xs, 0, "/local/domain/1", "domid", &v);
        return rc == -ENOENT ? -ENODATA : rc;
    }
    rc = weir_xs_mkdir(xs, 0, "/local/domain");
    if (rc == 0)
        rc = weir_xs_write_key(xs, 0, "/local/domain/0", "name", "weir-devd");
    if (rc == 0)
        rc = weir_xs_write_u64(xs, 0, "/local/domain/0", "domid", 0);
    if (rc == 0)
        rc = weir_xs_write_key(xs, 0, "/local/domain/1", "name", "xenstored");
    if (rc == 0)
        rc = weir_xs_write_u64(xs, 0, "/local/domain/1", "domid", 1);
    d->greeted = rc == 0;
    return rc;
}

static int watch_all(struct weir_devd *d)
{
    int rc = 0;

    for (struct weir_dom *m = d->doms; m && rc == 0; m = m->next)
        if (m->watched)
            rc = weir_reg_watch(m);
    return rc;
}

static void xs_ready(struct weir_source *s, uint32_t events)
{
    (void)s;
    (void)events; /* weir_reg_events runs after every event */
}

int weir_store_serve(struct weir_devd *d)
{
    struct weir_dom *dom = d->store;
    uint64_t end = weir_devd_now() + CONNECT_MS * 1000000ull;
    int fd, rc = wait_sealed(d, dom, end);

    if (rc == 0)
        rc = dial(d, dom, end);
    if (rc)
        return rc;
    rc = greet(d);
    if (rc == 0)
        rc = watch_all(d);
    /* A copy, so that closing the source leaves the connection whole. */
    fd = rc ? rc : fcntl(d->xs.fd, F_DUPFD_CLOEXEC, 3);
    if (rc == 0)
        rc = fd < 0 ? -errno : weir_source_add(d, &d->xs_src, fd, xs_ready);
    if (rc) {
        if (fd >= 0)
            close(fd);
        weir_xs_close_socket(&d->xs);
        return rc;
    }
    d->xs_open = true;
    dom->revival.served_ns = weir_devd_now();
    return 0;
}

int weir_store_start(struct weir_devd *d)
{
    struct weir_refusal why = {.text = ""};
    struct weir_dom *dom = weir_store_dom(d);
    int rc = -ENOMEM;

    if (dom) {
        d->xs_listen = listener(d);
        rc = d->xs_listen < 0 ? d->xs_listen : create(d, dom, &why);
    }
    if (rc == 0)
        rc = weir_store_serve(d);
    if (dom)
        dom->start_us = (weir_devd_now() - dom->created_ns) / 1000;
    if (rc)
        weir_devd_log("the registry did not start: %s%s%s: see %s",
                      why.text[0] ? why.text : strerror(-rc),
                      dom && dom->reason[0] ? ": " : "", dom ? dom->reason : "",
                      dom ? dom->log.path : "");
    return rc;
}

int weir_store_adopt(struct weir_devd *d)
{
    struct weir_dom *dom = d->store;

    if (dom->exit_src.fd >= 0 && !dead(dom) && weir_store_serve(d) == 0)
        return 0;
    if (dom->exit_src.fd < 0 || dead(dom))
        weir_store_end_unknown(d);
    return weir_store_back(d);
}

void weir_store_stop(struct weir_devd *d)
{
    struct weir_dom *dom = d->store;
    char path[128];

    weir_source_close(d, &d->xs_src);
    if (d->xs_open)
        weir_xs_close_socket(&d->xs);
    d->xs_open = false;
    if (!dom)
        return;
    if (dom->exit_src.fd >= 0) {
        struct pollfd p = {.fd = dom->exit_src.fd, .events = POLLIN};
        char status[120];
        bool clean;

        weir_sandbox_kill(dom->exit_src.fd);
        poll(&p, 1, STOP_POLL_MS);
        weir_sandbox_reap(dom->exit_src.fd, status, sizeof(status), &clean);
        weir_source_close(d, &dom->exit_src);
    }
    weir_hvctl_destroy(d->hv, dom->domid);
    d->store = NULL;
    dom->phase = WEIR_PHASE_DYING;
    weir_dom_check_gone(dom);
    if (d->xs_listen >= 0)
        close(d->xs_listen);
    d->xs_listen = -1;
    weir_instance_path(&d->in, "xenstored.sock", path, sizeof(path));
    unlink(path);
}
