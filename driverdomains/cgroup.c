/* SPDX-License-Identifier: MIT */
#include "driverdomains/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PERIOD_US 100000u

static int put(const char *dir, const char *file, const char *text)
{
    char path[WEIR_CGROUP_PATH + 96];
    int fd, rc = 0;

    snprintf(path, sizeof(path), "%s/%s", dir, file);
    fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    if (write(fd, text, strlen(text)) < 0)
        rc = -errno;
    close(fd);
    return rc;
}

static int make_dir(const char *path)
{
    return mkdir(path, 0755) && errno != EEXIST ? -errno : 0;
}

static void miss(char missing[64], const char *controller)
{
    size_t n = strlen(missing);

    snprintf(missing + n, 64 - n, "%s%s", n ? ", " : "", controller);
}

static int dir_count(const struct weir_cgroups *g)
{
    return g->v2 ? 1 : WEIR_CG_COUNT;
}

/* A controller is for children once its parent passes it on. */
static void make_v2(const struct weir_cgroups *g, char missing[64])
{
    char parent[WEIR_CGROUP_PATH];

    snprintf(parent, sizeof(parent), "%s", g->base[0]);
    *strrchr(parent, '/') = '\0';
    for (int i = 0; i < WEIR_CG_COUNT; i++) {
        char on[16];

        snprintf(on, sizeof(on), "+%s", weir_cgroup_controllers[i]);
        put(parent, "cgroup.subtree_control", on);
        if (put(g->base[0], "cgroup.subtree_control", on))
            miss(missing, weir_cgroup_controllers[i]);
    }
}

int weir_cgroups_make(const struct weir_cgroups *g, char missing[64])
{
    int rc = weir_cgroups_note(g);

    missing[0] = '\0';
    for (int i = 0; rc == 0 && i < dir_count(g); i++) {
        if (g->base[i][0])
            rc = make_dir(g->base[i]);
        else
            miss(missing, weir_cgroup_controllers[i]);
    }
    if (rc == 0 && g->v2)
        make_v2(g, missing);
    return rc;
}

void weir_cgroups_remove(const struct weir_cgroups *g)
{
    bool gone = true;

    for (int i = 0; i < dir_count(g); i++) {
        DIR *d = g->base[i][0] ? opendir(g->base[i]) : NULL;
        struct dirent *e;
        char path[WEIR_CGROUP_PATH + 260];

        while (d && (e = readdir(d))) {
            if (e->d_type != DT_DIR || e->d_name[0] == '.')
                continue;
            snprintf(path, sizeof(path), "%s/%s", g->base[i], e->d_name);
            rmdir(path);
        }
        if (d)
            closedir(d);
        if (g->base[i][0] && rmdir(g->base[i]) && errno != ENOENT)
            gone = false;
    }
    if (gone && g->file[0])
        unlink(g->file);
}

static void group_dir(const struct weir_cgroups *g, int i, const char *name,
                      char buf[WEIR_CGROUP_PATH + 64])
{
    snprintf(buf, WEIR_CGROUP_PATH + 64, "%s/%.62s", g->base[g->v2 ? 0 : i],
             name);
}

/* A file the host's controller lacks sets no limit, which weir_cgroups_make
 * told of; one that refuses its value is an error: a domain does not run
 * without a limit it was given. */
static int limit(const char *dir, const char *file, const char *text)
{
    int rc = put(dir, file, text);

    return rc == -ENOENT ? 0 : rc;
}

static int limit_memory(const char *dir, bool v2,
                        const struct weir_cgroup_limits *l)
{
    char text[32];
    int rc;

    if (!l->memory)
        return 0;
    /* It is never below the other one, not even one from an earlier start. */
    if (!v2)
        put(dir, "memory.memsw.limit_in_bytes", "-1");
    snprintf(text, sizeof(text), "%" PRIu64, l->memory);
    rc = limit(dir, v2 ? "memory.max" : "memory.limit_in_bytes", text);
    if (rc)
        return rc;
    /* A domain's pages are pinned by grants and never leave for swap. */
    return v2 ? limit(dir, "memory.swap.max", "0")
              : limit(dir, "memory.memsw.limit_in_bytes", text);
}

static int limit_cpu(const char *dir, bool v2,
                     const struct weir_cgroup_limits *l)
{
    uint32_t weight = l->weight ? l->weight : 100;
    char text[48];
    int rc;

    /* Version 1 counts shares, 1024 neutral, 2 at least. */
    snprintf(text, sizeof(text), "%u",
             v2 ? weight : (weight * 1024 / 100 < 2 ? 2 : weight * 1024 / 100));
    rc = limit(dir, v2 ? "cpu.weight" : "cpu.shares", text);
    if (rc || !l->cap)
        return rc;
    if (v2) {
        snprintf(text, sizeof(text), "%u %u", l->cap * (PERIOD_US / 100),
                 PERIOD_US);
        return limit(dir, "cpu.max", text);
    }
    snprintf(text, sizeof(text), "%u", PERIOD_US);
    rc = limit(dir, "cpu.cfs_period_us", text);
    if (rc)
        return rc;
    snprintf(text, sizeof(text), "%u", l->cap * (PERIOD_US / 100));
    return limit(dir, "cpu.cfs_quota_us", text);
}

static int limit_pids(const char *dir, const struct weir_cgroup_limits *l)
{
    char text[16];

    if (!l->pids)
        return 0;
    snprintf(text, sizeof(text), "%u", l->pids);
    return limit(dir, "pids.max", text);
}

int weir_cgroup_make(const struct weir_cgroups *g, const char *name,
                     const struct weir_cgroup_limits *l, int *v2_fd)
{
    char dir[WEIR_CGROUP_PATH + 64];
    int rc = 0;

    *v2_fd = -1;
    for (int i = 0; i < WEIR_CG_COUNT && rc == 0; i++) {
        if (!g->base[g->v2 ? 0 : i][0])
            continue;
        group_dir(g, i, name, dir);
        rc = make_dir(dir);
        if (rc)
            break;
        if (i == WEIR_CG_MEMORY)
            rc = limit_memory(dir, g->v2, l);
        else if (i == WEIR_CG_CPU)
            rc = limit_cpu(dir, g->v2, l);
        else
            rc = limit_pids(dir, l);
    }
    if (rc == 0 && g->v2) {
        group_dir(g, 0, name, dir);
        *v2_fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        rc = *v2_fd < 0 ? -errno : 0;
    }
    if (rc)
        weir_cgroup_remove(g, name);
    return rc;
}

int weir_cgroup_enter(const struct weir_cgroups *g, const char *name)
{
    char dir[WEIR_CGROUP_PATH + 64];
    int rc = 0;

    for (int i = 0; !g->v2 && i < WEIR_CG_COUNT && rc == 0; i++) {
        if (!g->base[i][0])
            continue;
        group_dir(g, i, name, dir);
        rc = put(dir, "tasks", "0");
    }
    return rc;
}

int weir_cgroup_remove(const struct weir_cgroups *g, const char *name)
{
    char dir[WEIR_CGROUP_PATH + 64];
    int rc = 0;

    for (int i = 0; i < dir_count(g); i++) {
        if (!g->base[i][0])
            continue;
        group_dir(g, i, name, dir);
        if (rmdir(dir) && errno != ENOENT)
            rc = -errno;
    }
    return rc;
}

void weir_cgroup_show(const struct weir_cgroups *g, const char *name, char *buf,
                      size_t size)
{
    int i = 0;

    while (i < dir_count(g) - 1 && !g->base[i][0])
        i++;
    snprintf(buf, size, "%s/%s", g->base[i], name);
}
