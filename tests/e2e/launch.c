/* SPDX-License-Identifier: MIT
 *
 * Processes and domains of the test machine; devices are in launch_dev.c.
 */
#include "tests/e2e/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "xenbus/socket.h"

#define STORE_DOMID  1
#define STORE_FRAMES 8192
#define UID_BASE     0x10000000u /* nobody's */
#define START_MS     10000

/* Another test's machine must not have our identities: weir-hv refuses a
 * domain beside which a process of its uid runs. */
static unsigned identity(pid_t launcher, domid_t domid)
{
    return UID_BASE + (unsigned)launcher % 0x10000u * 256 + domid % 256;
}

static const char *build(void)
{
    const char *b = getenv("B");

    return b != NULL && *b != '\0' ? b : "build";
}

static uint64_t now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000u + (uint64_t)ts.tv_nsec / 1000000u;
}

static void sleep_ms(long ms)
{
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};

    nanosleep(&ts, NULL);
}

static int failed(const char *what, int err)
{
    fprintf(stderr, "launch: %s: %s\n", what, strerror(-err));
    return err;
}

static void find_program(const char *name, char *buf, size_t size)
{
    snprintf(buf, size, "%s", name);
    if (strchr(name, '/') != NULL)
        return;
    snprintf(buf, size, "%s/bin/%s", build(), name);
    if (access(buf, X_OK) != 0)
        snprintf(buf, size, "%s/tests/%s", build(), name);
}

/* In the child: descriptors 3 and 4, an identity of its own, exec. */
static void become(const struct launch_dom *d, int fd4, const char *program,
                   const char *const *argv)
{
    char id[16];
    int a = fcntl(d->hv_fd, F_DUPFD, 100);
    int b = fd4 >= 0 ? fcntl(fd4, F_DUPFD, 100) : -1;
    int null = open("/dev/null", O_RDONLY);

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    dup2(null, 0);
    dup2(a, 3);
    if (b >= 0)
        dup2(b, 4);
    for (int fd = b >= 0 ? 5 : 4; fd < 256; fd++)
        close(fd);
    if (geteuid() == 0) {
        snprintf(id, sizeof(id), "%u", identity(getppid(), d->domid));
        setenv("WEIR_UID", id, 1);
        setenv("WEIR_GID", id, 1);
    }
    execv(program, (char *const *)(uintptr_t)argv);
    _exit(127);
}

static int start_program(struct launch_dom *d, int fd4, const char *const *argv)
{
    char program[256];

    find_program(argv[0], program, sizeof(program));
    fflush(NULL);
    d->pid = fork();
    if (d->pid < 0) {
        d->pid = 0;
        return failed("fork", -errno);
    }
    if (d->pid == 0)
        become(d, fd4, program, argv);
    close(d->hv_fd);
    d->hv_fd = -1;
    return 0;
}

/* A short program may have done its work before anyone looked. */
static bool ended_well(const struct launch_dom *d)
{
    siginfo_t si = {.si_pid = 0};

    return waitid(P_PID, (id_t)d->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           si.si_pid == d->pid && si.si_code == CLD_EXITED && si.si_status == 0;
}

static int wait_running(struct launch *l, struct launch_dom *d)
{
    uint64_t end = now_ms() + START_MS;
    struct weir_hv_dominfo info;

    while (now_ms() < end) {
        int err = weir_hvctl_info(l->ctl, d->domid, &info);

        if (err != 0)
            return failed(d->name, err);
        if (info.state == WEIR_DOM_RUNNING)
            return 0;
        if (info.state >= WEIR_DOM_DYING && ended_well(d))
            return 0;
        if (info.state >= WEIR_DOM_DYING) {
            fprintf(stderr, "launch: %s: %s\n", d->name, info.reason);
            return -ECHILD;
        }
        sleep_ms(1);
    }
    return failed(d->name, -ETIMEDOUT);
}

static struct launch_dom *new_dom(struct launch *l, const char *name,
                                  const struct weir_hv_create *how)
{
    struct launch_dom *d = NULL;
    int err;

    for (unsigned i = 0; i < LAUNCH_DOMS && d == NULL; i++)
        if (l->dom[i].name[0] == '\0')
            d = &l->dom[i];
    if (d == NULL)
        return NULL;
    memset(d, 0, sizeof(*d));
    d->hv_fd = d->res_fd = -1;
    err = weir_hvctl_create(l->ctl, how, &d->domid, &d->hv_fd);
    if (err != 0) {
        failed(name, err);
        return NULL;
    }
    snprintf(d->name, sizeof(d->name), "%s", name);
    return d;
}

static int listen_store(const char *path)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    snprintf(sa.sun_path, sizeof(sa.sun_path), "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof(sa)) != 0 ||
        listen(fd, 16) != 0)
        return -errno;
    return fd;
}

static int start_store(struct launch *l)
{
    const struct weir_hv_create how = {
        .name = "xenstored", .domid = STORE_DOMID, .max_frames = STORE_FRAMES};
    char path[96], uid[16];
    const char *root[] = {"weir-xenstored", "--uid", uid, "--gid", uid, NULL};
    const char *user[] = {"weir-xenstored", NULL};
    int fd, err;

    snprintf(path, sizeof(path), "%s/xenstored.sock", l->dir);
    snprintf(uid, sizeof(uid), "%u", identity(getpid(), STORE_DOMID));
    l->store = new_dom(l, "xenstored", &how);
    fd = l->store != NULL ? listen_store(path) : -EIO;
    if (fd < 0)
        return failed(path, fd);
    err = start_program(l->store, fd, geteuid() == 0 ? root : user);
    close(fd);
    if (err == 0)
        err = wait_running(l, l->store);
    if (err == 0)
        err = weir_xs_open_socket(&l->xs, path, NULL);
    l->xs_open = err == 0;
    return err;
}

static int start_hv(struct launch *l, const char *memory)
{
    char program[256], cmd[300], path[96];

    snprintf(program, sizeof(program), "%s/bin/weir-hv", build());
    snprintf(cmd, sizeof(cmd), "%s --check", program);
    if (system(cmd) != 0)
        return -ENOSYS;
    strcpy(l->dir, "/tmp/weir-launch.XXXXXX");
    if (mkdtemp(l->dir) == NULL)
        return failed(l->dir, -errno);
    fflush(NULL);
    l->hv_pid = fork();
    if (l->hv_pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(program, program, "--state-dir", l->dir, "--memory", memory,
              (char *)NULL);
        _exit(127);
    }
    snprintf(path, sizeof(path), "%s/hv.sock", l->dir);
    for (unsigned i = 0; i < START_MS; i++) {
        if (weir_hvctl_open(path, &l->ctl) == 0)
            return 0;
        sleep_ms(1);
    }
    l->ctl = NULL;
    return failed("weir-hv does not answer", -ETIMEDOUT);
}

int launch_start(struct launch *l, const char *memory)
{
    int err;

    memset(l, 0, sizeof(*l));
    err = start_hv(l, memory);
    if (err == 0)
        err = start_store(l);
    if (err != 0)
        launch_stop(l);
    return err;
}

static int make_dir(struct launch *l, const char *path, domid_t owner)
{
    char perms[16];
    int n = snprintf(perms, sizeof(perms), "n%u", owner) + 1;
    int err = weir_xs_mkdir(&l->xs, 0, path);

    return err != 0 ? err
                    : weir_xs_set_perms(&l->xs, 0, path, perms, (size_t)n);
}

static int introduce(struct launch *l, struct launch_dom *d)
{
    struct weir_hv_dominfo info;
    char home[64], path[96];
    int err;

    snprintf(home, sizeof(home), "/local/domain/%u", d->domid);
    err = weir_xs_write_key(&l->xs, 0, home, "name", d->name);
    snprintf(path, sizeof(path), "%s/device", home);
    if (err == 0)
        err = make_dir(l, path, d->domid);
    snprintf(path, sizeof(path), "%s/backend", home);
    if (err == 0 && d->backend)
        err = make_dir(l, path, d->domid);
    if (err == 0)
        err = weir_hvctl_info(l->ctl, d->domid, &info);
    if (err == 0)
        err = weir_xs_introduce(&l->xs, d->domid, (mfn_t)info.store_frame,
                                info.store_evtchn);
    return err;
}

struct launch_dom *launch_create_how(struct launch *l, bool backend,
                                     struct weir_hv_create how)
{
    struct launch_dom *d;
    int err;

    how.has_store = true;
    how.store_domid = STORE_DOMID;
    d = new_dom(l, how.name, &how);
    if (d == NULL)
        return NULL;
    d->backend = backend;
    err = introduce(l, d);
    if (err == 0)
        return d;
    failed(how.name, err);
    launch_destroy(l, d);
    return NULL;
}

struct launch_dom *launch_create(struct launch *l, const char *name,
                                 bool backend, unsigned frames)
{
    return launch_create_how(
        l, backend,
        (struct weir_hv_create){.name = name, .max_frames = frames});
}

int launch_exec(struct launch *l, struct launch_dom *d, const char *const *argv)
{
    int pair[2] = {-1, -1};
    int err;

    if (d->backend &&
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
        return failed("socketpair", -errno);
    err = start_program(d, pair[1], argv);
    if (d->backend) {
        close(pair[1]);
        d->res_fd = pair[0];
    }
    return err != 0 ? err : wait_running(l, d);
}

int launch_ready(struct launch_dom *d, int timeout_ms)
{
    struct weir_resource_event ev;
    int err = weir_resource_wait(d->res_fd, &ev, timeout_ms);

    if (err == 0 && ev.type != WEIR_RES_EV_READY)
        err = -EPROTO;
    return err != 0 ? failed(d->name, err) : 0;
}

int launch_wait(struct launch_dom *d, int timeout_ms)
{
    uint64_t end = now_ms() + (uint64_t)timeout_ms;
    int status;

    if (d->pid == 0)
        return -ESRCH;
    while (waitpid(d->pid, &status, WNOHANG) == 0) {
        if (now_ms() >= end)
            return -ETIMEDOUT;
        sleep_ms(2);
    }
    d->pid = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status);
}

void launch_destroy(struct launch *l, struct launch_dom *d)
{
    if (d == NULL || d->name[0] == '\0')
        return;
    if (l->xs_open && d != l->store) {
        char home[64];

        weir_xs_release(&l->xs, d->domid);
        snprintf(home, sizeof(home), "/local/domain/%u", d->domid);
        weir_xs_rm(&l->xs, 0, home);
    }
    if (d->pid > 0)
        kill(d->pid, SIGKILL);
    weir_hvctl_destroy(l->ctl, d->domid);
    if (d->pid > 0)
        waitpid(d->pid, NULL, 0);
    if (d->hv_fd >= 0)
        close(d->hv_fd);
    if (d->res_fd >= 0)
        close(d->res_fd);
    memset(d, 0, sizeof(*d));
}

void launch_stop(struct launch *l)
{
    char path[96];

    if (l->ctl != NULL) {
        for (unsigned i = LAUNCH_DOMS; i-- > 0;)
            if (&l->dom[i] != l->store)
                launch_destroy(l, &l->dom[i]);
        if (l->xs_open)
            weir_xs_close_socket(&l->xs);
        launch_destroy(l, l->store);
        weir_hvctl_close(l->ctl);
    }
    if (l->hv_pid > 0) {
        kill(l->hv_pid, SIGTERM);
        waitpid(l->hv_pid, NULL, 0);
    }
    if (l->dir[0] != '\0') {
        snprintf(path, sizeof(path), "%s/xenstored.sock", l->dir);
        unlink(path);
        rmdir(l->dir);
    }
    memset(l, 0, sizeof(*l));
}
