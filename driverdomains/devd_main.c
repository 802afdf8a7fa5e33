/* SPDX-License-Identifier: MIT
 *
 * weir-devd: options, what it needs, the loop, and what it takes away.
 */
#include "driverdomains/devd.h"
#include "driverdomains/devd_filter.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void usage(FILE *to)
{
    fputs("usage: weir-devd [--state-dir DIR] [--registry-restarts N]\n"
          "       weir-devd [--state-dir DIR] --clean\n"
          "Builds domains and their devices; tools talk to it over "
          "DIR/devd.sock.\n"
          "weir-hv must be running.\n"
          "  --state-dir DIR  default " WEIR_STATE_DIR "\n"
          "  --registry-restarts N\n"
          "                   of weir-xenstored in 60 s before the instance "
          "ends; 0: no\n"
          "                   limit; default 10\n"
          "  --clean          remove the packet filters that a killed manager "
          "left, and end\n"
          "  --help, --version\n",
          to);
}

static const char *parse(int argc, char **argv, struct weir_devd *d,
                         bool *clean)
{
    static const struct option longs[] = {
        {"state-dir", required_argument, NULL, 's'},
        {"registry-restarts", required_argument, NULL, 'r'},
        {"clean", no_argument, NULL, 'c'},
        {"help", no_argument, NULL, 'h'},
        {"version", no_argument, NULL, 'v'},
        {0},
    };
    const char *dir = WEIR_STATE_DIR;
    uint64_t n = WEIR_CFG_DEFAULT_LIMIT;
    int opt;

    while ((opt = getopt_long(argc, argv, "", longs, NULL)) != -1) {
        if (opt == 's') {
            dir = optarg;
        } else if (opt == 'r' &&
                   !weir_cfg_u64(optarg, 0, WEIR_RESTART_LIMIT_MAX, &n)) {
            continue;
        } else if (opt == 'c') {
            *clean = true;
        } else if (opt == 'h') {
            usage(stdout);
            exit(0);
        } else if (opt == 'v') {
            puts("weir-devd " WEIR_VERSION);
            exit(0);
        } else {
            usage(stderr);
            exit(2);
        }
    }
    if (optind < argc) {
        usage(stderr);
        exit(2);
    }
    d->xs_restarts = (uint32_t)n;
    return dir;
}

static int make_dir(struct weir_devd *d, const char *name)
{
    char path[128];

    weir_instance_path(&d->in, name, path, sizeof(path));
    return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

/* One manager a state directory. */
static int lock(struct weir_devd *d)
{
    char path[128];
    int rc;

    weir_instance_path(&d->in, "devd.lock", path, sizeof(path));
    d->lock_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (d->lock_fd < 0)
        return -errno;
    if (flock(d->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    rc = -errno;
    close(d->lock_fd); /* another's: nothing here is ours to remove */
    d->lock_fd = -1;
    return rc;
}

static int prepare_dirs(struct weir_devd *d, const char *dir)
{
    ssize_t n = readlink("/proc/self/exe", d->bin_dir, sizeof(d->bin_dir) - 1);
    int rc = weir_instance_init(&d->in, dir);

    if (n < 0)
        return -errno;
    d->bin_dir[n] = '\0';
    *strrchr(d->bin_dir, '/') = '\0';
    if (rc == 0 && mkdir(d->in.state_dir, 0755) && errno != EEXIST)
        rc = -errno;
    if (rc == 0)
        rc = make_dir(d, "log");
    if (rc == 0)
        rc = make_dir(d, "root");
    if (rc) {
        weir_devd_log("%s: %s: choose another --state-dir", dir, strerror(-rc));
        return rc;
    }
    rc = lock(d);
    if (rc == -EWOULDBLOCK)
        weir_devd_log("%s: another weir-devd serves it: use another "
                      "--state-dir, or `weir down` first",
                      d->in.state_dir);
    else if (rc)
        weir_devd_log("%s/devd.lock: %s", d->in.state_dir, strerror(-rc));
    return rc;
}

static void signal_ready(struct weir_source *s, uint32_t events)
{
    struct weir_devd *d = weir_container(s, struct weir_devd, signal_src);
    struct signalfd_siginfo info;

    (void)events;
    if (read(s->fd, &info, sizeof(info)) == sizeof(info))
        weir_devd_stop(d);
}

static int open_signals(struct weir_devd *d)
{
    sigset_t set;
    int fd;

    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return fd < 0 ? -errno
                  : weir_source_add(d, &d->signal_src, fd, signal_ready);
}

static void hv_ready(struct weir_source *s, uint32_t events)
{
    struct weir_devd *d = weir_container(s, struct weir_devd, hv_src);
    struct weir_hv_dominfo info = {0};
    int rc = weir_hvctl_next_event(d->hv_events, &info);

    (void)events;
    if (rc >= 0) {
        weir_dom_hv_event(d, &info);
    } else if (rc != -EAGAIN && rc != -ETIMEDOUT) {
        weir_devd_log("weir-hv is gone (%s): all domains are dead",
                      strerror(-rc));
        weir_source_close(d, s);
        d->exit_code = 1;
        weir_devd_stop(d);
    }
}

static int open_hv(struct weir_devd *d)
{
    char path[128];
    int rc, fd;

    weir_instance_path(&d->in, "hv.sock", path, sizeof(path));
    rc = weir_hvctl_open(path, &d->hv);
    if (rc == 0)
        rc = weir_hvctl_open(path, &d->hv_events);
    if (rc == 0)
        rc = weir_hvctl_subscribe(d->hv_events);
    if (rc) {
        weir_devd_log("%s: %s: start weir-hv first (weir up does)", path,
                      strerror(-rc));
        return rc;
    }
    /* A copy: the handle closes its own. */
    fd = fcntl(weir_hvctl_fd(d->hv_events), F_DUPFD_CLOEXEC, 3);
    return fd < 0 ? -errno : weir_source_add(d, &d->hv_src, fd, hv_ready);
}

/* Of a manager that was killed before it left any record: without a registry
 * nobody can go on. */
static void end_orphans(struct weir_devd *d)
{
    struct weir_hv_dominfo i;
    domid_t first = 0;
    unsigned n;

    while (weir_hvctl_list(d->hv, first, &i, 1, &n) == 0 && n == 1) {
        int rc = weir_hvctl_destroy(d->hv, i.domid);

        weir_devd_log("domain %u (%s) of a killed manager: %s", i.domid, i.name,
                      rc ? strerror(-rc) : "ended");
        first = (domid_t)(i.domid + 1);
    }
}

/* systemd's Type=notify, without its library. */
static void notify(const char *state)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd;

    if (!path || !*path || strlen(path) >= sizeof(a.sun_path))
        return;
    memcpy(a.sun_path, path, strlen(path));
    if (a.sun_path[0] == '@')
        a.sun_path[0] = '\0';
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    sendto(fd, state, strlen(state), MSG_NOSIGNAL, (struct sockaddr *)&a,
           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path)));
    close(fd);
}

static int begin(struct weir_devd *d)
{
    int rc;

    weir_filter_clear(d); /* of a manager that was killed */
    rc = weir_store_start(d);
    if (rc == 0)
        weir_record_sync(d);
    return rc;
}

static int acquire(struct weir_devd *d, const char *dir)
{
    int rc;

    if (geteuid() != 0) {
        weir_devd_log("must be run as root: it makes namespaces, control "
                      "groups and taps");
        return -EPERM;
    }
    rc = prepare_dirs(d, dir);
    if (rc)
        return rc;
    d->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    rc = d->epoll_fd < 0 ? -errno : open_signals(d);
    if (rc == 0)
        rc = open_hv(d);
    if (rc)
        return rc;
    d->taken_over = weir_recover_wanted(d);
    if (!d->taken_over)
        end_orphans(d);
    rc = weir_devd_groups(d);
    if (rc)
        return rc;
    rc = d->taken_over ? weir_recover(d) : begin(d);
    if (rc)
        return rc;
    rc = weir_devd_listen(d);
    if (rc)
        weir_devd_log("%s/devd.sock: %s", d->in.state_dir, strerror(-rc));
    return rc;
}

/* For `weir down`, when no manager is left to do it. */
static int clean(struct weir_devd *d, const char *dir)
{
    int rc = weir_instance_init(&d->in, dir);

    if (rc == 0)
        rc = lock(d);
    if (rc) {
        weir_devd_log("%s: %s: nothing is removed", dir, strerror(-rc));
        return 1;
    }
    weir_filter_clear(d);
    close(d->lock_fd);
    return 0;
}

static void remove_all(struct weir_devd *d)
{
    char path[128];

    if (d->lock_fd < 0)
        return;
    if (d->hv)
        weir_store_stop(d);
    weir_devd_answer(d, &d->downer, 0, 0, NULL, NULL);
    weir_devd_unlisten(d);
    weir_source_close(d, &d->hv_src);
    weir_source_close(d, &d->signal_src);
    if (d->hv_events)
        weir_hvctl_close(d->hv_events);
    if (d->hv)
        weir_hvctl_close(d->hv);
    weir_cgroups_remove(&d->cgroups);
    weir_filter_clear(d);
    weir_instance_path(&d->in, "root", path, sizeof(path));
    rmdir(path);
    weir_instance_path(&d->in, "devd.lock", path, sizeof(path));
    unlink(path);
    close(d->lock_fd);
    if (d->epoll_fd >= 0)
        close(d->epoll_fd);
}

/* A few descriptors a domain and device. */
static void raise_files(void)
{
    struct rlimit l;

    if (getrlimit(RLIMIT_NOFILE, &l) == 0) {
        l.rlim_cur = l.rlim_max;
        setrlimit(RLIMIT_NOFILE, &l);
    }
}

int main(int argc, char **argv)
{
    static struct weir_devd d = {
        .epoll_fd = -1,
        .lock_fd = -1,
        .spare_fd = -1,
        .listen_src.fd = -1,
        .signal_src.fd = -1,
        .hv_src.fd = -1,
        .xs_src.fd = -1,
        .xs_listen = -1,
        /* A registry that does not come back is asked for things, too. */
        .xs = {.fd = -1, .broken = -ENOTCONN},
    };
    bool clean_only = false;
    const char *dir = parse(argc, argv, &d, &clean_only);

    setvbuf(stderr, NULL, _IOLBF, 0);
    raise_files();
    umask(022);
    if (clean_only)
        return clean(&d, dir);
    if (acquire(&d, dir)) {
        if (!d.taken_over) /* else for the next one */
            remove_all(&d);
        return 1;
    }
    weir_devd_log("ready, %s", d.in.state_dir);
    notify("READY=1");
    weir_devd_loop(&d);
    notify("STOPPING=1");
    remove_all(&d);
    weir_devd_log("stopped");
    return d.exit_code;
}
