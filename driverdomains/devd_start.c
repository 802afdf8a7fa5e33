/* SPDX-License-Identifier: MIT
 *
 * From a domain that weir-hv knows to its running program: log, control
 * group, sandbox.
 */
#include "driverdomains/devd.h"
#include "driverdomains/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define MIB (1024ull * 1024)

/* "5-disk": the number makes it unique, the name readable. */
static void group_name(const struct weir_dom *dom, char buf[64])
{
    snprintf(buf, 64, "%u-%.50s", dom->domid, dom->cfg.name);
}

int weir_dom_open_log(struct weir_dom *dom, int *write_end)
{
    struct weir_devd *d = dom->devd;
    char path[sizeof(dom->log.path)], file[WEIR_CFG_NAME + 16];
    int rc;

    snprintf(file, sizeof(file), "log/%s.log", dom->cfg.name);
    weir_instance_path(&d->in, file, path, sizeof(path));
    rc = weir_logsink_open(&dom->log, path, write_end);
    if (rc)
        return rc;
    rc =
        weir_source_add(d, &dom->log_src, dom->log.pipe_fd, weir_dom_log_ready);
    if (rc) {
        close(*write_end);
        weir_logsink_close(&dom->log);
    }
    return rc;
}

static int make_group(struct weir_dom *dom, const char *group, int *fd)
{
    const struct weir_cgroup_limits limits = {
        .memory = dom->cfg.private_mib * MIB,
        .cap = dom->cfg.cap,
        .weight = dom->cfg.cpu_weight,
        .pids = dom->cfg.max_pids,
    };

    return weir_cgroup_make(&dom->devd->cgroups, group, &limits, fd);
}

static int run(struct weir_dom *dom, struct weir_sandbox *s, const char **what)
{
    const char *argv[WEIR_CFG_ARGS + 2];
    const char *slash = strrchr(dom->cfg.kernel, '/');
    char root[WEIR_STATE_MAX + 8];
    uint32_t n = 0;
    int pidfd, rc;

    argv[n++] = slash ? slash + 1 : dom->cfg.kernel;
    for (uint32_t i = 0; i < dom->cfg.nargs && i < WEIR_CFG_ARGS; i++)
        argv[n++] = dom->cfg.args[i];
    argv[n] = NULL;
    weir_instance_path(&dom->devd->in, "root", root, sizeof(root));
    s->program = dom->cfg.kernel;
    s->argv = argv;
    s->hostname = dom->cfg.name;
    s->uid = s->gid = WEIR_UID_BASE + dom->domid;
    s->root = root;
    s->cgroups = &dom->devd->cgroups;
    rc = weir_sandbox_start(s, &dom->pid, &pidfd, what);
    if (rc)
        return rc;
    *what = "poll the program";
    rc = weir_source_add(dom->devd, &dom->exit_src, pidfd, weir_dom_exited);
    if (rc) {
        weir_sandbox_kill(pidfd);
        close(pidfd);
    }
    return rc;
}

int weir_dom_start(struct weir_dom *dom, int hv_fd, int resource_fd,
                   struct weir_refusal *why)
{
    struct weir_sandbox s = {.hv_fd = hv_fd, .resource_fd = resource_fd};
    const char *what = "open the log";
    char group[64];
    int rc = weir_dom_open_log(dom, &s.log_fd);

    s.cgroup_fd = -1;
    group_name(dom, group);
    s.cgroup = group;
    if (rc == 0) {
        what = "make the control group";
        rc = make_group(dom, group, &s.cgroup_fd);
        if (rc == 0)
            rc = run(dom, &s, &what);
        close(s.log_fd);
    }
    if (s.cgroup_fd >= 0)
        close(s.cgroup_fd);
    if (rc)
        weir_refuse(why, rc, "kernel", "%s: cannot start: %s: %s",
                    dom->cfg.kernel, what, strerror(-rc));
    return rc;
}

int weir_dom_start_process(struct weir_dom *dom, int hv_fd,
                           struct weir_refusal *why)
{
    int pair[2] = {-1, -1}, rc = 0;

    if (dom->cfg.driver_domain &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return weir_refuse(why, -errno, "name", "resource channel: %s",
                           strerror(errno));
    if (pair[0] >= 0) {
        /* A domain that does not read must not hold the manager up. */
        fcntl(pair[0], F_SETFL, O_NONBLOCK);
        rc = weir_source_add(dom->devd, &dom->res_src, pair[0],
                             weir_backend_event);
        if (rc) {
            weir_refuse(why, rc, "name", "resource channel: %s", strerror(-rc));
            close(pair[0]);
        }
    }
    if (rc == 0)
        rc = weir_dom_start(dom, hv_fd, pair[1], why);
    if (pair[1] >= 0)
        close(pair[1]);
    return rc;
}
