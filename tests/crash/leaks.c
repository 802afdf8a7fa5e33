/* SPDX-License-Identifier: MIT */
#include "tests/crash/leaks.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define TRIES   100
#define STEP_NS 20000000
#define MAPS    4 /* of malloc and stacks, which come and go */

static const struct {
    const char *name, *socket;
} servers[LEAKS_SERVERS] = {
    {"weir-hv", "hv.sock"},
    {"weir-devd", "devd.sock"},
    {"weir-xenstored", "xenstored.sock"},
};

static int server_pid(const char *state_dir, const char *socket_name)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    struct ucred cred = {0};
    socklen_t len = sizeof(cred);
    static const int types[] = {SOCK_SEQPACKET, SOCK_STREAM};

    snprintf(a.sun_path, sizeof(a.sun_path), "%s/%s", state_dir, socket_name);
    for (unsigned i = 0; i < 2 && cred.pid == 0; i++) {
        int fd = socket(AF_UNIX, types[i] | SOCK_CLOEXEC, 0);

        if (fd < 0)
            return -errno;
        if (connect(fd, (struct sockaddr *)&a, sizeof(a)) == 0)
            getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len);
        close(fd);
    }
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

int leaks_begin(struct leaks *l, const char *state_dir)
{
    for (unsigned i = 0; i < LEAKS_SERVERS; i++) {
        l->pid[i] = server_pid(state_dir, servers[i].socket);
        if (l->pid[i] < 0)
            return l->pid[i];
    }
    nap(); /* the connection made for it is gone then */
    for (unsigned i = 0; i < LEAKS_SERVERS; i++)
        count(l, i);
    return 0;
}

static bool grew(const struct leaks *l, struct leaks *now, unsigned i)
{
    count(now, i);
    return now->fds[i] > l->fds[i] || now->tasks[i] > l->tasks[i] ||
           now->maps[i] > l->maps[i] + MAPS;
}

unsigned leaks_end(const struct leaks *l)
{
    struct leaks now = *l;
    unsigned n = 0;

    for (unsigned i = 0; i < LEAKS_SERVERS; i++) {
        unsigned tries = 0;

        while (grew(l, &now, i) && ++tries < TRIES)
            nap();
        if (tries < TRIES)
            continue;
        n++;
        fprintf(stderr,
                "crash_kill: LEFT: %s has %u descriptors, %u threads, %u "
                "mappings; before the kills %u, %u, %u\n",
                servers[i].name, now.fds[i], now.tasks[i], now.maps[i],
                l->fds[i], l->tasks[i], l->maps[i]);
    }
    return n;
}
