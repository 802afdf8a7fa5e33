/* SPDX-License-Identifier: MIT
 *
 * What a program finds when the sandbox starts it; logs, images, control
 * groups.
 */
#include "driverdomains/image.h"
#include "driverdomains/instance.h"
#include "driverdomains/logsink.h"
#include "driverdomains/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[64];

static int make_dir(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/weir-dd-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char cmd[80];

    (void)state;
    snprintf(cmd, sizeof(cmd), "rm -rf %s", dir);
    return system(cmd);
}

static const char *in_dir(const char *name)
{
    static char path[160];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

/* ---- control groups: parsing ------------------------------------------ */

static void cgroup_mounts_are_found(void **state)
{
    static const char hybrid[] =
        "30 24 0:26 / /sys/fs/cgroup ro - tmpfs tmpfs ro\n"
        "31 30 0:27 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 - cgroup cgroup "
        "rw,cpu,cpuacct\n"
        "32 30 0:28 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"
        "33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    char path[64];

    (void)state;
    assert_int_equal(weir_cgroup_mount(hybrid, "cpu", path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/cpu,cpuacct");
    assert_int_equal(weir_cgroup_mount(hybrid, "memory", path, sizeof(path)),
                     0);
    assert_string_equal(path, "/sys/fs/cgroup/memory");
    assert_int_equal(weir_cgroup_mount(hybrid, "pids", path, sizeof(path)),
                     -ENOENT);
    assert_int_equal(weir_cgroup_mount(hybrid, NULL, path, sizeof(path)), 0);
    assert_string_equal(path, "/sys/fs/cgroup/unified");
    assert_int_equal(weir_cgroup_mount("", NULL, path, sizeof(path)), -ENOENT);
    assert_int_equal(weir_cgroup_mount("x\n - \n", NULL, path, sizeof(path)),
                     -ENOENT);
}

static void own_cgroup_is_found(void **state)
{
    static const char text[] = "4:memory:/a/b\n3:cpu,cpuacct:/c\n0::/\n";
    char path[16];

    (void)state;
    assert_int_equal(weir_cgroup_own(text, "memory", path, sizeof(path)), 0);
    assert_string_equal(path, "/a/b");
    assert_int_equal(weir_cgroup_own(text, "cpu", path, sizeof(path)), 0);
    assert_string_equal(path, "/c");
    assert_int_equal(weir_cgroup_own(text, "pids", path, sizeof(path)),
                     -ENOENT);
}

/* A limit that the kernel refuses is no limit: the domain must not start. */
static void a_refused_limit_is_an_error(void **state)
{
    static const char *const files[] = {"memory.limit_in_bytes",
                                        "cpu.cfs_quota_us", "pids.max"};
    const struct weir_cgroup_limits limits = {
        .memory = 1 << 20, .cap = 50, .pids = 8};

    (void)state;
    for (int i = 0; i < WEIR_CG_COUNT; i++) {
        struct weir_cgroups g = {.v2 = false};
        char name[16], path[200];
        int fd;

        snprintf(name, sizeof(name), "dom%d", i);
        snprintf(path, sizeof(path), "%s/%s", in_dir(name), files[i]);
        strcpy(g.base[i], dir);
        assert_int_equal(mkdir(in_dir(name), 0700), 0);
        assert_int_equal(symlink("/dev/full", path), 0);
        assert_int_equal(weir_cgroup_make(&g, name, &limits, &fd), -ENOSPC);
        /* a file that is not there is a controller the host lacks */
        assert_int_equal(unlink(path), 0);
        assert_int_equal(weir_cgroup_make(&g, name, &limits, &fd), 0);
    }
}

static void instances_have_tags_of_their_own(void **state)
{
    struct weir_instance a, b;
    char tap[16], other[16];

    (void)state;
    assert_int_equal(weir_instance_init(&a, in_dir("a")), 0);
    assert_int_equal(weir_instance_init(&b, in_dir("b")), 0);
    assert_string_not_equal(a.tag, b.tag);
    weir_instance_tap(&a, 32751, 255, tap);
    weir_instance_tap(&b, 32751, 255, other);
    assert_string_not_equal(tap, other);
    assert_true(strlen(tap) <= 15);
    /* Before and after the directory exists, and through "..". */
    assert_int_equal(mkdir(in_dir("a"), 0700), 0);
    assert_int_equal(weir_instance_init(&b, in_dir("a/../a/")), 0);
    assert_string_equal(a.tag, b.tag);
    assert_int_equal(weir_instance_init(&b, "/run/weir"), 0);
    assert_string_equal(b.tag, "weir");
    weir_instance_tap(&b, 5, 0, tap);
    assert_string_equal(tap, "vif5.0");
    assert_int_not_equal(weir_instance_init(&b, "/no/such/parent"), 0);
}

/* ---- logs ------------------------------------------------------------- */

static char *slurp(const char *path)
{
    static char text[1 << 18];
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);

    assert_true(n >= 0);
    close(fd);
    text[n] = '\0';
    return text;
}

static void log_is_bounded_and_printable(void **state)
{
    struct weir_logsink l;
    uint64_t now = 1000000000;
    int in;

    (void)state;
    assert_int_equal(weir_logsink_open(&l, in_dir("x.log"), &in), 0);
    dprintf(in, "hello\033[31m\n");
    assert_int_equal(weir_logsink_pump(&l, now), 0);
    assert_non_null(strstr(slurp(in_dir("x.log")), "Z hello?[31m\n"));
    for (int i = 0; i < 3 * WEIR_LOG_BURST; i++)
        dprintf(in, "line %d\n", i);
    weir_logsink_pump(&l, now);
    weir_logsink_pump(&l, now);
    assert_null(strstr(slurp(in_dir("x.log")), "line 400\n"));
    now += 1000000000;
    dprintf(in, "later\n");
    weir_logsink_pump(&l, now);
    assert_non_null(strstr(slurp(in_dir("x.log")), "(801 lines dropped)"));
    assert_non_null(strstr(slurp(in_dir("x.log")), "later\n"));
    close(in);
    assert_int_equal(weir_logsink_pump(&l, now), -EPIPE);
    weir_logsink_close(&l);
}

static void log_is_rotated_once(void **state)
{
    struct weir_logsink l;
    struct stat st;
    int in;

    (void)state;
    assert_int_equal(weir_logsink_open(&l, in_dir("r.log"), &in), 0);
    for (uint64_t s = 1; s < 9000; s++) {
        dprintf(in, "%0500d\n", (int)s);
        weir_logsink_pump(&l, s * 1000000000);
    }
    assert_int_equal(stat(in_dir("r.log"), &st), 0);
    assert_true(st.st_size <= WEIR_LOG_FILE_MAX + 600);
    assert_int_equal(stat(in_dir("r.log.1"), &st), 0);
    assert_true(st.st_size <= WEIR_LOG_FILE_MAX + 600);
    assert_int_not_equal(access(in_dir("r.log.2"), F_OK), 0);
    close(in);
    weir_logsink_close(&l);
}

/* ---- images ----------------------------------------------------------- */

static struct weir_disk_config disk(const char *name, bool readonly)
{
    struct weir_disk_config d = {.readonly = readonly};

    snprintf(d.target, sizeof(d.target), "%s", in_dir(name));
    return d;
}

static void make_image(const char *name, off_t size, mode_t mode)
{
    int fd = open(in_dir(name), O_CREAT | O_RDWR | O_TRUNC, 0600);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, size), 0);
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

static void refused(const char *name, bool readonly, uint32_t sector, int rc,
                    const char *why)
{
    struct weir_disk_config d = disk(name, readonly);
    struct weir_cfg_error e = {""};
    struct weir_image im;

    d.sector_size = sector;
    assert_int_equal(weir_image_open(&d, &im, &e), rc);
    assert_int_equal(im.fd, -1);
    if (!strstr(e.text, why))
        fail_msg("%s: %s", name, e.text);
}

static void bad_images_are_refused_with_a_remedy(void **state)
{
    (void)state;
    make_image("odd", 1000, 0600);
    make_image("half", 4096 + 512, 0600);
    make_image("ro", 4096, 0400);
    make_image("empty", 0, 0600);
    assert_int_equal(mkfifo(in_dir("fifo"), 0600), 0);
    refused("none", false, 0, -ENOENT, "make the image");
    refused("odd", false, 0, -EINVAL, "not a multiple of the sector size 512");
    refused("half", false, 4096, -EINVAL, "sector size 4096");
    refused("ro", false, 0, -EACCES, "attach it with access=ro");
    refused("empty", false, 0, -EINVAL, "empty");
    refused("fifo", false, 0, -EINVAL, "neither a regular file");
    refused(".", false, 0, -EINVAL, "neither a regular file");
}

static void writable_image_has_one_user(void **state)
{
    struct weir_disk_config w = disk("img", false), r = disk("img", true);
    struct weir_cfg_error e;
    struct weir_image a, b;

    (void)state;
    make_image("img", 8192, 0600);
    assert_int_equal(weir_image_open(&w, &a, &e), 0);
    assert_int_equal(a.size, 8192);
    assert_int_equal(a.sector_size, 512);
    assert_false(a.block);
    assert_int_equal(weir_image_open(&w, &b, &e), -EBUSY);
    assert_non_null(strstr(e.text, "in use by another disk"));
    assert_int_equal(weir_image_open(&r, &b, &e), -EBUSY);
    close(a.fd);
    assert_int_equal(weir_image_open(&r, &a, &e), 0);
    assert_int_equal(weir_image_open(&r, &b, &e), 0);
    close(a.fd);
    close(b.fd);
}

/* ---- the sandbox ------------------------------------------------------ */

struct run {
    int log, hv[2];
    char output[16384];
    bool clean;
    char reason[120];
    const char *v2; /* mount point of the version 2 hierarchy to use */
};

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
    char missing[64], root[160], tag[40];
    const char *what;
    int pipes[2], pidfd, rc;
    pid_t pid;
    size_t used = 0;
    ssize_t n;

    snprintf(tag, sizeof(tag), "weir-unit-%d", (int)getpid());
    if (r->v2) {
        memset(&g, 0, sizeof(g));
        g.v2 = true;
        snprintf(g.base[0], sizeof(g.base[0]), "%s/%s", r->v2, tag);
        assert_int_equal(mkdir(g.base[0], 0755), 0);
    } else {
        assert_int_equal(weir_cgroups_open(&g, tag, missing), 0);
    }
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
    if (rc == 0) {
        struct pollfd p = {.fd = pidfd, .events = POLLIN};

        assert_int_equal(poll(&p, 1, 5000), 1);
        assert_int_equal(
            weir_sandbox_reap(pidfd, r->reason, sizeof(r->reason), &r->clean),
            0);
        close(pidfd);
    }
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cgroup_mounts_are_found),
        cmocka_unit_test(own_cgroup_is_found),
        cmocka_unit_test(a_refused_limit_is_an_error),
        cmocka_unit_test(instances_have_tags_of_their_own),
        cmocka_unit_test(log_is_bounded_and_printable),
        cmocka_unit_test(log_is_rotated_once),
        cmocka_unit_test(bad_images_are_refused_with_a_remedy),
        cmocka_unit_test(writable_image_has_one_user),
        cmocka_unit_test(program_finds_nothing_but_what_it_is_given),
        cmocka_unit_test(without_a_resource_there_is_no_fourth_descriptor),
        cmocka_unit_test(version_2_group_is_entered_at_birth),
        cmocka_unit_test(death_by_signal_is_told),
        cmocka_unit_test(a_program_ends_with_its_manager),
        cmocka_unit_test(missing_program_names_the_step),
    };

    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
