/* SPDX-License-Identifier: MIT */
#include "driverdomains/instance.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint32_t hash(const char *s)
{
    uint32_t h = 2166136261u;

    for (; *s; s++)
        h = (h ^ (uint8_t)*s) * 16777619u;
    return h;
}

int weir_instance_init(struct weir_instance *in, const char *dir)
{
    char parent[PATH_MAX], real[PATH_MAX];
    const char *base;
    char *slash;
    int n;

    /* One directory has one tag, whatever way leads to it. */
    if (!realpath(dir, real)) {
        if (errno != ENOENT)
            return -errno;
        n = snprintf(parent, sizeof(parent), "%s", dir);
        while (n > 1 && n < PATH_MAX && parent[n - 1] == '/')
            parent[--n] = '\0';
        slash = n < PATH_MAX ? strrchr(parent, '/') : NULL;
        base = slash ? slash + 1 : dir;
        if (!*base || n >= PATH_MAX)
            return -EINVAL;
        if (slash)
            *slash = '\0';
        if (!realpath(slash ? (*parent ? parent : "/") : ".", real))
            return -errno;
        n = snprintf(in->state_dir, sizeof(in->state_dir), "%s/%s",
                     strcmp(real, "/") ? real : "", base);
    } else {
        n = snprintf(in->state_dir, sizeof(in->state_dir), "%s", real);
    }
    if (n < 0 || (size_t)n >= sizeof(in->state_dir))
        return -ENAMETOOLONG;
    if (!strcmp(in->state_dir, WEIR_STATE_DIR))
        strcpy(in->tag, "weir");
    else
        snprintf(in->tag, sizeof(in->tag), "weir-%08x", hash(in->state_dir));
    return 0;
}

void weir_instance_path(const struct weir_instance *in, const char *name,
                        char *buf, size_t size)
{
    snprintf(buf, size, "%s/%s", in->state_dir, name);
}

void weir_instance_tap(const struct weir_instance *in, uint32_t domid,
                       uint32_t devid, char name[16])
{
    if (!strcmp(in->tag, "weir"))
        snprintf(name, 16, "vif%u.%u", domid % 100000, devid % 1000);
    else
        snprintf(name, 16, "w%04x-%u.%u", hash(in->state_dir) & 0xffff,
                 domid % 100000, devid % 1000);
}
