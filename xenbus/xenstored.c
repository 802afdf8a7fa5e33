/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored: options, socket, signals.
 */
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "ring/crash_point.h"
#include "xenbus/wire.h"
#include "xenbus/xenstored.h"

static volatile sig_atomic_t stop;
/* Whole lines at a time; given, because getting one would need fstat, which
 * the seal forbids. */
static char log_buffer[1024];

static void on_signal(int sig)
{
    (void)sig;
    stop = 1;
}

static void usage(FILE *to)
{
    fputs("usage: weir-xenstored --standalone --socket PATH [options]\n"
          "       weir-xenstored [options]     (started by weir-devd)\n"
          "\n"
          "  --standalone        serve a socket alone, without a hypervisor\n"
          "  --socket PATH       where to listen (with --standalone)\n"
          "  --quota NAME=VALUE  default of a per-domain quota; 0: no limit\n"
          "  --uid N, --gid N    identity to take when sealed\n"
          "  --help, --version\n",
          to);
}

struct options {
    bool standalone;
    const char *socket;
    unsigned uid, gid;
    uint64_t quota[WEIR_QUOTA_COUNT];
    bool quota_set[WEIR_QUOTA_COUNT];
};

static int parse_quota(struct options *o, const char *arg)
{
    const char *eq = strchr(arg, '=');

    for (int q = 0; eq && q < WEIR_QUOTA_COUNT; q++) {
        const char *name = weir_store_quota_name((enum weir_store_quota)q);

        if (strlen(name) == (size_t)(eq - arg) &&
            !memcmp(name, arg, strlen(name))) {
            o->quota_set[q] = true;
            return weir_xs_parse_u64(eq + 1, &o->quota[q]);
        }
    }
    return -EINVAL;
}

static int bad(const char *what, const char *arg)
{
    fprintf(stderr, "weir-xenstored: bad %s '%s'; see --help\n", what, arg);
    return 2;
}

/* -1: go on; else the exit code. */
static int parse(struct options *o, int argc, char **argv)
{
    static const struct option longs[] = {
        {"standalone", no_argument, NULL, 'S'},
        {"socket", required_argument, NULL, 's'},
        {"quota", required_argument, NULL, 'q'},
        {"uid", required_argument, NULL, 'u'},
        {"gid", required_argument, NULL, 'g'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'V'},
#ifdef WEIR_CRASH_STEPS
        {"crash-after", required_argument, NULL, 'K'}, /* of test programs */
#endif
        {0},
    };
    uint64_t v;
    int ch;

    while ((ch = getopt_long(argc, argv, "h", longs, NULL)) != -1) {
        switch (ch) {
        case 'S':
            o->standalone = true;
            break;
        case 's':
            o->socket = optarg;
            break;
        case 'q':
            if (parse_quota(o, optarg))
                return bad("quota", optarg);
            break;
        case 'u':
        case 'g':
            if (weir_xs_parse_u64(optarg, &v) || v > UINT32_MAX - 1)
                return bad("id", optarg);
            *(ch == 'u' ? &o->uid : &o->gid) = (unsigned)v;
            break;
#ifdef WEIR_CRASH_STEPS
        case 'K':
            if (weir_xs_parse_u64(optarg, &v))
                return bad("number", optarg);
            weir_crash_after(v);
            break;
#endif
        case 'h':
            usage(stdout);
            return 0;
        case 'V':
            puts("weir-xenstored " WEIR_VERSION);
            return 0;
        default:
            usage(stderr);
            return 2;
        }
    }
    if (optind != argc)
        return bad("argument", argv[optind]);
    if (o->standalone != !!o->socket) {
        usage(stderr);
        return 2;
    }
    return -1;
}

int weir_xsd_owner_of(struct weir_xsd *x, int fd)
{
    struct ucred cred;
    socklen_t len = sizeof(cred);

    /* Of a listening socket these are the credentials of who listens. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len))
        return -errno;
    x->owner = cred.uid;
    x->check_peer = true;
    return 0;
}

/* A socket file nobody listens on is what a killed predecessor left. */
static int clear_stale(const struct sockaddr_un *a)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), r = 0;

    if (fd < 0)
        return -errno;
    if (!connect(fd, (const struct sockaddr *)a, sizeof(*a)))
        r = -EADDRINUSE;
    else if (errno == ECONNREFUSED && unlink(a->sun_path))
        r = -errno;
    close(fd);
    return r;
}

static int listen_at(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    mode_t mask;
    int fd, r;

    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    strcpy(a.sun_path, path);
    r = clear_stale(&a);
    if (r)
        return r;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    mask = umask(0177);
    r = bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
    umask(mask);
    if (!r && listen(fd, 64))
        r = -errno;
    if (r) {
        close(fd);
        return r;
    }
    return fd;
}

static int stand_alone(struct weir_xsd *x, const char *path)
{
    int fd = listen_at(path), r;

    if (fd < 0) {
        fprintf(stderr, "weir-xenstored: cannot listen on %s: %s\n", path,
                strerror(-fd));
        return fd;
    }
    r = weir_xsd_owner_of(x, fd);
    return r ? r : weir_xsd_init(x, fd);
}

int main(int argc, char **argv)
{
    struct sigaction sa = {.sa_handler = on_signal};
    struct options o = {0};
    struct weir_xsd *x;
    int r = parse(&o, argc, argv);

    if (r >= 0)
        return r;
    x = calloc(1, sizeof(*x));
    if (!x)
        return 1;
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGINT, &sa, NULL);
    setvbuf(stderr, log_buffer, _IOLBF, sizeof(log_buffer));
    r = o.standalone ? stand_alone(x, o.socket)
                     : weir_xsd_become_domain(x, o.uid, o.gid);
    if (r)
        return 1;
    for (int q = 0; q < WEIR_QUOTA_COUNT; q++)
        if (o.quota_set[q])
            weir_store_set_quota(x->store, (enum weir_store_quota)q,
                                 o.quota[q]);
    r = weir_xsd_journal(x);
    if (r)
        return 1;
    r = weir_xsd_run(x, &stop);
    if (r)
        fprintf(stderr, "weir-xenstored: %s\n", strerror(-r));
    weir_xsd_fini(x);
    if (o.standalone)
        unlink(o.socket);
    free(x);
    return r ? 1 : 0;
}
