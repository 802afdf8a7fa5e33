/* SPDX-License-Identifier: MIT
 *
 * weir-hv: acquire everything, drop what is not needed, loop.
 */
#include "hypervisor/ctl.h"
#include "hypervisor/host.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#define EV_SIGNAL (UINT64_C(2) << 32)
#define EV_WAKE   (UINT64_C(3) << 32)

struct options {
    const char *state_dir;
    uint64_t memory;
};

static void usage(FILE *to)
{
    fputs("usage: weir-hv [--state-dir DIR] [--memory SIZE] [--check]\n"
          "  --state-dir DIR  where hv.sock is made (default /run/weir)\n"
          "  --memory SIZE    machine memory, with K, M, G or T (default 4G)\n"
          "  --check          say what this kernel lacks, and exit\n"
          "  --help, --version\n",
          to);
}

static int parse_size(const char *s, uint64_t *out)
{
    static const char unit[] = "KMGT";
    unsigned long long n;
    const char *u;
    char *end;

    errno = 0;
    n = strtoull(s, &end, 10);
    if (errno || end == s || *s == '-')
        return -EINVAL;
    u = *end ? strchr(unit, *end) : NULL;
    if (*end && (!u || end[1]))
        return -EINVAL;
    for (; u && u >= unit; u--) {
        if (n > UINT64_MAX / 1024)
            return -EINVAL;
        n *= 1024;
    }
    if (n < 1 << 20 || n > UINT64_C(1) << 40 || n % WEIR_PAGE_SIZE)
        return -EINVAL;
    *out = n;
    return 0;
}

/* Exits for --help, --version, --check and mistakes. */
static void parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"state-dir", required_argument, NULL, 's'},
        {"memory", required_argument, NULL, 'm'},
        {"check", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    int opt, kvm;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        switch (opt) {
        case 's':
            o->state_dir = optarg;
            break;
        case 'm':
            if (parse_size(optarg, &o->memory) < 0) {
                fprintf(stderr,
                        "weir-hv: --memory %s: not a size from 1M to 1T in "
                        "whole pages, as in 4G\n",
                        optarg);
                exit(2);
            }
            break;
        case 'c':
            opt = hv_host_check(stdout);
            hv_host_kvm(stdout, &kvm);
            exit(opt ? 1 : 0);
        case 'h':
            usage(stdout);
            exit(0);
        case 'v':
            puts("weir-hv " WEIR_VERSION);
            exit(0);
        default:
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        usage(stderr);
        exit(2);
    }
}

static int watch(int epoll, int fd, uint64_t what)
{
    struct epoll_event ev = {.events = EPOLLIN, .data.u64 = what};

    return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &ev) < 0 ? -errno : 0;
}

/* Threads inherit the mask: every signal comes to the loop. */
static int open_signals(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

/* Ends the domains one after the other, the youngest first: users before what
 * they use.  False when all are ended. */
static bool stop_next(struct hv_machine *m)
{
    struct hv_domain *next = NULL;

    pthread_mutex_lock(&m->lock);
    for (uint32_t id = 1; id <= WEIR_HV_DOMID_LAST; id++) {
        struct hv_domain *d = m->dom[id];

        if (d && !d->done && (!next || d->born_ns > next->born_ns))
            next = d;
    }
    if (next && !next->destroy) {
        next->destroy = true;
        if (!next->reason[0])
            strcpy(next->reason, "weir-hv stops");
        hv_domain_wake(next);
    }
    pthread_mutex_unlock(&m->lock);
    return next != NULL;
}

static void loop(struct hv_ctl *c, int epoll, int signals)
{
    bool stopping = false;

    for (;;) {
        struct epoll_event ev[16];
        int n = epoll_wait(epoll, ev, 16, -1);

        for (int i = 0; i < n; i++) {
            struct signalfd_siginfo si;
            uint64_t count;

            if (ev[i].data.u64 == EV_SIGNAL) {
                if (read(signals, &si, sizeof(si)) == sizeof(si) &&
                    si.ssi_signo != SIGHUP)
                    stopping = true;
            } else if (ev[i].data.u64 == EV_WAKE) {
                if (read(c->m->wake, &count, sizeof(count)) > 0)
                    hv_ctl_reap(c);
            } else if (ev[i].data.u64 == HV_CTL_LISTENER) {
                if (!stopping)
                    hv_ctl_accept(c);
            } else {
                hv_ctl_serve(c, (uint32_t)ev[i].data.u64);
            }
        }
        if (stopping && !stop_next(c->m))
            return;
    }
}

static int fail(const char *what, int rc)
{
    fprintf(stderr, "weir-hv: %s: %s\n", what, strerror(-rc));
    return 1;
}

int main(int argc, char **argv)
{
    static struct hv_machine machine;
    static struct hv_ctl ctl;
    struct options o = {"/run/weir", UINT64_C(4) << 30};
    char path[256];
    int rc, epoll, signals;

    parse(argc, argv, &o);
    if (hv_host_check(stderr))
        return 1;
    if (mkdir(o.state_dir, 0755) < 0 && errno != EEXIST)
        return fail(o.state_dir, -errno);
    snprintf(path, sizeof(path), "%s/hv.sock", o.state_dir);
    signals = open_signals();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    if (signals < 0 || epoll < 0)
        return fail("epoll", -errno);
    rc = hv_machine_init(&machine, o.memory);
    if (rc < 0)
        return fail("machine memory", rc);
    hv_host_kvm(NULL, &machine.kvm);
    machine.max_vmas = hv_host_mappings();
    rc = hv_ctl_init(&ctl, &machine, path, epoll);
    if (rc == -EADDRINUSE)
        fprintf(stderr,
                "weir-hv: another weir-hv serves %s: end it, or use "
                "another --state-dir\n",
                path);
    if (rc < 0)
        return rc == -EADDRINUSE ? 1 : fail(path, rc);
    rc = watch(epoll, signals, EV_SIGNAL);
    if (rc == 0)
        rc = watch(epoll, machine.wake, EV_WAKE);
    if (rc < 0)
        return fail("epoll", rc);
    if (!machine.mem.locked)
        hv_host_no_swap();
    hv_host_drop();
    rc = hv_stash_start(&ctl.stash);
    if (rc < 0)
        return fail("thread", rc);
    hv_host_notify("READY=1");
    loop(&ctl, epoll, signals);
    hv_host_notify("STOPPING=1");
    hv_ctl_fini(&ctl);
    hv_machine_fini(&machine);
    close(epoll);
    close(signals);
    return 0;
}
