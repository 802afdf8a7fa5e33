/* SPDX-License-Identifier: MIT
 *
 * What a program finds when the sandbox starts it, and how its end is told.
 */
#include "driverdomains/sandbox.h"
#include "tests/unit/dd_dir.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- the sandbox ------------------------------------------------------ */

struct run {
    int log, hv[2];
    char output[16384];
    bool clean;
    char reason[120];
    const char *v2; /* mount point of the version 2 hierarchy to use */
};

static void open_groups(const struct run *r, const char *tag,
                        struct weir_cgroups *g)
{
    char missing[64];

    if (r->v2) {
        memset(g, 0, sizeof(*g));
        g->v2 = true;
        snprintf(g->base[0], sizeof(g->base[0]), "%s/%s", r->v2, tag);
        assert_int_equal(mkdir(g->base[0], 0755), 0);
    } else {
        assert_int_equal(weir_cgroups_find(g, tag, ""), 0);
        assert_int_equal(weir_cgroups_make(g, missing), 0);
    }
}

static void await_end(struct run *r, int pidfd)
{
    struct pollfd p = {.fd = pidfd, .events = POLLIN};

    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(
        weir_sandbox_reap(pidfd, r->reason, sizeof(r->reason), &r->clean), 0);
    close(pidfd);
}

static int start(struct run *r, const char *script, bool resource)
{
    const char *argv[] = {"sh", "-c", script, NULL};
    struct weir_cgroups g;
    struct weir_cgroup_limits limits = {.memory = 64 << 20, .pids = 16};
    struct weir_sandbox s = {
        .program = "/usr/bin/dash",
        .argv = argv,
        .hostname = "inside",
        .resource_fd = -1,
        .uid = WEIR_UID_BASE + 7,
        .gid = WEIR_UID_BASE + 7,
        .cgroups = &g,
        .cgroup = "7-test",
    };
    char root[160], tag[40];
    const char *what;
    int pipes[2], pidfd, rc;
    pid_t pid;
    size_t used = 0;
    ssize_t n;

    snprintf(tag, sizeof(tag), "weir-unit-%d", (int)getpid());
    open_groups(r, tag, &g);
    assert_int_equal(weir_cgroup_make(&g, s.cgroup, &limits, &s.cgroup_fd), 0);
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, r->hv), 0);
    s.log_fd = pipes[1];
    s.hv_fd = r->hv[1];
    if (resource)
        s.resource_fd = r->hv[1];
    snprintf(root, sizeof(root), "%s", in_dir("root"));
    mkdir(root, 0700);
    s.root = root;
    rc = weir_sandbox_start(&s, &pid, &pidfd, &what);
    close(pipes[1]);
    if (rc)
        print_message("step: %s\n", what);
    while (rc == 0 && (n = read(pipes[0], r->output + used,
                                sizeof(r->output) - 1 - used)) > 0)
        used += (size_t)n;
    r->output[used] = '\0';
    close(pipes[0]);
    close(r->hv[0]);
    close(r->hv[1]);
    if (rc == 0)
        await_end(r, pidfd);
    if (s.cgroup_fd >= 0)
        close(s.cgroup_fd);
    assert_int_equal(weir_cgroup_remove(&g, s.cgroup), 0);
    weir_cgroups_remove(&g);
    return rc;
}

/* Without opening one: test(1) is built in. */
#define FDS                                                                    \
    "i=0; printf fds:; while [ $i -lt 1024 ]; do "                             \
    "[ -e /proc/1/fd/$i ] && printf \"$i \"; i=$((i + 1)); done; echo;"

static bool have_root(void)
{
    return geteuid() == 0 && access("/usr/bin/dash", X_OK) == 0;
}

static void program_finds_nothing_but_what_it_is_given(void **state)
{
    static struct run r;

    (void)state;
    if (!have_root())
        skip();
    assert_int_equal(start(&r,
                           "ls /; " FDS
                           "echo pid:$$; echo host:$(uname -n); env;"
                           "cat /proc/net/dev; cat /proc/$$/cgroup;"
                           "touch /usr/x /x 2>&1; exit 3",
                           true),
                     0);
    assert_non_null(strstr(r.output, "fds:0 1 2 3 4 \n"));
    assert_non_null(strstr(r.output, "pid:1\n"));
    assert_non_null(strstr(r.output, "host:inside\n"));
    assert_non_null(strstr(r.output, "WEIR_UID=2000007\n"));
    assert_non_null(strstr(r.output, "WEIR_GID=2000007\n"));
    assert_null(strstr(r.output, "PATH=/root"));
    assert_null(strstr(r.output, "HOME="));
    assert_non_null(strstr(r.output, "/7-test\n"));
    assert_null(strstr(r.output, "eth0"));
    assert_null(strstr(r.output, "\nroot\n"));
    assert_null(strstr(r.output, "\nhome\n"));
    assert_null(strstr(r.output, "\nrun\n"));
    assert_non_null(strstr(r.output, "cannot touch '/usr/x'"));
    assert_non_null(strstr(r.output, "cannot touch '/x'"));
    assert_false(r.clean);
    assert_string_equal(r.reason, "the program exited with status 3");
}

static void without_a_resource_there_is_no_fourth_descriptor(void **state)
{
    static struct run r;

    (void)state;
    if (!have_root())
        skip();
    assert_int_equal(start(&r, FDS, false), 0);
    assert_non_null(strstr(r.output, "fds:0 1 2 3 \n"));
    assert_true(r.clean);
}

/* The kernel puts it there at its birth: there is no moment outside. */
static void version_2_group_is_entered_at_birth(void **state)
{
    static struct run r;
    static char mount[128];

    (void)state;
    if (!have_root() || weir_cgroup_mount(slurp("/proc/self/mountinfo"), NULL,
                                          mount, sizeof(mount)))
        skip();
    r.v2 = mount;
    assert_int_equal(start(&r, "cat /proc/1/cgroup", false), 0);
    assert_non_null(strstr(r.output, "0::/weir-unit-"));
    assert_non_null(strstr(r.output, "/7-test\n"));
}

static void death_by_signal_is_told(void **state)
{
    static struct run r;

    (void)state;
    if (!have_root())
        skip();
    /* A process 1 is immune to its own signals: a limit kills it. */
    assert_int_equal(start(&r, "ulimit -t 1; while :; do :; done", false), 0);
    assert_false(r.clean);
    assert_non_null(strstr(r.reason, "killed by signal"));
}

/* As the manager: starts a program and dies at once. */
_Noreturn static void start_and_die(int log)
{
    struct weir_cgroups g = {0};
    const char *argv[] = {"sh", "-c", "sleep 60", NULL}, *what;
    struct weir_sandbox s = {.program = "/usr/bin/dash",
                             .argv = argv,
                             .hostname = "x",
                             .hv_fd = log,
                             .resource_fd = -1,
                             .log_fd = log,
                             .cgroups = &g,
                             .cgroup = "x",
                             .cgroup_fd = -1};
    char root[160];
    int pidfd;
    pid_t pid;

    snprintf(root, sizeof(root), "%s", in_dir("root"));
    mkdir(root, 0700);
    s.root = root;
    if (weir_sandbox_start(&s, &pid, &pidfd, &what) == 0 &&
        write(log, &pid, sizeof(pid)) == sizeof(pid))
        _exit(0);
    _exit(1);
}

/* Also before it is sealed, when it still has privileges. */
static void a_program_ends_with_its_manager(void **state)
{
    struct pollfd p = {.events = POLLIN};
    int pipes[2], status;
    pid_t manager, program = 0;
    char byte;

    (void)state;
    if (!have_root())
        skip();
    assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
    manager = fork();
    if (manager == 0)
        start_and_die(pipes[1]);
    close(pipes[1]);
    assert_int_equal(waitpid(manager, &status, 0), manager);
    assert_int_equal(status, 0);
    assert_int_equal(read(pipes[0], &program, sizeof(program)),
                     sizeof(program));
    /* the program alone has the other end */
    p.fd = pipes[0];
    if (poll(&p, 1, 3000) != 1) {
        kill(program, SIGKILL);
        fail_msg("process %d goes on without its manager", (int)program);
    }
    assert_int_equal(read(pipes[0], &byte, 1), 0);
    close(pipes[0]);
}

static void missing_program_names_the_step(void **state)
{
    struct weir_cgroups g = {0};
    const char *argv[] = {"x", NULL}, *what = "";
    struct weir_sandbox s = {.program = "/usr/bin/no-such-program",
                             .argv = argv,
                             .hostname = "x",
                             .resource_fd = -1,
                             .cgroups = &g,
                             .cgroup = "x",
                             .cgroup_fd = -1};
    char root[160];
    int fd = open("/dev/null", O_RDWR), pidfd;
    pid_t pid;

    (void)state;
    if (!have_root())
        skip();
    s.hv_fd = s.log_fd = fd;
    snprintf(root, sizeof(root), "%s", in_dir("root"));
    mkdir(root, 0700);
    s.root = root;
    assert_int_equal(weir_sandbox_start(&s, &pid, &pidfd, &what), -ENOENT);
    assert_string_equal(what, "execute the program");
    assert_int_equal(pidfd, -1);
    close(fd);
}

/* ---- the program of a manager that is no more ---------------------------- */

struct orphan {
    pid_t manager;
    int pidfd;
    int go; /* closed: the manager waits for its child, if it does at all */
};

/* A child of a child, which ends as told. */
static struct orphan orphan(int sig, int status, bool waits)
{
    int told[2], go[2];
    struct orphan o;
    pid_t pid;

    assert_true(pipe(told) == 0 && pipe(go) == 0);
    o.manager = fork();
    if (o.manager == 0) {
        char byte;

        close(go[1]);
        pid = fork();
        if (pid == 0) {
            if (sig)
                raise(sig);
            _exit(status);
        }
        if (write(told[1], &pid, sizeof(pid)) != sizeof(pid) ||
            read(go[0], &byte, 1) < 0)
            _exit(1);
        if (waits)
            waitpid(pid, NULL, 0);
        pause();
    }
    close(go[0]);
    close(told[1]);
    assert_int_equal(read(told[0], &pid, sizeof(pid)), sizeof(pid));
    close(told[0]);
    o.pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    o.go = go[1];
    return o;
}

static void orphan_end(struct orphan *o)
{
    if (o->go >= 0)
        close(o->go);
    close(o->pidfd);
    kill(o->manager, SIGKILL);
    waitpid(o->manager, NULL, 0);
}

static void a_strangers_end_is_told(void **state)
{
    struct orphan o = orphan(0, 3, false);
    struct pollfd p = {.fd = o.pidfd, .events = POLLIN};
    char reason[120];
    bool clean = true;

    (void)state;
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(weir_sandbox_reap(o.pidfd, reason, sizeof(reason), &clean),
                     0);
    assert_string_equal(reason, "the program exited with status 3");
    assert_false(clean);
    orphan_end(&o);

    o = orphan(SIGUSR1, 0, false);
    p.fd = o.pidfd;
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_int_equal(weir_sandbox_reap(o.pidfd, reason, sizeof(reason), &clean),
                     0);
    assert_non_null(strstr(reason, "killed by signal 10"));
    orphan_end(&o);
}

/* Somebody waited for it: Linux may still tell how it ended. */
static void a_strangers_end_may_be_unseen(void **state)
{
    struct orphan o = orphan(0, 0, true);
    char reason[120] = "";
    bool clean = false;

    (void)state;
    close(o.go);
    o.go = -1;
    while (syscall(SYS_pidfd_send_signal, o.pidfd, 0, NULL, 0) == 0)
        usleep(1000);
    assert_int_equal(weir_sandbox_reap(o.pidfd, reason, sizeof(reason), &clean),
                     0);
    if (strcmp(reason, "the program ended, no manager saw how")) {
        assert_string_equal(reason, "the program exited with status 0");
        assert_true(clean);
    } else {
        assert_false(clean);
    }
    orphan_end(&o);
}

static void a_stranger_that_lives_has_not_ended(void **state)
{
    struct orphan o = orphan(SIGSTOP, 0, false);
    char reason[120];
    bool clean;

    (void)state;
    assert_int_equal(weir_sandbox_reap(o.pidfd, reason, sizeof(reason), &clean),
                     -EAGAIN);
    syscall(SYS_pidfd_send_signal, o.pidfd, SIGKILL, NULL, 0);
    orphan_end(&o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_finds_nothing_but_what_it_is_given),
        cmocka_unit_test(without_a_resource_there_is_no_fourth_descriptor),
        cmocka_unit_test(version_2_group_is_entered_at_birth),
        cmocka_unit_test(death_by_signal_is_told),
        cmocka_unit_test(a_program_ends_with_its_manager),
        cmocka_unit_test(missing_program_names_the_step),
        cmocka_unit_test(a_strangers_end_is_told),
        cmocka_unit_test(a_strangers_end_may_be_unseen),
        cmocka_unit_test(a_stranger_that_lives_has_not_ended),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
