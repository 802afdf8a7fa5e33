/* SPDX-License-Identifier: MIT
 *
 * domain_start: milliseconds of `weir create` for a disk driver domain, from
 * the command's start until the domain is sealed and takes devices.
 * domain_start_connected: the same and then a guest with a disk and an
 * interface on it, until both ends of the disk are Connected.
 *
 * Peer: unshare(1) running true(1) in as many new namespaces, which is what
 * the kernel takes of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define RUNS 11

extern char **environ;

struct bench {
    char dir[64], weir[512], state[80], tests[512];
    double start[RUNS], connected[RUNS], peer[RUNS];
};

static double now_ms(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Exit status of the program; its output goes to out. */
static int run(const char *const *argv, const char *out)
{
    posix_spawn_file_actions_t fa;
    pid_t pid;
    int status = -1;

    posix_spawn_file_actions_init(&fa);
    posix_spawn_file_actions_addopen(&fa, 1, out, O_WRONLY | O_CREAT | O_TRUNC,
                                     0600);
    if (posix_spawnp(&pid, argv[0], &fa, NULL, (char *const *)(uintptr_t)argv,
                     environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&fa);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int weir(const struct bench *b, const char *verb, const char *a,
                const char *c)
{
    const char *argv[] = {b->weir, "--state-dir", b->state, verb, a, c, NULL};

    return run(argv, "/dev/null");
}

static int config(const struct bench *b, const char *name, const char *text)
{
    char path[128];
    FILE *f;

    snprintf(path, sizeof(path), "%s/%s.cfg", b->dir, name);
    f = fopen(path, "we");
    if (!f)
        return -1;
    fputs(text, f);
    return fclose(f);
}

static int prepare(struct bench *b)
{
    char text[1200], path[128];
    int fd;

    strcpy(b->dir, "/tmp/weir-bench-XXXXXX");
    if (!mkdtemp(b->dir))
        return -1;
    snprintf(b->state, sizeof(b->state), "%s/s", b->dir);
    snprintf(path, sizeof(path), "%s/img", b->dir);
    fd = open(path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0 || ftruncate(fd, 16 << 20))
        return -1;
    close(fd);
    {
        const char *mk[] = {"mke2fs", "-q", "-F", "-t", "ext4", path, NULL};

        if (run(mk, "/dev/null"))
            return -1;
    }
    snprintf(text, sizeof(text),
             "name='web'\nkernel='%s/webguest'\nargs=['--ip','10.9.9.9/24']\n"
             "memory=64\ndisk=['format=raw,vdev=xvda,access=ro,target=%s']\n"
             "vif=['sink=memory']\n",
             b->tests, path);
    if (config(b, "web", text) ||
        config(b, "disk",
               "name='disk'\nkernel='weir-blkback'\n"
               "driver_domain=1\n") ||
        config(b, "net",
               "name='net'\nkernel='weir-netback'\n"
               "driver_domain=1\nmemory=32\n"))
        return -1;
    return weir(b, "up", "--memory=256M", NULL);
}

static int connected(const struct bench *b)
{
    char out[128], text[8192];
    const char *argv[] = {b->weir,  "--state-dir", b->state,
                          "--json", "block-list",  NULL};
    size_t n;
    FILE *f;

    snprintf(out, sizeof(out), "%s/out", b->dir);
    if (run(argv, out) || !(f = fopen(out, "re")))
        return 0;
    n = fread(text, 1, sizeof(text) - 1, f);
    fclose(f);
    text[n] = '\0';
    return strstr(text, "\"frontend_state\": \"Connected\"") &&
           strstr(text, "\"backend_state\": \"Connected\"");
}

static int once(struct bench *b, int i)
{
    const char *peer[] = {"unshare", "-n",     "-m",   "-p", "-i",
                          "-u",      "--fork", "true", NULL};
    char disk[128], web[128];
    double t0 = now_ms(), end;

    if (run(peer, "/dev/null"))
        return -1;
    b->peer[i] = now_ms() - t0;
    snprintf(disk, sizeof(disk), "%s/disk.cfg", b->dir);
    snprintf(web, sizeof(web), "%s/web.cfg", b->dir);
    t0 = now_ms();
    if (weir(b, "create", disk, NULL))
        return -1;
    b->start[i] = now_ms() - t0;
    if (weir(b, "create", web, NULL))
        return -1;
    end = now_ms() + 5000;
    while (!connected(b))
        if (now_ms() > end)
            return -1;
    b->connected[i] = now_ms() - t0;
    return weir(b, "destroy", "web", NULL) || weir(b, "destroy", "disk", NULL)
               ? -1
               : 0;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median(double *v)
{
    qsort(v, RUNS, sizeof(*v), by_size);
    return v[RUNS / 2];
}

static void print(const char *name, double *v, double peer)
{
    printf("{\"name\":\"%s\",\"unit\":\"ms\",\"higher_is_better\":false,"
           "\"weir\":%.2f,\"peer_name\":\"unshare -nmpiu true\","
           "\"peer\":%.2f}\n",
           name, median(v), peer);
}

int main(void)
{
    static struct bench b;
    char exe[400], rm[100], net[128];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    int rc;

    if (geteuid() != 0) {
        puts("needs root: namespaces");
        return 77;
    }
    if (n <= 0)
        return 1;
    exe[n] = '\0';
    *strrchr(exe, '/') = '\0';
    snprintf(b.tests, sizeof(b.tests), "%s", exe);
    snprintf(b.weir, sizeof(b.weir), "%s/../bin/weir", exe);
    /* No interface of the host's is touched. */
    if (unshare(CLONE_NEWNET)) {
        printf("unshare: %s\n", strerror(errno));
        return 77;
    }
    rc = prepare(&b);
    snprintf(net, sizeof(net), "%s/net.cfg", b.dir);
    rc = rc ? rc : weir(&b, "create", net, NULL);
    for (int i = 0; rc == 0 && i < RUNS; i++)
        rc = once(&b, i);
    weir(&b, "down", NULL, NULL);
    snprintf(rm, sizeof(rm), "rm -rf %s", b.dir);
    if (system(rm) || rc)
        return 1;
    print("domain_start", b.start, median(b.peer));
    print("domain_start_connected", b.connected, median(b.peer));
    return 0;
}
