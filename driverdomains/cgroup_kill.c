/* SPDX-License-Identifier: MIT
 *
 * Ends what is left in an instance's control groups.
 */
#include "driverdomains/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MEMBERS 32
#define ROUNDS  16
#define WAIT_MS 5000

static int members(const char *group, pid_t pid[MEMBERS])
{
    char path[WEIR_CGROUP_PATH + 280];
    int n = 0;
    FILE *f;

    snprintf(path, sizeof(path), "%s/cgroup.procs", group);
    f = fopen(path, "re");
    /* 0: of a process namespace that is not ours or below */
    while (f && n < MEMBERS && fscanf(f, "%d", &pid[n]) == 1)
        n += pid[n] > 0;
    if (f)
        fclose(f);
    return n;
}

/* The number can be another process's by the time it is opened; one that is in
 * the group after that is meant. */
static void kill_one(const char *group, pid_t pid)
{
    struct pollfd p = {.fd = (int)syscall(SYS_pidfd_open, pid, 0),
                       .events = POLLIN};
    pid_t now[MEMBERS];
    int n = members(group, now);

    if (p.fd < 0)
        return;
    for (int i = 0; i < n; i++)
        if (now[i] == pid &&
            syscall(SYS_pidfd_send_signal, p.fd, SIGKILL, NULL, 0) == 0)
            poll(&p, 1, WAIT_MS);
    close(p.fd);
}

static pid_t kill_group(const char *group)
{
    pid_t pid[MEMBERS];
    int n = members(group, pid);

    for (int round = 0; n > 0 && round < ROUNDS; round++) {
        for (int i = 0; i < n; i++)
            kill_one(group, pid[i]);
        n = members(group, pid);
    }
    return n > 0 ? pid[0] : 0;
}

void weir_cgroup_kill(const struct weir_cgroups *g, const char *name)
{
    char path[WEIR_CGROUP_PATH + 64];

    for (int i = 0; i < (g->v2 ? 1 : WEIR_CG_COUNT); i++) {
        if (!g->base[i][0])
            continue;
        snprintf(path, sizeof(path), "%s/%.60s", g->base[i], name);
        kill_group(path);
    }
}

pid_t weir_cgroups_kill(const struct weir_cgroups *g)
{
    pid_t left = 0;

    for (int i = 0; i < (g->v2 ? 1 : WEIR_CG_COUNT); i++) {
        DIR *d = g->base[i][0] ? opendir(g->base[i]) : NULL;
        struct dirent *e;
        char path[WEIR_CGROUP_PATH + 260];

        while (d && !left && (e = readdir(d))) {
            if (e->d_type != DT_DIR || e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", g->base[i], e->d_name);
            left = kill_group(path);
        }
        if (d)
            closedir(d);
    }
    return left;
}
