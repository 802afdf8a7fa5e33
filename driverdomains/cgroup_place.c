/* SPDX-License-Identifier: MIT
 *
 * Where an instance has its control groups: as its state directory says, while
 * they are there, and else below the caller's own.
 */
#include "driverdomains/cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES (WEIR_CG_COUNT * (WEIR_CGROUP_PATH + 16))

const char *const weir_cgroup_controllers[WEIR_CG_COUNT] = {
    [WEIR_CG_MEMORY] = "memory",
    [WEIR_CG_CPU] = "cpu",
    [WEIR_CG_PIDS] = "pids",
};

static char *slurp(const char *path)
{
    size_t size = 1 << 18, used = 0;
    char *buf = malloc(size);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 0;

    while (buf && fd >= 0 && used < size - 1 &&
           (n = read(fd, buf + used, size - 1 - used)) > 0)
        used += (size_t)n;
    if (fd >= 0)
        close(fd);
    if (!buf || fd < 0 || n < 0) {
        free(buf);
        return NULL;
    }
    buf[used] = '\0';
    return buf;
}

/* ---- the file: "CONTROLLER DIRECTORY" in each line ----------------------- */

static size_t describe(const struct weir_cgroups *g, char text[FILE_BYTES])
{
    size_t n = 0;

    for (int i = 0; i < WEIR_CG_COUNT; i++)
        if (g->base[i][0])
            n += (size_t)snprintf(text + n, FILE_BYTES - n, "%s %s\n",
                                  weir_cgroup_controllers[i], g->base[i]);
    return n;
}

/* It is this instance's, and there. */
static bool usable(const char *path, const char *tag)
{
    size_t n = strlen(path), t = strlen(tag);
    struct stat st;

    return n > t && n < WEIR_CGROUP_PATH && path[0] == '/' &&
           path[n - t - 1] == '/' && !strcmp(path + n - t, tag) &&
           stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* -EIO: it is there and cannot be read; groups elsewhere would be forgotten. */
static int recall(struct weir_cgroups *g, const char *tag)
{
    char *text = g->file[0] ? slurp(g->file) : NULL, *rest = text, *line;

    if (!text)
        return g->file[0] && access(g->file, F_OK) == 0 ? -EIO : 0;
    while (rest && (line = strsep(&rest, "\n"))) {
        const char *name = strsep(&line, " ");

        for (int i = 0; line && i < WEIR_CG_COUNT; i++)
            if (!strcmp(name, weir_cgroup_controllers[i]) && usable(line, tag))
                strcpy(g->base[i], line);
    }
    free(text);
    return 0;
}

/* One whole file takes the other's place. */
static int replace(const char *file, const char *text, size_t len)
{
    char next[WEIR_CGROUP_PATH + 8];
    ssize_t n;
    int fd, rc = 0;

    snprintf(next, sizeof(next), "%s.new", file);
    fd =
        open(next, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    n = write(fd, text, len);
    if (n < 0)
        rc = -errno;
    else if ((size_t)n != len)
        rc = -ENOSPC;
    close(fd);
    if (rc == 0 && rename(next, file))
        rc = -errno;
    if (rc)
        unlink(next);
    return rc;
}

int weir_cgroups_note(const struct weir_cgroups *g)
{
    char text[FILE_BYTES], *there;
    size_t n = describe(g, text);
    int rc = 0;

    if (g->v2 || !g->file[0]) /* one place, whoever looks for it */
        return 0;
    there = slurp(g->file);
    if (!there || strlen(there) != n || memcmp(there, text, n) != 0)
        rc = replace(g->file, text, n);
    free(there);
    return rc;
}

/* ---- the host --------------------------------------------------------------
 */

static int find_v1(struct weir_cgroups *g, const char *mounts, const char *own,
                   const char *tag)
{
    char mount[128], path[160];

    for (int i = 0; i < WEIR_CG_COUNT; i++) {
        const char *controller = weir_cgroup_controllers[i];

        if (weir_cgroup_mount(mounts, controller, mount, sizeof(mount)))
            continue;
        if (weir_cgroup_own(own, controller, path, sizeof(path)) ||
            !strcmp(path, "/"))
            path[0] = '\0';
        snprintf(g->base[i], sizeof(g->base[i]), "%s%s/%s", mount, path, tag);
    }
    return recall(g, tag);
}

int weir_cgroups_find(struct weir_cgroups *g, const char *tag, const char *file)
{
    char *mounts = slurp("/proc/self/mountinfo");
    char *own = slurp("/proc/self/cgroup");
    char mount[128], probe[160], *have = NULL;
    int rc = mounts && own ? 0 : -ENOENT;

    memset(g, 0, sizeof(*g));
    snprintf(g->file, sizeof(g->file), "%s", file);
    if (rc == 0 && weir_cgroup_mount(mounts, NULL, mount, sizeof(mount)) == 0) {
        snprintf(probe, sizeof(probe), "%s/cgroup.controllers", mount);
        have = slurp(probe);
    }
    /* A hybrid host has its controllers in version 1. */
    g->v2 = have && strstr(have, "memory");
    if (rc == 0 && g->v2)
        snprintf(g->base[0], sizeof(g->base[0]), "%s/%s", mount, tag);
    else if (rc == 0)
        rc = find_v1(g, mounts, own, tag);
    free(have);
    free(mounts);
    free(own);
    return rc;
}
