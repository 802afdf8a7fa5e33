/* SPDX-License-Identifier: MIT */
#include "backends/common/domain_main.h"

#include <errno.h>
#include <getopt.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "backends/common/qthread.h"
#include "backends/common/stats.h"
#include "hypervisor/client/process.h"

#define QUEUES_MAX  64
#define SPIN_US_MAX 1000

struct options {
    unsigned queues;
    uint64_t spin_ns;
};

static struct weir_backend *running; /* for the signal handler alone */

static void on_term(int sig)
{
    (void)sig;
    if (running != NULL)
        weir_backend_stop(running);
}

static void usage(const struct weir_backend_program *prog, FILE *to)
{
    fprintf(to,
            "Usage: %s [--queues N] [--spin-us N]\n"
            "%s\n\n"
            "Started by weir-devd with descriptor 3 (weir-hv) and 4 (resource "
            "channel).\n"
            "  --queues N   queue threads of all devices together (%u)\n"
            "  --spin-us N  poll so long after the last work (%u)\n"
            "  --help, --version\n",
            prog->name, prog->summary, prog->queues,
            WEIR_QTHREAD_SPIN_NS / 1000);
}

static bool number(const char *s, unsigned long max, unsigned long *out)
{
    char *end;

    errno = 0;
    *out = strtoul(s, &end, 10);
    return errno == 0 && *s >= '0' && *s <= '9' && *end == '\0' && *out <= max;
}

/* -1: go on; otherwise the exit status. */
static int parse(int argc, char **argv, const struct weir_backend_program *prog,
                 struct options *o)
{
    static const struct option longs[] = {{"queues", 1, NULL, 'q'},
                                          {"spin-us", 1, NULL, 's'},
                                          {"help", 0, NULL, 'h'},
                                          {"version", 0, NULL, 'V'},
                                          {NULL, 0, NULL, 0}};
    unsigned long v;
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
        if (c == 'q' && number(optarg, QUEUES_MAX, &v) && v > 0) {
            o->queues = (unsigned)v;
        } else if (c == 's' && number(optarg, SPIN_US_MAX, &v)) {
            o->spin_ns = v * 1000;
        } else {
            usage(prog, stderr);
            return 2;
        }
    }
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

static int serve(const struct weir_backend_program *prog,
                 struct weir_process *process, struct weir_backend_config *cfg)
{
    static struct weir_xs xs;
    void *page;
    int err = weir_xs_open_ring(&xs, cfg->port);

    if (err != 0)
        return fail(prog, "registry ring", err);
    cfg->xs = &xs;
    err = cfg->port->ops->alloc_pages(cfg->port, 1, &page);
    if (err != 0)
        return fail(prog, "statistics page", err);
    cfg->stats = page;
    weir_stats_init(cfg->stats, cfg->port->ops->now_ns(cfg->port));
    err = weir_process_set_stats(process, page);
    if (err != 0)
        return fail(prog, "publishing the statistics page", err);
    err = weir_backend_new(cfg, &running);
    if (err != 0)
        return fail(prog, "watching the registry", err);
    err = weir_backend_run(running);
    weir_backend_free(running);
    running = NULL;
    return err == 0 ? 0 : fail(prog, "registry connection", err);
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

int weir_backend_main(int argc, char **argv,
                      const struct weir_backend_program *prog)
{
    struct options o = {.queues = prog->queues,
                        .spin_ns = WEIR_QTHREAD_SPIN_NS};
    struct weir_backend_config cfg = {.resource_fd = WEIR_FD_RESOURCE,
                                      .classes = prog->classes,
                                      .nclasses = prog->nclasses};
    struct weir_process *process;
    int err = parse(argc, argv, prog, &o);

    if (err >= 0)
        return err;
    mallopt(M_ARENA_MAX, 1); /* a second arena calls mprotect */
    signals();
    err = weir_process_open(WEIR_FD_HV, &process);
    if (err != 0)
        return fail(prog, "descriptor 3 (weir-hv)", err);
    cfg.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (cfg.wake_fd < 0)
        return fail(prog, "eventfd", -errno);
    err = prog->start != NULL ? prog->start(o.spin_ns, &cfg.context) : 0;
    if (err != 0)
        return fail(prog, "set-up", err);
    err = weir_qpool_new(o.queues, prog->prepare, prog->unprepare, &cfg.pool);
    if (err != 0)
        return fail_threads(prog, o.queues, err);
    err = weir_process_seal(process, prog->seal, env_id("WEIR_UID"),
                            env_id("WEIR_GID"));
    if (err != 0)
        return fail(prog, "seal", err);
    cfg.port = weir_process_port(process);
    return serve(prog, process, &cfg);
}
