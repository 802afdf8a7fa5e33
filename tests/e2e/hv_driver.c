/* SPDX-License-Identifier: MIT */
#include "tests/e2e/hv_driver.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

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
#include <unistd.h>

static const char *build(void)
{
    const char *b = getenv("B");

    return b && *b ? b : "build";
}

/* weir-hv says through NOTIFY_SOCKET when it is ready. */
static int open_notify(struct sockaddr_un *sa, const char *dir)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    snprintf(sa->sun_path, sizeof(sa->sun_path), "%s/notify", dir);
    assert_int_equal(bind(fd, (struct sockaddr *)sa, sizeof(*sa)), 0);
    return fd;
}

static void await_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char text[32] = "";

    assert_int_equal(poll(&p, 1, 10000), 1);
    assert_true(recv(fd, text, sizeof(text) - 1, 0) > 0);
    assert_string_equal(text, "READY=1");
}

void hv_world_start(struct hv_world *w, const char *memory)
{
    struct sockaddr_un sa = {.sun_family = AF_UNIX};
    const char *hv = getenv("HV");
    char program[256], cmd[300];
    int notify;

    memset(w, 0, sizeof(*w));
    /* Another one, to see a test fail (tests/isolation/mutants.sh). */
    if (hv && *hv)
        snprintf(program, sizeof(program), "%s", hv);
    else
        snprintf(program, sizeof(program), "%s/bin/weir-hv", build());
    snprintf(cmd, sizeof(cmd), "%s --check", program);
    if (system(cmd) != 0) {
        puts("this machine can't run process domains (weir-hv --check)");
        exit(77);
    }
    strcpy(w->dir, "/tmp/weir-hv-test.XXXXXX");
    assert_non_null(mkdtemp(w->dir));
    snprintf(w->socket, sizeof(w->socket), "%s/hv.sock", w->dir);
    notify = open_notify(&sa, w->dir);
    w->pid = fork();
    assert_int_not_equal(w->pid, -1);
    if (w->pid == 0) {
        setenv("NOTIFY_SOCKET", sa.sun_path, 1);
        prctl(PR_SET_PDEATHSIG, SIGTERM);
        execl(program, program, "--state-dir", w->dir, "--memory", memory,
              (char *)NULL);
        _exit(127);
    }
    await_ready(notify);
    w->notify = notify;
    assert_int_equal(weir_hvctl_open(w->socket, &w->ctl), 0);
}

void hv_world_stop(struct hv_world *w)
{
    char path[96];
    int status = 0;

    weir_hvctl_close(w->ctl);
    kill(w->pid, SIGTERM);
    waitpid(w->pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    assert_int_equal(access(w->socket, F_OK), -1);
    snprintf(path, sizeof(path), "%s/notify", w->dir);
    unlink(path);
    close(w->notify);
    assert_int_equal(rmdir(w->dir), 0);
}

/* In the child: descriptors 3 and 4, the rest is closed by the domain. */
static void become_puppet(const struct puppet *p, int hv, int orders)
{
    char program[256], id[16];
    int a = fcntl(hv, F_DUPFD, 10), b = fcntl(orders, F_DUPFD, 10);

    snprintf(program, sizeof(program), "%s/tests/hv_puppet", build());
    dup2(a, 3);
    dup2(b, 4);
    /* Each domain has a user id of its own, of all tests that run now. */
    snprintf(id, sizeof(id), "%u",
             1000000u + (unsigned)p->world->pid % 100000 * 40000 +
                 p->domid % 40000u);
    if (geteuid() == 0) {
        setenv("WEIR_UID", id, 1);
        setenv("WEIR_GID", id, 1);
    }
    execl(program, program, (char *)NULL);
    _exit(127);
}

static void fork_program(struct puppet *p, int hv)
{
    int sv[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv),
                     0);
    p->pid = fork();
    if (p->pid == 0)
        become_puppet(p, hv, sv[1]);
    close(hv);
    close(sv[1]);
    p->fd = sv[0];
}

static void start_program(struct puppet *p, int hv)
{
    fork_program(p, hv);
    if (puppet_do(p, PUPPET_PING, 0, 0, 0, 0).rc != 0) {
        struct weir_hv_dominfo info = puppet_info(p);

        fail_msg("domain does not start: %s", info.reason);
    }
}

struct puppet puppet_start(struct hv_world *w, struct weir_hv_create how)
{
    struct puppet p = {.world = w};
    int hv = -1;

    if (!how.max_frames)
        how.max_frames = 1024;
    assert_int_equal(weir_hvctl_create(w->ctl, &how, &p.domid, &hv), 0);
    start_program(&p, hv);
    return p;
}

int puppet_revive(struct puppet *p)
{
    int hv = -1, rc = weir_hvctl_revive(p->world->ctl, p->domid, &hv);

    if (rc == 0)
        start_program(p, hv);
    return rc;
}

int puppet_revive_unseen(struct puppet *p)
{
    int hv = -1, rc = weir_hvctl_revive(p->world->ctl, p->domid, &hv);

    if (rc == 0)
        fork_program(p, hv);
    return rc;
}

int puppet_destroy(struct puppet *p)
{
    int rc = weir_hvctl_destroy(p->world->ctl, p->domid);

    close(p->fd);
    if (rc < 0)
        kill(p->pid, SIGKILL);
    waitpid(p->pid, NULL, 0);
    return rc;
}

struct puppet_answer puppet_order(struct puppet *p,
                                  const struct puppet_order *o)
{
    struct puppet_answer r = {.rc = -EPIPE};
    struct pollfd pfd = {.fd = p->fd, .events = POLLIN};

    if (send(p->fd, o, sizeof(*o), MSG_NOSIGNAL) != sizeof(*o))
        return r;
    if (poll(&pfd, 1, 20000) <= 0 || recv(p->fd, &r, sizeof(r), 0) != sizeof(r))
        r.rc = -EPIPE;
    return r;
}

struct puppet_answer puppet_do(struct puppet *p, enum puppet_op op, uint64_t a,
                               uint64_t b, uint64_t c, uint64_t d)
{
    struct puppet_order o = {.op = op, .a = a, .b = b, .c = c, .d = d};

    return puppet_order(p, &o);
}

struct weir_hv_dominfo puppet_info(struct puppet *p)
{
    struct weir_hv_dominfo info;

    assert_int_equal(weir_hvctl_info(p->world->ctl, p->domid, &info), 0);
    return info;
}

static struct weir_hv_dominfo wait_crash(struct puppet *p)
{
    struct weir_hv_dominfo info = puppet_info(p);

    for (int i = 0; i < 500 && info.state != WEIR_DOM_CRASHED; i++) {
        usleep(10000);
        info = puppet_info(p);
    }
    assert_int_equal(info.state, WEIR_DOM_CRASHED);
    return info;
}

void puppet_kill(struct puppet *p)
{
    kill(p->pid, SIGKILL);
    close(p->fd);
    p->fd = -1;
    waitpid(p->pid, NULL, 0);
    wait_crash(p);
}

void puppet_expect_crash(struct puppet *p, const char *text)
{
    struct weir_hv_dominfo info = wait_crash(p);

    if (!strstr(info.reason, text))
        fail_msg("reason is \"%s\", not \"%s\"", info.reason, text);
}

void hv_world_clear(struct hv_world *w)
{
    struct weir_hv_dominfo list[32];
    unsigned n = 0;

    weir_hvctl_list(w->ctl, 0, list, 32, &n);
    for (unsigned i = 0; i < n; i++)
        weir_hvctl_destroy(w->ctl, list[i].domid);
}

struct puppet_answer puppet_give(struct puppet *g, struct puppet *m,
                                 bool readonly)
{
    struct puppet_answer page = puppet_do(g, PUPPET_ALLOC, 1, 0, 0, 0);

    assert_int_equal(page.rc, 0);
    puppet_do(g, PUPPET_POKE, page.v[0], 0xfeed, 0, 0);
    assert_int_equal(
        puppet_do(g, PUPPET_GRANT, 9, m->domid, page.v[1], readonly).rc, 0);
    return page;
}

struct puppet_answer puppet_map(struct puppet *m, struct puppet *g,
                                grant_ref_t ref, bool readonly)
{
    return puppet_do(m, PUPPET_MAP, g->domid, ref, readonly, 0);
}

int64_t puppet_unmap(struct puppet *m, const struct puppet_answer *mapped)
{
    return puppet_do(m, PUPPET_UNMAP, mapped->v[0], mapped->v[1], 0, 0).rc;
}

uint64_t puppet_peek(struct puppet *p, uint64_t at)
{
    struct puppet_answer r = puppet_do(p, PUPPET_PEEK, at, 0, 0, 0);

    assert_int_equal(r.rc, 0);
    return r.v[0];
}

struct puppet_answer puppet_keep(struct puppet *p, uint64_t key, uint64_t count)
{
    return puppet_do(p, PUPPET_KEEP, key, count, 0, 0);
}

int hv_world_generation(const struct hv_world *w, domid_t domid)
{
    struct weir_hv_dominfo info;

    if (weir_hvctl_info(w->ctl, domid, &info) < 0)
        return -1;
    return (int)info.generation;
}
