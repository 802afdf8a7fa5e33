/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored as domain 1.  The one start and stop that is waited for: the
 * manager has nothing else to do without a registry.
 */
#include "driverdomains/devd.h"
#include "driverdomains/sandbox.h"
#include "xenbus/socket.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STORE_MEMORY_MIB  4 /* rings it maps are the domains' own */
#define STORE_PRIVATE_MIB 512
#define CONNECT_MS        10000
#define CALL_NS           5000000000ull
#define STOP_POLL_MS      2000

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

static struct weir_dom *make_dom(struct weir_devd *d)
{
    struct weir_dom *dom = calloc(1, sizeof(*dom));

    if (!dom)
        return NULL;
    weir_domain_config_init(&dom->cfg);
    dom->devd = d;
    dom->domid = WEIR_STORE_DOMID;
    dom->phase = WEIR_PHASE_RUNNING;
    dom->exit_src.fd = dom->res_src.fd = -1;
    dom->log_src.fd = dom->load_src.fd = -1;
    dom->log.pipe_fd = dom->log.file_fd = -1;
    dom->created_ns = weir_devd_now();
    snprintf(dom->cfg.name, sizeof(dom->cfg.name), "xenstored");
    snprintf(dom->cfg.kernel, sizeof(dom->cfg.kernel), "%s/weir-xenstored",
             d->bin_dir);
    snprintf(dom->cfg.args[0], WEIR_CFG_ARG, "--uid=%u",
             WEIR_UID_BASE + WEIR_STORE_DOMID);
    snprintf(dom->cfg.args[1], WEIR_CFG_ARG, "--gid=%u",
             WEIR_UID_BASE + WEIR_STORE_DOMID);
    dom->cfg.nargs = 2;
    dom->cfg.memory_mib = STORE_MEMORY_MIB;
    dom->cfg.private_mib = STORE_PRIVATE_MIB;
    dom->next = d->doms;
    d->doms = dom;
    d->store = dom;
    return dom;
}

static int create(struct weir_devd *d, struct weir_dom *dom, int listen_fd,
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
    rc = weir_dom_start(dom, hv_fd, listen_fd, why);
    close(hv_fd);
    return rc;
}

static bool dead(const struct weir_dom *dom)
{
    struct pollfd p = {.fd = dom->exit_src.fd, .events = POLLIN};

    return poll(&p, 1, 10) > 0;
}

/* Running once sealed: until then the socket's queue would take a connection
 * that nobody serves. */
static int wait_sealed(struct weir_devd *d, struct weir_dom *dom)
{
    uint64_t end = weir_devd_now() + CONNECT_MS * 1000000ull;
    struct weir_hv_dominfo info;

    while (weir_devd_now() < end) {
        int rc = weir_hvctl_info(d->hv, dom->domid, &info);

        if (rc)
            return rc;
        if (info.state == WEIR_DOM_RUNNING) {
            dom->sealed = dom->ready = true;
            dom->start_us = (weir_devd_now() - dom->created_ns) / 1000;
            return 0;
        }
        if (info.state == WEIR_DOM_CRASHED || dead(dom)) {
            snprintf(dom->reason, sizeof(dom->reason), "%s", info.reason);
            return -ECHILD;
        }
    }
    return -ETIMEDOUT;
}

static int connect_store(struct weir_devd *d)
{
    char path[128];
    int rc;

    weir_instance_path(&d->in, "xenstored.sock", path, sizeof(path));
    rc = weir_xs_open_socket(&d->xs, path, NULL);
    if (rc)
        return rc;
    d->xs_open = true;
    d->xs.deadline_ns = CALL_NS;
    rc = weir_xs_mkdir(&d->xs, 0, "/local/domain");
    if (rc == 0)
        rc = weir_xs_write_key(&d->xs, 0, "/local/domain/0", "name",
                               "weir-devd");
    if (rc == 0)
        rc = weir_xs_write_u64(&d->xs, 0, "/local/domain/0", "domid", 0);
    if (rc == 0)
        rc = weir_xs_write_key(&d->xs, 0, "/local/domain/1", "name",
                               "xenstored");
    if (rc == 0)
        rc = weir_xs_write_u64(&d->xs, 0, "/local/domain/1", "domid", 1);
    return rc;
}

static void xs_ready(struct weir_source *s, uint32_t events)
{
    (void)s;
    (void)events; /* weir_reg_events runs after every event */
}

int weir_store_start(struct weir_devd *d)
{
    struct weir_refusal why = {.text = ""};
    struct weir_dom *dom = make_dom(d);
    int fd = dom ? listener(d) : -ENOMEM;
    int rc = fd < 0 ? fd : create(d, dom, fd, &why);

    if (fd >= 0)
        close(fd);
    if (rc == 0)
        rc = wait_sealed(d, dom);
    if (rc == 0)
        rc = connect_store(d);
    if (rc == 0)
        /* A copy, so that closing the source leaves the connection whole. */
        rc = weir_source_add(d, &d->xs_src, dup(d->xs.fd), xs_ready);
    if (rc)
        weir_devd_log("the registry did not start: %s%s%s: see %s",
                      why.text[0] ? why.text : strerror(-rc),
                      dom && dom->reason[0] ? ": " : "", dom ? dom->reason : "",
                      dom ? dom->log.path : "");
    return rc;
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
    weir_instance_path(&d->in, "xenstored.sock", path, sizeof(path));
    unlink(path);
}
