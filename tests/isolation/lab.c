/* SPDX-License-Identifier: MIT */
#include "tests/isolation/lab.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void nap_ms(long ms)
{
    nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

static void set_broken(const char *rules)
{
    if (rules && *rules)
        setenv("WEIR_BREAK", rules, 1);
    else
        unsetenv("WEIR_BREAK");
}

/* ---- weir-hv ------------------------------------------------------------ */

static void exec_hv(struct lab *l)
{
    char log[96];
    snprintf(log, sizeof(log), "%s/hv.log", l->dir);
    int fd = open(log, O_CREAT | O_APPEND | O_WRONLY, 0600);
    dup2(fd, 1);
    dup2(fd, 2);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    set_broken(getenv("HV_BREAK"));
    execl(l->hv_program, "weir-hv", "--state-dir", l->dir, "--memory", "64M",
          (char *)NULL);
    _exit(127);
}

int lab_start(struct lab *l)
{
    char path[96];
    strcpy(l->dir, "/tmp/weir-isolation-XXXXXX");
    if (!mkdtemp(l->dir))
        return -errno;
    l->hv = fork();
    if (!l->hv)
        exec_hv(l);
    snprintf(path, sizeof(path), "%s/hv.sock", l->dir);
    int err = -ETIMEDOUT;
    for (int i = 0; err && i < 1000; i++) {
        nap_ms(2);
        err = weir_hvctl_open(path, &l->ctl);
        if (waitpid(l->hv, NULL, WNOHANG) == l->hv) {
            l->hv = 0;
            return -ECHILD;
        }
    }
    return err;
}

static void end_dom(struct dom *d)
{
    if (!d->pid)
        return;
    if (!d->reaped) {
        kill(d->pid, SIGKILL);
        waitpid(d->pid, &d->status, 0);
    }
    close(d->sock);
    close(d->resource);
    d->pid = 0;
}

void lab_clear(struct lab *l)
{
    for (unsigned i = 0; i < LAB_DOMS; i++) {
        struct dom *d = &l->dom[i];
        if (d == l->neighbour || !d->pid)
            continue;
        end_dom(d);
        if (l->ctl)
            weir_hvctl_destroy(l->ctl, d->id);
        *d = (struct dom){0};
    }
}

void lab_stop(struct lab *l)
{
    char cmd[128];
    l->neighbour = NULL;
    /* weir-hv first: one that was broken on purpose may never let go */
    if (l->ctl)
        weir_hvctl_close(l->ctl);
    l->ctl = NULL;
    if (l->hv) {
        kill(l->hv, SIGKILL);
        waitpid(l->hv, NULL, 0);
    }
    l->hv = 0;
    lab_clear(l);
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", l->dir);
    if (l->dir[0] && system(cmd))
        fprintf(stderr, "%s is left behind\n", l->dir);
    l->dir[0] = '\0';
}

/* ---- domains ------------------------------------------------------------ */

static void exec_puppet(struct lab *l, const struct dom_how *how, int hv_fd,
                        int sock, int resource, unsigned uid)
{
    char path[256], uid_text[16], allow[16], log[96];
    snprintf(log, sizeof(log), "%s/puppets.log", l->dir);
    int fd = open(log, O_CREAT | O_APPEND | O_WRONLY, 0600);
    if (how->cgroup_procs) {
        int c = open(how->cgroup_procs, O_WRONLY);
        if (c < 0 || write(c, "0", 1) != 1)
            _exit(126);
        close(c);
    }
    /* moved out of the way of the numbers they go to */
    int from[] = {sock, fd, fd, hv_fd, resource};
    for (int i = 0; i < 5; i++)
        from[i] = fcntl(from[i], F_DUPFD_CLOEXEC, 200);
    for (int i = 0; i < 5; i++)
        dup2(from[i], i);
    if (how->leave_fd)
        dup2(how->leave_fd, 77);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    snprintf(path, sizeof(path), "%s/tests/isolation-puppet", l->bin);
    snprintf(uid_text, sizeof(uid_text), "%u", uid);
    snprintf(allow, sizeof(allow), "%u", how->allow);
    set_broken(how->broken ? how->broken : getenv("PUPPET_BREAK"));
    execl(path, path, uid_text, allow, how->mistake, (char *)NULL);
    _exit(127);
}

static struct dom *free_slot(struct lab *l)
{
    for (unsigned i = 0; i < LAB_DOMS; i++)
        if (!l->dom[i].pid)
            return &l->dom[i];
    return NULL;
}

static int start_program(struct lab *l, struct dom *d,
                         const struct dom_how *how, int hv_fd)
{
    static unsigned serial;
    int sv[2], res[2];
    serial++;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sv) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, res))
        return -errno;
    /* nobody else's, nor of another weir-hv's domains */
    unsigned uid = how->stay_root
                       ? 0
                       : 100000 + (unsigned)getpid() % 32768 * 2048 + serial;
    d->pid = fork();
    if (!d->pid)
        exec_puppet(l, how, hv_fd, sv[1], res[1], uid);
    close(hv_fd);
    close(sv[1]);
    close(res[1]);
    d->sock = sv[0];
    d->resource = res[0];
    d->ready = dom_answer(d, 5000);
    d->one_window = d->last.v[1];
    return 0;
}

struct dom *dom_start(struct lab *l, const struct dom_how *how)
{
    char name[32];
    struct dom *d = free_slot(l);
    int hv_fd;
    static unsigned serial;
    snprintf(name, sizeof(name), "puppet%u", serial++);
    struct weir_hv_create c = {.name = name, .max_frames = 256};
    if (!d || weir_hvctl_create(l->ctl, &c, &d->id, &hv_fd))
        return NULL;
    return start_program(l, d, how, hv_fd) ? NULL : d;
}

int dom_revive(struct lab *l, struct dom *d, const struct dom_how *how)
{
    int hv_fd, rc;
    end_dom(d);
    rc = weir_hvctl_revive(l->ctl, d->id, &hv_fd);
    if (rc)
        return rc;
    d->reaped = false;
    return start_program(l, d, how, hv_fd);
}

void dom_order(struct dom *d, enum puppet_op op, const int64_t a[7])
{
    struct puppet_order o = {.op = op};
    memcpy(o.a, a, sizeof(o.a));
    send(d->sock, &o, sizeof(o), MSG_NOSIGNAL);
}

int64_t dom_answer(struct dom *d, int ms)
{
    struct pollfd p = {.fd = d->sock, .events = POLLIN};
    if (poll(&p, 1, ms) != 1)
        return TIMEOUT;
    if (recv(d->sock, &d->last, sizeof(d->last), 0) != sizeof(d->last))
        return DIED;
    return d->last.v[0];
}

int64_t dom_tell(struct dom *d, enum puppet_op op, const int64_t a[7])
{
    dom_order(d, op, a);
    return dom_answer(d, 5000);
}

void dom_send_fd(struct dom *d, int fd)
{
    char byte = 0;
    union {
        char buf[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } u = {0};
    struct iovec v = {.iov_base = &byte, .iov_len = 1};
    struct msghdr h = {.msg_iov = &v,
                       .msg_iovlen = 1,
                       .msg_control = u.buf,
                       .msg_controllen = sizeof(u.buf)};
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &fd, sizeof(fd));
    sendmsg(d->resource, &h, MSG_NOSIGNAL);
}

int dom_reap(struct dom *d, int ms)
{
    for (int i = 0; i <= ms && !d->reaped; i++) {
        d->reaped = waitpid(d->pid, &d->status, WNOHANG) == d->pid;
        if (!d->reaped)
            nap_ms(1);
    }
    return d->reaped ? 0 : -ETIMEDOUT;
}

bool dom_crashed(struct lab *l, struct dom *d, char reason[160])
{
    struct weir_hv_dominfo info;
    for (int i = 0; i < 3000; i++) {
        if (weir_hvctl_info(l->ctl, d->id, &info))
            return false;
        if (info.state == WEIR_DOM_CRASHED) {
            memcpy(reason, info.reason, 160);
            return true;
        }
        dom_reap(d, 0);
        nap_ms(1);
    }
    snprintf(reason, 160, "state %d", info.state);
    return false;
}

/* ---- the neighbour ------------------------------------------------------ */

int lab_neighbour(struct lab *l)
{
    struct dom *d = dom_start(
        l, &(struct dom_how){.allow = WEIR_SEAL_THREADS, .broken = ""});
    if (!d || d->ready)
        return -EIO;
    l->neighbour = d;
    l->its_frame = TELL(d, P_ALLOC, 1);
    l->its_count = 0;
    if (l->its_frame < 0 || TELL(d, P_THREAD, 0) ||
        TELL(d, P_WRITE, l->its_frame, 0, 0x600d600d))
        return -EIO;
    return 0;
}

bool lab_neighbour_well(struct lab *l)
{
    struct dom *d = l->neighbour;
    CHECK(TELL(d, P_READ, l->its_frame, 0) == 0x600d600d,
          "the neighbour's memory changed");
    int64_t now = TELL(d, P_COUNTER, 0);
    for (int i = 0; i < 200 && now == l->its_count; i++) {
        nap_ms(1);
        now = TELL(d, P_COUNTER, 0);
    }
    CHECK(now > l->its_count, "the neighbour does not run any more");
    l->its_count = now;
    return true;
}
