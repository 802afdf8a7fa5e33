/* SPDX-License-Identifier: MIT */
#include "tests/crash/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TRIES   100
#define STEP_NS 20000000
#define MAPS    4 /* of malloc and stacks, which come and go */

static const char *const names[LEAKS_SERVERS] = {"weir-hv", "weir-devd",
                                                 "weir-xenstored"};

static int server_pid(const char *state_dir, const char *socket_name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -errno;
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", state_dir, socket_name);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
        getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
    close(fd);
    return cred.pid > 0 ? cred.pid : -ECONNREFUSED;
}

static unsigned entries(int pid, const char *what)
{
    char path[64];
    unsigned n = 0;
    DIR *d;

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
    d = opendir(path);
    while (d != NULL && readdir(d) != NULL)
        n++;
    if (d != NULL)
        closedir(d);
    return n;
}

static unsigned lines(int pid)
{
    char path[64];
    unsigned n = 0;
    FILE *f;
    int c;

    snprintf(path, sizeof(path), "/proc/%d/maps", pid);
    f = fopen(path, "r");
    while (f != NULL && (c = getc(f)) != EOF)
        n += c == '\n';
    if (f != NULL)
        fclose(f);
    return n;
}

static void nap(void)
{
    nanosleep(&(struct timespec){0, STEP_NS}, NULL);
}

static void count(struct leaks *l, unsigned i)
{
    l->fds[i] = entries(l->pid[i], "fd");
    l->tasks[i] = entries(l->pid[i], "task");
    l->maps[i] = lines(l->pid[i]);
}

static void count_domain(struct leaks *l, unsigned i)
{
    if (weir_hvctl_info(l->hv, l->domid[i], &l->dom[i]) != 0)
        memset(&l->dom[i], 0xff, sizeof(l->dom[i]));
}

int leaks_begin(struct leaks *l, const char *state_dir, int xenstored,
                domid_t driver)
{
    char path[128];
    int err;

    l->pid[0] = server_pid(state_dir, "hv.sock");
    l->pid[1] = server_pid(state_dir, "devd.sock");
    l->pid[2] = xenstored;
    l->domid[0] = 1;
    l->domid[1] = driver;
    for (unsigned i = 0; i < LEAKS_SERVERS; i++)
        if (l->pid[i] <= 0)
            return -ESRCH;
    snprintf(path, sizeof(path), "%s/hv.sock", state_dir);
    err = weir_hvctl_open(path, &l->hv);
    if (err != 0)
        return err;
    nap(); /* connections made for this are gone then */
    for (unsigned i = 0; i < LEAKS_SERVERS; i++)
        count(l, i);
    for (unsigned i = 0; i < LEAKS_DOMAINS; i++)
        count_domain(l, i);
    return 0;
}

static bool grew(const struct leaks *l, struct leaks *now, unsigned i)
{
    count(now, i);
    return now->fds[i] > l->fds[i] || now->tasks[i] > l->tasks[i] ||
           now->maps[i] > l->maps[i] + MAPS;
}

static bool domain_grew(const struct leaks *l, struct leaks *now, unsigned i)
{
    count_domain(now, i);
    return now->dom[i].frames > l->dom[i].frames ||
           now->dom[i].ports > l->dom[i].ports ||
           now->dom[i].grants_active > l->dom[i].grants_active;
}

static unsigned look(const struct leaks *l, bool tell)
{
    struct leaks now = *l;
    unsigned n = 0;

    for (unsigned i = 0; i < LEAKS_SERVERS; i++)
        if (grew(l, &now, i)) {
            n++;
            if (tell)
                fprintf(stderr,
                        "crash_kill: LEFT: %s has %u descriptors, %u threads, "
                        "%u mappings; before the kills %u, %u, %u\n",
                        names[i], now.fds[i], now.tasks[i], now.maps[i],
                        l->fds[i], l->tasks[i], l->maps[i]);
        }
    for (unsigned i = 0; i < LEAKS_DOMAINS; i++)
        if (domain_grew(l, &now, i)) {
            n++;
            if (tell)
                fprintf(stderr,
                        "crash_kill: LEFT: domain %u has %u frames, %u ports, "
                        "%u grants; before the kills %u, %u, %u\n",
                        now.domid[i], (unsigned)now.dom[i].frames,
                        (unsigned)now.dom[i].ports,
                        (unsigned)now.dom[i].grants_active,
                        (unsigned)l->dom[i].frames, (unsigned)l->dom[i].ports,
                        (unsigned)l->dom[i].grants_active);
        }
    return n;
}

unsigned leaks_end(const struct leaks *l)
{
    unsigned n = look(l, false);

    for (unsigned tries = 0; n != 0 && tries < TRIES; tries++) {
        nap();
        n = look(l, tries + 1 == TRIES);
    }
    weir_hvctl_close(l->hv);
    return n;
}
