/* SPDX-License-Identifier: MIT */
#include "backends/xen/xen_run.h"

#include <cap-ng.h>
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "backends/common/stats_abi.h"
#include "backends/xen/xen_manager.h"
#include "hypervisor/client/seal.h"
#include "hypervisor/client/xen.h"
#include "xenbus/socket.h"

#define DEVICES    256u
#define DEV_QUEUES 4u       /* of one device */
#define UID        2000000u /* the backend's, unless WEIR_UID says otherwise */
#define STEP_MS    60000
#define FIRST_NS   10000000000u /* for the registry's first answer */

struct start {
    const struct weir_backend_program *prog;
    const struct weir_backend_options *o;
    domid_t domid;
    int channel; /* own end */
};

static int fail(const struct weir_backend_program *prog, const char *what,
                int err)
{
    fprintf(stderr, "%s: %s: %s\n", prog->name, what, strerror(-err));
    return 1;
}

static int fail_text(const struct weir_backend_program *prog, const char *text,
                     int err)
{
    fprintf(stderr, "%s: %s (%s)\n", prog->name, text, strerror(-err));
    return 1;
}

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);
    char *end;
    unsigned long v;

    if (s == NULL)
        return UID;
    v = strtoul(s, &end, 10);
    return *end == '\0' && v > 0 && v < UINT32_MAX ? (unsigned)v : UID;
}

/* ---- the backend -------------------------------------------------------- */

/* Event channels: a ring each, two of a split vif, and its control ring. */
static unsigned ports_for(unsigned queues)
{
    unsigned n = 3 * queues + 8;

    return n < WEIR_XEN_PORTS_MAX ? n : WEIR_XEN_PORTS_MAX;
}

/* The seal's rules name the resource channel by its number. */
static int take_channel(int fd)
{
    if (fd == WEIR_FD_RESOURCE)
        return 0;
    return dup2(fd, WEIR_FD_RESOURCE) < 0 ? -errno : 0;
}

static int seal(const struct start *s, int ppid)
{
    static const struct weir_window none; /* there is no window */
    const struct weir_seal how = {
        .window = &none,
        .hv_fd = WEIR_FD_RESOURCE,
        .allow = s->prog->seal | WEIR_SEAL_XEN,
        .uid = env_id("WEIR_UID"),
        .gid = env_id("WEIR_GID"),
        .ppid = ppid,
    };
    const char *what = "";
    int err = weir_seal_enter(&how, &what);

    return err != 0 ? fail_text(s->prog, what, err) : 0;
}

static int backend(const struct start *s, int ppid)
{
    static struct weir_xs xs;
    static struct weir_stats_page stats; /* for the backend's own sums */
    const int keep[1] = {WEIR_FD_RESOURCE};
    const struct weir_xen_config xcfg = {.domid = s->domid,
                                         .ports = ports_for(s->o->queues),
                                         .name = s->prog->name};
    struct weir_backend_config cfg = {.resource_fd = WEIR_FD_RESOURCE,
                                      .classes = s->prog->classes,
                                      .nclasses = s->prog->nclasses,
                                      .max_devs = DEVICES,
                                      .xs = &xs,
                                      .stats = &stats};
    const char *what = "";
    struct weir_xen *xen;
    int err = take_channel(s->channel);

    mallopt(M_ARENA_MAX, 1); /* a second arena calls mprotect */
    if (err == 0)
        err = weir_seal_begin(keep, 1, &what);
    if (err != 0)
        return fail_text(s->prog, what, err);
    err = weir_xen_open(&xcfg, &xen, &what);
    if (err != 0)
        return fail_text(s->prog, what, err);
    cfg.port = weir_xen_port(xen);
    err = weir_xs_open_device(&xs, NULL, cfg.port);
    if (err != 0)
        return fail(s->prog, "/dev/xen/xenbus", err);
    err = weir_backend_prepare(s->prog, s->o, &cfg);
    if (err == 0)
        err = seal(s, ppid);
    return err != 0 ? err : weir_backend_serve(s->prog, &cfg);
}

/* ---- the manager -------------------------------------------------------- */

static void manager_log(void *context, enum weir_log_level level,
                        const char *line)
{
    static const char *const kinds[] = {"error", "warning", "info", "debug"};
    const struct start *s = context;

    fprintf(stderr, "%s: %s: %s\n", s->prog->name, kinds[level], line);
}

/* What opening images and making taps takes, for root. */
static int shed(const struct start *s)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (capng_updatev(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED,
                      CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_KILL,
                      CAP_NET_ADMIN, -1) != 0 ||
        capng_apply(CAPNG_SELECT_BOTH) != 0)
        return fail_text(s->prog,
                         "capabilities cannot be dropped: start as "
                         "root",
                         -EPERM);
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(s->prog, "PR_SET_NO_NEW_PRIVS", -errno);
    return 0;
}

static enum weir_xen_hotplug hotplug_of(const char *word)
{
    if (strcmp(word, "script") == 0)
        return WEIR_XEN_HOTPLUG_SCRIPT;
    return strcmp(word, "self") == 0 ? WEIR_XEN_HOTPLUG_SELF
                                     : WEIR_XEN_HOTPLUG_AUTO;
}

static unsigned cpus(void)
{
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    return n < 1 ? 1 : n > (long)DEV_QUEUES ? DEV_QUEUES : (unsigned)n;
}

/* SIGTERM and SIGINT are passed on; true when the backend has ended. */
static bool signalled(int sigfd, pid_t child, int *status)
{
    struct signalfd_siginfo si;

    while (read(sigfd, &si, sizeof(si)) == (ssize_t)sizeof(si))
        if (si.ssi_signo != SIGCHLD)
            kill(child, SIGTERM);
    return waitpid(child, status, WNOHANG) == child;
}

static int status_of(const struct start *s, int status)
{
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "%s: the backend was killed by signal %d%s\n",
            s->prog->name, WTERMSIG(status),
            WTERMSIG(status) == SIGSYS ? ": its system call filter" : "");
    return 1;
}

static int manage(const struct start *s, struct weir_xs *xs, pid_t child,
                  int sigfd)
{
    const struct weir_xen_manager_config cfg = {
        .xs = xs,
        .channel = s->channel,
        .kind = s->prog->xen_kind,
        .hotplug = hotplug_of(s->o->hotplug),
        .domid = s->domid,
        .queues = cpus(),
        .max_devs = DEVICES,
        .log = manager_log,
        .context = (void *)(uintptr_t)s,
    };
    struct weir_xen_manager *m;
    int status = 0, err = shed(s);

    if (err == 0) {
        err = weir_xen_manager_new(&cfg, &m);
        if (err != 0)
            fail(s->prog, "watching the registry", err);
    }
    if (err == 0) {
        while (!signalled(sigfd, child, &status)) {
            err = weir_xen_manager_step(m, sigfd, STEP_MS);
            if (err < 0)
                break;
        }
        weir_xen_manager_free(m);
        if (err == 0)
            return status_of(s, status);
        if (err != -EPIPE) /* its end says why */
            fail(s->prog, "registry connection", err);
    }
    kill(child, SIGTERM);
    waitpid(child, &status, 0);
    return err == -EPIPE ? status_of(s, status) : 1;
}

/* ---- both --------------------------------------------------------------- */

/* The kernel's own backend would answer the same devices. */
static int check_alone(const struct weir_backend_program *prog)
{
    char path[64];

    snprintf(path, sizeof(path), "/sys/bus/xen-backend/drivers/%s",
             prog->xen_kind->name);
    if (access(path, F_OK) != 0)
        return 0;
    fprintf(stderr,
            "%s: %s: the kernel's own backend serves these devices: unload "
            "xen-%sback\n",
            prog->name, path,
            strcmp(prog->xen_kind->name, "vbd") == 0 ? "blk" : "net");
    return 1;
}

static int open_registry(const struct weir_backend_program *prog,
                         struct weir_xs *xs, domid_t *domid)
{
    char text[16];
    uint64_t v, patience;
    int err = weir_xs_open_device(xs, NULL, NULL);

    if (err != 0)
        return fail_text(prog,
                         err == -ENOENT
                             ? "/dev/xen/xenbus: no registry: start xenstored, "
                               "or load the module xenfs"
                             : "/dev/xen/xenbus cannot be opened: start as "
                               "root",
                         err);
    patience = xs->deadline_ns;
    xs->deadline_ns = FIRST_NS;
    err = weir_xs_read(xs, 0, "domid", text, sizeof(text));
    xs->deadline_ns = patience;
    v = err > 0 ? strtoull(text, NULL, 10) : UINT64_MAX;
    if (err > 0 && v < 32752) {
        *domid = (domid_t)v;
        return 0;
    }
    return fail_text(prog,
                     err == -ETIMEDOUT
                         ? "the registry does not answer: start xenstored"
                         : "the registry does not say this domain's number "
                           "(node domid): run xen-init-dom0 in dom0",
                     err < 0 ? err : -EINVAL);
}

int weir_xen_run(const struct weir_backend_program *prog,
                 const struct weir_backend_options *o)
{
    static struct weir_xs xs;
    struct start s = {.prog = prog, .o = o};
    int pair[2], ppid = getpid(), sigfd;
    sigset_t mask, old;
    pid_t child;

    if (check_alone(prog) != 0 || open_registry(prog, &xs, &s.domid) != 0)
        return 1;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return fail(prog, "resource channel", -errno);
    sigemptyset(&mask);
    sigaddset(&mask, SIGTERM);
    sigaddset(&mask, SIGINT);
    sigaddset(&mask, SIGCHLD);
    sigprocmask(SIG_BLOCK, &mask, &old);
    child = fork();
    if (child < 0)
        return fail(prog, "fork", -errno);
    if (child == 0) {
        s.channel = pair[1];
        sigprocmask(SIG_SETMASK, &old, NULL);
        exit(backend(&s, ppid));
    }
    close(pair[1]);
    s.channel = pair[0];
    sigfd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
    if (sigfd < 0)
        return fail(prog, "signalfd", -errno);
    return manage(&s, &xs, child, sigfd);
}
