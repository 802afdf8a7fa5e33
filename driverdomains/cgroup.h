/* SPDX-License-Identifier: MIT
 *
 * A control group for each domain, below one directory an instance.  Pure
 * version 2 hierarchies and version 1 (also hybrid) ones; the memory, cpu and
 * pids controllers that the host has.
 */
#ifndef WEIR_DRIVERDOMAINS_CGROUP_H
#define WEIR_DRIVERDOMAINS_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WEIR_CGROUP_PATH  320
#define WEIR_CGROUPS_FILE "cgroups" /* in the state directory */

enum weir_cgroup_controller {
    WEIR_CG_MEMORY,
    WEIR_CG_CPU,
    WEIR_CG_PIDS,
    WEIR_CG_COUNT,
};

extern const char *const weir_cgroup_controllers[WEIR_CG_COUNT];

/* An instance's directories.  In version 1 they are below the group that its
 * first manager was in, so that limits which that one lives under hold for its
 * domains too; a later one, or `weir down`, may be in another group. */
struct weir_cgroups {
    bool v2;                                    /* base[0] alone is used */
    char base[WEIR_CG_COUNT][WEIR_CGROUP_PATH]; /* "": the host has none */
    char file[WEIR_CGROUP_PATH]; /* says where they are; "": nobody asks */
};

struct weir_cgroup_limits {
    uint64_t memory; /* bytes of the process's own memory, 0: no limit */
    uint32_t cap;    /* percent of one CPU, 0: no limit */
    uint32_t weight; /* 1..10000, 100 neutral; 0: 100 */
    uint32_t pids;   /* 0: no limit */
};

/* Where they are, or are to be; makes nothing.  file: "", or a name that the
 * state directory has for it.  -EIO: that is there and cannot be read. */
int weir_cgroups_find(struct weir_cgroups *g, const char *tag,
                      const char *file);
/* Makes them, and the file before.  missing names the controllers that the host
 * does not offer ("" when all are there): limits on them do not hold. */
int weir_cgroups_make(const struct weir_cgroups *g, char missing[64]);
/* Writes the file, when it says anything else. */
int weir_cgroups_note(const struct weir_cgroups *g);
/* Removes them and the empty ones below them; the file when nothing is left. */
void weir_cgroups_remove(const struct weir_cgroups *g);
/* Kills what runs in the domains' groups and waits for its end; 0, or a process
 * that does not end. */
pid_t weir_cgroups_kill(const struct weir_cgroups *g);
/* Of one domain: what is in its group ends, and is waited for. */
void weir_cgroup_kill(const struct weir_cgroups *g, const char *name);

/* Group of one domain.  *v2_fd: directory for CLONE_INTO_CGROUP, or -1 with
 * version 1, where weir_cgroup_enter does it. */
int weir_cgroup_make(const struct weir_cgroups *g, const char *name,
                     const struct weir_cgroup_limits *limits, int *v2_fd);
/* The caller, which must have one thread.  A thread that moves itself, into
 * "tasks", waits for nobody; moving another costs the kernel a grace period,
 * some 10 ms.  Nothing to do in version 2. */
int weir_cgroup_enter(const struct weir_cgroups *g, const char *name);
/* -EBUSY while a process is in it. */
int weir_cgroup_remove(const struct weir_cgroups *g, const char *name);
/* The group's directory, for people. */
void weir_cgroup_show(const struct weir_cgroups *g, const char *name, char *buf,
                      size_t size);

/* Pure: finds in the text of /proc/self/mountinfo the mount point of the
 * version 1 controller (or of cgroup2 with controller NULL). 0 or -ENOENT. */
int weir_cgroup_mount(const char *mountinfo, const char *controller, char *buf,
                      size_t size);
/* Pure: the path of this process in the controller's hierarchy, from the text
 * of /proc/self/cgroup. */
int weir_cgroup_own(const char *text, const char *controller, char *buf,
                    size_t size);

#endif
