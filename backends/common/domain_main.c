/* SPDX-License-Identifier: MIT */
#include "backends/common/domain_main.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backends/common/crash_point.h"
#include "backends/common/qthread.h"
#include "backends/common/stats.h"
#include "hypervisor/client/process.h"

#define QUEUES_MAX  64
#define SPIN_US_MAX 1000

static struct weir_backend *running; /* for the signal handler alone */

static void on_term(int sig)
{
    (void)sig;
    if (running != NULL)
        weir_backend_stop(running);
}

static void usage(const struct weir_backend_program *prog, FILE *to)
{
    fprintf(
        to,
        "Usage: %s [OPTION]...\n"
        "%s\n\n"
        "Started by weir-devd with descriptor 3 (weir-hv) and 4 (resource "
        "channel), or\n"
        "in a Linux domain on Xen's ABI.\n"
        "  --queues N       queue threads of all devices together (%u; "
        "xen: %u)\n"
        "  --spin-us N      poll so long after the last work (%u)\n"
        "  --platform NAME  process or xen; else xen where /dev/xen/gntdev "
        "is and\n"
        "                   descriptor 3 is no socket\n"
        "  --hotplug WHO    xen: who opens disks and joins bridges: script, "
        "self, or\n"
        "                   auto: a script where a device has one "
        "(default)\n"
        "  --help, --version\n",
        prog->name, prog->summary, prog->queues, prog->xen_queues,
        WEIR_QTHREAD_SPIN_NS / 1000);
}

static bool number(const char *s, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(s, &end, 10);
    return errno == 0 && *s >= '0' && *s <= '9' && *end == '\0' && *out <= max;
}

/* Where nobody says: weir-devd hands a socket to weir-hv over. */
static bool on_xen(void)
{
    struct stat st;

    return !(fstat(WEIR_FD_HV, &st) == 0 && S_ISSOCK(st.st_mode)) &&
           access("/dev/xen/gntdev", F_OK) == 0;
}

static bool one_of(const char *word, const char *const *words)
{
    while (*words != NULL && strcmp(word, *words) != 0)
        words++;
    return *words != NULL;
}

/* The value of a long option; false: not one it can have. */
static bool take(int c, const char *value, struct weir_backend_options *o)
{
    static const char *const platforms[] = {"process", "xen", NULL};
    static const char *const who[] = {"auto", "script", "self", NULL};
    unsigned long v;

    switch (c) {
    case 'q':
        if (!number(value, QUEUES_MAX, &v) || v == 0)
            return false;
        o->queues = (unsigned)v;
        return true;
    case 's':
        if (!number(value, SPIN_US_MAX, &v))
            return false;
        o->spin_ns = v * 1000;
        return true;
    case 'p':
        o->xen = strcmp(value, "xen") == 0;
        return one_of(value, platforms);
    case 'H':
        o->hotplug = value;
        return one_of(value, who);
#ifdef WEIR_CRASH_STEPS
    case 'K':
        if (!number(value, ULONG_MAX, &v) || v == 0)
            return false;
        weir_crash_after(v);
        return true;
#endif
    default:
        return false;
    }
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, const struct weir_backend_program *prog,
                 struct weir_backend_options *o)
{
    static const struct option longs[] = {
        {"queues", 1, NULL, 'q'},
        {"spin-us", 1, NULL, 's'},
        {"platform", 1, NULL, 'p'},
        {"hotplug", 1, NULL, 'H'},
        {"help", 0, NULL, 'h'},
        {"version", 0, NULL, 'V'},
#ifdef WEIR_CRASH_STEPS
        {"crash-after", 1, NULL, 'K'}, /* hidden: of test programs */
#endif
        {NULL, 0, NULL, 0}};
    int c;

    while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (c == 'h') {
            usage(prog, stdout);
            return 0;
        }
        if (c == 'V') {
            printf("%s %s\n", prog->name, WEIR_VERSION);
            return 0;
        }
        if (!take(c, optarg, o)) {
            usage(prog, stderr);
            return 2;
        }
    }
    if (o->queues == 0)
        o->queues = o->xen ? prog->xen_queues : prog->queues;
    if (optind == argc)
        return -1;
    usage(prog, stderr);
    return 2;
}

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);
    unsigned long v;

    return s != NULL && number(s, UINT32_MAX - 1, &v) ? (unsigned)v : 0;
}

static int fail(const struct weir_backend_program *prog, const char *what,
                int err)
{
    fprintf(stderr, "%s: %s: %s\n", prog->name, what, strerror(-err));
    return 1;
}

/* Threads are short, or what prepare takes for each. */
static int fail_threads(const struct weir_backend_program *prog,
                        unsigned queues, int err)
{
    if (err != -EAGAIN)
        return fail(prog, "queue threads", err);
    fprintf(stderr,
            "%s: %u queue threads: %s: %s%sraise max_pids= of the domain, or "
            "start with a smaller --queues\n",
            prog->name, queues, strerror(-err),
            prog->prepare_remedy ? prog->prepare_remedy : "",
            prog->prepare_remedy ? ", " : "");
    return 1;
}

int weir_backend_serve(const struct weir_backend_program *prog,
                       struct weir_backend_config *cfg)
{
    int err;

    weir_stats_take_over(cfg->stats, cfg->port->ops->now_ns(cfg->port));
    err = weir_backend_new(cfg, &running);
    if (err != 0)
        return fail(prog, "watching the registry", err);
    weir_qpool_on_wait(cfg->pool, weir_backend_alive, running);
    err = weir_backend_run(running);
    /* A successor goes on where this ends, as if it had been killed. */
    if (err != 0 && cfg->port->ops->keep != NULL)
        return fail(prog, "registry connection", err);
    weir_backend_free(running);
    running = NULL;
    return err == 0 ? 0 : fail(prog, "registry connection", err);
}

/* The registry and the statistics page are weir-hv's. */
static int serve(const struct weir_backend_program *prog,
                 struct weir_process *process, struct weir_backend_config *cfg)
{
    static struct weir_xs xs;
    bool shown;
    int err = weir_xs_open_ring(&xs, cfg->port);

    if (err != 0)
        return fail(prog, "registry ring", err);
    cfg->xs = &xs;
    cfg->stats = weir_stats_open(cfg->port, &shown);
    err = shown ? weir_process_set_stats(process, cfg->stats) : 0;
    if (err != 0)
        return fail(prog, "publishing the statistics page", err);
    return weir_backend_serve(prog, cfg);
}

static void signals(void)
{
    struct sigaction sa;

    memset(&sa, 0, sizeof(sa));
    sa.sa_handler = on_term;
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    sa.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &sa, NULL);
}

int weir_backend_prepare(const struct weir_backend_program *prog,
                         const struct weir_backend_options *o,
                         struct weir_backend_config *cfg)
{
    int err;

    signals();
    cfg->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cfg->wake_fd < 0)
        return fail(prog, "eventfd", -errno);
    err = prog->start != NULL ? prog->start(o->spin_ns, &cfg->context) : 0;
    if (err != 0)
        return fail(prog, "set-up", err);
    err = weir_qpool_new(o->queues, prog->prepare, prog->unprepare, &cfg->pool);
    return err != 0 ? fail_threads(prog, o->queues, err) : 0;
}

static int run_process(const struct weir_backend_program *prog,
                       const struct weir_backend_options *o)
{
    struct weir_backend_config cfg = {.resource_fd = WEIR_FD_RESOURCE,
                                      .classes = prog->classes,
                                      .nclasses = prog->nclasses};
    struct weir_process *process;
    int err;

    mallopt(M_ARENA_MAX, 1); /* a second arena calls mprotect */
    err = weir_process_open(WEIR_FD_HV, &process);
    if (err != 0)
        return fail(prog, "descriptor 3 (weir-hv)", err);
    err = weir_backend_prepare(prog, o, &cfg);
    if (err != 0)
        return err;
    err = weir_process_seal(process, prog->seal, env_id("WEIR_UID"),
                            env_id("WEIR_GID"));
    if (err != 0)
        return fail(prog, "seal", err);
    cfg.port = weir_process_port(process);
    return serve(prog, process, &cfg);
}

int weir_backend_main(int argc, char **argv,
                      const struct weir_backend_program *prog)
{
    struct weir_backend_options o = {
        .spin_ns = WEIR_QTHREAD_SPIN_NS, .xen = on_xen(), .hotplug = "auto"};
    int err = parse(argc, argv, prog, &o);

    if (err >= 0)
        return err;
    if (!o.xen)
        return run_process(prog, &o);
    if (prog->xen_run != NULL)
        return prog->xen_run(prog, &o);
    fprintf(stderr,
            "%s: built without Xen's libraries: install libxen-dev and build "
            "it again\n",
            prog->name);
    return 1;
}
