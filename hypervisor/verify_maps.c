/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/verify_proc.h"

#define MAPS_MAX 8192

struct map {
    uint64_t start, end;
    char perms[5];
    dev_t dev;
    uint64_t ino;
    char path[128];
};

/* "start-end perms offset major:minor inode   path"; *m stays as it is when
 * the line is another. */
static bool parse_header(const char *line, struct map *m)
{
    unsigned major_n, minor_n;
    uint64_t offset;
    struct map new = {0};
    int at = 0;
    if (sscanf(line,
               "%" SCNx64 "-%" SCNx64 " %4s %" SCNx64 " %x:%x %" SCNu64 " %n",
               &new.start, &new.end, new.perms, &offset, &major_n, &minor_n,
               &new.ino, &at) < 7)
        return false;
    new.dev = makedev(major_n, minor_n);
    snprintf(new.path, sizeof(new.path), "%s", at ? line + at : "");
    new.path[strcspn(new.path, "\n")] = '\0';
    *m = new;
    return true;
}

static bool has_flag(const char *flags, const char *two)
{
    for (const char *p = flags; (p = strstr(p, two)); p++)
        if ((p == flags || p[-1] == ' ') && (p[2] == ' ' || p[2] == '\n'))
            return true;
    return false;
}

/* Flags are named in Linux Documentation/filesystems/proc.rst. */
static int check_flags(const struct weir_seal_expect *e, const struct map *m,
                       const char *flags, bool need_sl, char *reason)
{
    const struct {
        const char *flag, *what;
        bool needed;
    } want[] = {
        {"um", "not registered for missing pages", true},
        {"ui", "not registered for minor faults", true},
        {"uw", "not registered for write protection", e->base == e->ro_base},
        {"dc", "inherited by a fork", true},
        {"dd", "part of core files", true},
        {"nh", "open to huge pages", true},
        {"sl", "not sealed (mseal)", need_sl},
    };
    for (unsigned i = 0; i < sizeof(want) / sizeof(*want); i++)
        if (want[i].needed && !has_flag(flags, want[i].flag))
            return weir_verify_say(reason, -EPERM,
                                   "its window at %" PRIx64 " is %s", m->start,
                                   want[i].what);
    return 0;
}

/* 1: a window, whose flags are then to be checked; 0: something harmless. */
static int check_map(const struct weir_seal_expect *e, const struct map *m,
                     unsigned *found, char *reason)
{
    if (m->ino != (uint64_t)e->mem_ino || m->dev != e->mem_dev) {
        /* [aio]: the completion ring, made by io_setup */
        if (m->perms[3] == 's' && strncmp(m->path, "/[aio]", 6))
            return weir_verify_say(
                reason, -EPERM, "it shares other memory at %" PRIx64 " (%.64s)",
                m->start, m->path);
        return 0;
    }
    bool rw = m->start == e->base;
    bool ro = e->ro_base != e->base && m->start == e->ro_base;
    if ((!rw && !ro) || m->end - m->start != e->size)
        return weir_verify_say(reason, -EPERM,
                               "it maps machine memory a second time, at "
                               "%" PRIx64 "-%" PRIx64,
                               m->start, m->end);
    if (strcmp(m->perms, rw ? "rw-s" : "r--s"))
        return weir_verify_say(reason, -EPERM,
                               "its window at %" PRIx64 " is mapped %s",
                               m->start, m->perms);
    *found |= rw ? 1 : 2;
    return 1;
}

int weir_verify_smaps(const struct weir_seal_expect *e, FILE *f, bool need_sl,
                      char *reason)
{
    char line[512];
    struct map m = {0};
    unsigned found = 0, maps = 0, expected = e->base == e->ro_base ? 1 : 3;
    bool at_start = true, window = false;
    while (fgets(line, sizeof(line), f)) {
        bool whole = strchr(line, '\n') != NULL, first = at_start;
        at_start = whole; /* the rest of a long path is no header */
        if (!first)
            continue;
        int rc = 0;
        if (window && !strncmp(line, "VmFlags: ", 9)) {
            rc = check_flags(e, &m, line + 9, need_sl, reason);
            window = false;
        } else if (parse_header(line, &m)) {
            if (window || ++maps > MAPS_MAX)
                return weir_verify_say(reason, -EPERM,
                                       window ? "no VmFlags in its smaps"
                                              : "too many mappings");
            rc = check_map(e, &m, &found, reason);
            window = rc == 1;
        }
        if (rc < 0)
            return rc;
    }
    if (!maps)
        return weir_verify_say(reason, -ESRCH, "no mappings: it died");
    if (found != expected || window)
        return weir_verify_say(reason, -EPERM,
                               "no window onto machine memory at %" PRIx64,
                               found & 1 ? e->ro_base : e->base);
    return 0;
}
