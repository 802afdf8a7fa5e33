/* SPDX-License-Identifier: MIT
 *
 * up and down: the two programs an instance needs, and everything away again.
 */
#include "driverdomains/cgroup.h"
#include "driverdomains/cli.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define START_MS 15000
#define STOP_MS  60000
#define STEP_US  2000

static bool answers(struct weir_cli *c, const char *name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    bool ok;

    weir_instance_path(&c->in, name, a.sun_path, sizeof(a.sun_path));
    ok = fd >= 0 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0;
    if (fd >= 0)
        close(fd);
    return ok;
}

/* The first line of what a program said before it died: what came after are
 * consequences.  from: where its lines begin. */
static void show_log(const char *path, off_t from)
{
    char line[400] = "";
    FILE *f = fopen(path, "re");

    if (f && fseeko(f, from, SEEK_SET) == 0 && fgets(line, sizeof(line), f)) {
        line[strcspn(line, "\n")] = '\0';
        fprintf(stderr, "%s\n", line);
    }
    if (f)
        fclose(f);
}

_Noreturn static void child(char *const *argv, int log)
{
    int null = open("/dev/null", O_RDONLY);

    setsid();
    if (null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
        _exit(126);
    syscall(SYS_close_range, 3, ~0u, 0);
    if (chdir("/") == 0)
        execv(argv[0], argv);
    _exit(127);
}

/* A program of an instance that goes on writes on in its log. */
static int open_log(struct weir_cli *c, const char *name, bool again,
                    char *path, size_t size, off_t *from)
{
    struct stat st;
    char file[64];
    int fd;

    snprintf(file, sizeof(file), "log/%s.log", name);
    weir_instance_path(&c->in, file, path, size);
    fd = open(path,
              O_WRONLY | O_CREAT | (again ? 0 : O_TRUNC) | O_APPEND | O_CLOEXEC,
              0640);
    *from = fd >= 0 && fstat(fd, &st) == 0 ? st.st_size : 0;
    return fd;
}

/* Starts a program and waits until its socket answers. */
static int start(struct weir_cli *c, const char *name, const char *sock,
                 const char *memory, bool again)
{
    char program[600], log[160];
    const char *argv[] = {program,         "--state-dir",
                          c->in.state_dir, memory ? "--memory" : NULL,
                          memory,          NULL};
    int fd, status;
    off_t from;
    pid_t pid;

    snprintf(program, sizeof(program), "%s/%s", c->bin_dir, name);
    if (access(program, X_OK))
        return cli_error("%s: %s: install it beside weir", program,
                         strerror(errno));
    fd = open_log(c, name, again, log, sizeof(log), &from);
    if (fd < 0)
        return cli_error("%s: %s", log, strerror(errno));
    pid = fork();
    if (pid == 0) /* execv writes nothing; its prototype lacks const */
        child((char *const *)(uintptr_t)argv, fd);
    close(fd);
    if (pid < 0)
        return cli_error("fork: %s", strerror(errno));
    for (int i = 0; i < START_MS * 1000 / STEP_US; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            show_log(log, from);
            return cli_error("%s did not start", name);
        }
        if (answers(c, sock))
            return 0;
        usleep(STEP_US);
    }
    if (again) /* asked to end it would end all that runs */
        return cli_error("%s does not answer yet after %d s and goes on by "
                         "itself: see `%s`",
                         name, START_MS / 1000, log);
    kill(pid, SIGTERM);
    waitpid(pid, &status, 0);
    show_log(log, from);
    return cli_error("%s did not answer within %d s", name, START_MS / 1000);
}

static int make_dirs(struct weir_cli *c)
{
    char log[160];

    weir_instance_path(&c->in, "log", log, sizeof(log));
    if ((mkdir(c->in.state_dir, 0755) && errno != EEXIST) ||
        (mkdir(log, 0750) && errno != EEXIST))
        return cli_error("%s: %s: run as root, or give another --state-dir",
                         c->in.state_dir, strerror(errno));
    return 0;
}

/* ---- down ------------------------------------------------------------- */

static int stop_devd(struct weir_cli *c)
{
    struct weir_devctl_status st;
    struct weir_devctl_out o;
    uint8_t buf[64];
    int pidfd, rc;

    if (!answers(c, "devd.sock"))
        return 0;
    if (cli_devd(c))
        return 1;
    pidfd = cli_peer_pidfd(c->devd_fd);
    weir_devctl_begin(&o, buf, sizeof(buf), WEIR_DEVCTL_DOWN, ++c->seq);
    rc = cli_call(c, buf, weir_devctl_end(&o), NULL, NULL, &st);
    close(c->devd_fd);
    c->devd_fd = -1;
    if (rc && rc != -ECONNRESET)
        cli_error("weir-devd: %s", strerror(-rc));
    if (pidfd < 0)
        return 0;
    rc = cli_wait_end(pidfd, STOP_MS);
    close(pidfd);
    return rc ? cli_error("weir-devd does not end: see `%s/log/weir-devd.log`",
                          c->in.state_dir)
              : 0;
}

static int stop_hv(struct weir_cli *c)
{
    int pidfd, rc;

    if (!answers(c, "hv.sock"))
        return 0;
    if (cli_hv(c))
        return 1;
    pidfd = cli_peer_pidfd(weir_hvctl_fd(c->hv));
    weir_hvctl_close(c->hv);
    c->hv = NULL;
    if (pidfd < 0)
        return cli_error("weir-hv: %s", strerror(-pidfd));
    syscall(SYS_pidfd_send_signal, pidfd, SIGTERM, NULL, 0);
    rc = cli_wait_end(pidfd, STOP_MS);
    close(pidfd);
    return rc ? cli_error("weir-hv does not end: see `%s/log/weir-hv.log`",
                          c->in.state_dir)
              : 0;
}

static void remove_logs(struct weir_cli *c)
{
    char dir[160], path[500];
    struct dirent *e;
    DIR *d;

    weir_instance_path(&c->in, "log", dir, sizeof(dir));
    d = opendir(dir);
    while (d && (e = readdir(d))) {
        if (!strstr(e->d_name, ".log"))
            continue;
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

/* Packet filters are the manager's craft. */
static void sweep_filters(struct weir_cli *c)
{
    char program[600], clean[] = "--clean", dir[] = "--state-dir";
    char *argv[] = {program, clean, dir, c->in.state_dir, NULL};
    pid_t pid;

    snprintf(program, sizeof(program), "%s/weir-devd", c->bin_dir);
    if (access(c->in.state_dir, F_OK) == 0 &&
        posix_spawn(&pid, program, NULL, NULL, argv, environ) == 0)
        waitpid(pid, NULL, 0);
}

/* What a manager that was killed could not take away.  Domains end with weir-hv
 * by themselves, save one that is stopped. */
static int sweep(struct weir_cli *c)
{
    static const char *const files[] = {"devd.sock", "hv.sock",
                                        "xenstored.sock", "devd.lock",
                                        WEIR_CGROUPS_FILE ".new"};
    struct weir_cgroups g;
    char path[160];
    pid_t left = 0;
    bool groups;

    weir_instance_path(&c->in, WEIR_CGROUPS_FILE, path, sizeof(path));
    groups = weir_cgroups_find(&g, c->in.tag, path) == 0;
    if (groups)
        left = weir_cgroups_kill(&g);
    sweep_filters(c);
    if (groups)
        weir_cgroups_remove(&g);
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        weir_instance_path(&c->in, files[i], path, sizeof(path));
        unlink(path);
    }
    weir_instance_path(&c->in, "root", path, sizeof(path));
    rmdir(path);
    return left ? cli_error("process %d of a domain does not end: it waits for "
                            "a device; see /proc/%d/stack",
                            left, left)
                : 0;
}

static int take_down(struct weir_cli *c, bool keep_logs)
{
    int rc = stop_devd(c);

    if (stop_hv(c) || rc)
        return 1;
    rc = sweep(c);
    if (!keep_logs)
        remove_logs(c);
    rmdir(c->in.state_dir); /* stays when it holds anything else */
    return rc;
}

int cli_down(struct weir_cli *c, int argc, char **argv)
{
    bool keep = cli_flag(&argc, argv, "--keep-logs");

    if (argc != 1)
        return CLI_USAGE;
    if (geteuid() != 0)
        return cli_error("must be run as root");
    return take_down(c, keep);
}

/* ---- up --------------------------------------------------------------- */

/* weir-hv answers and no manager does: the next one goes on with what runs. */
static int start_again(struct weir_cli *c)
{
    struct weir_hv_machine m;
    int rc = cli_hv(c);

    if (rc == 0)
        rc = make_dirs(c);
    if (rc == 0)
        rc = start(c, "weir-devd", "devd.sock", NULL, true);
    if (rc)
        return rc;
    rc = weir_hvctl_machine(c->hv, &m);
    if (rc)
        return cli_error("weir-hv: %s", strerror(-rc));
    printf("%s: weir-devd was gone and runs again, with %u domains\n",
           c->in.state_dir, m.domains);
    return 0;
}

/* To the manager, or to weir-hv alone. */
static bool is_known(struct weir_cli *c, const char *name)
{
    struct weir_devctl_dominfo *known;
    struct weir_hv_dominfo *list;
    unsigned n;
    bool found = false;

    cli_dominfos(c, &known, &n);
    for (unsigned i = 0; i < n; i++)
        found = found || !strcmp(known[i].name, name);
    free(known);
    if (cli_domains(c, &list, &n))
        return found;
    for (unsigned i = 0; i < n; i++)
        found = found || !strcmp(list[i].name, name);
    free(list);
    return found;
}

/* An instance that lost its manager: nothing of it is taken down again. */
static int bring_back(struct weir_cli *c, int n, struct weir_config_file *files)
{
    int rc = start_again(c);

    for (int i = 0; rc == 0 && i < n; i++)
        if (!is_known(c, files[i].cfg.name))
            rc = cli_create_loaded(c, &files[i]);
    return rc;
}

static int bring_up(struct weir_cli *c, const char *memory, int n,
                    struct weir_config_file *files)
{
    bool hv = answers(c, "hv.sock"), devd = answers(c, "devd.sock");
    int rc;

    if (hv && devd)
        return cli_error("%s: an instance runs there: `weir create` builds "
                         "domains in it, `weir down` ends it, or use another "
                         "--state-dir",
                         c->in.state_dir);
    if (devd)
        return cli_error("%s: weir-hv is gone and its weir-devd is about to "
                         "end: try again soon, or `weir down` first",
                         c->in.state_dir);
    if (hv && memory)
        return cli_error("%s: weir-hv runs there and keeps its memory: leave "
                         "out --memory to start weir-devd again, or `weir "
                         "down` first",
                         c->in.state_dir);
    if (hv)
        return bring_back(c, n, files);
    rc = make_dirs(c);
    if (rc == 0)
        rc = start(c, "weir-hv", "hv.sock", memory, false);
    if (rc == 0)
        rc = start(c, "weir-devd", "devd.sock", NULL, false);
    for (int i = 0; rc == 0 && i < n; i++)
        rc = cli_create_loaded(c, &files[i]);
    if (rc)
        take_down(c, false);
    return rc;
}

int cli_up(struct weir_cli *c, int argc, char **argv)
{
    const char *memory = NULL;
    int got = cli_option(&argc, argv, "--memory", &memory), n = argc - 1;
    struct weir_config_file *files;
    uint64_t bytes;
    int rc;

    if (got < 0)
        return CLI_USAGE;
    if (got && (weir_cfg_size(memory, &bytes) || bytes < 1 << 20))
        return cli_error("--memory %s: give a size like 4G, at least 1M",
                         memory);
    if (geteuid() != 0)
        return cli_error("must be run as root: it makes namespaces, control "
                         "groups and taps");
    files = calloc((size_t)n + 1, sizeof(*files));
    if (!files)
        return cli_error("out of memory");
    rc = cli_load_all(c, n, argv + 1, files);
    if (rc == 0)
        rc = bring_up(c, memory, n, files);
    free(files);
    return rc;
}
