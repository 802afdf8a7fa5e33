/* SPDX-License-Identifier: MIT
 *
 * Start of a domain program.  The program gets: network, mount, process and
 * IPC namespaces and a host name of its own; a control group; a root directory
 * that holds /usr, the program's folder (both read-only) and /proc of itself;
 * descriptors 0 to 4 and no other; an environment of WEIR_UID and WEIR_GID.  It
 * is forked and executed, so nothing of the manager's memory goes along.  The
 * rest of the seal (identity, capabilities, filter) is the program's own work
 * (weir_process_seal) and is verified by weir-hv.
 */
#ifndef WEIR_DRIVERDOMAINS_SANDBOX_H
#define WEIR_DRIVERDOMAINS_SANDBOX_H

#include "driverdomains/cgroup.h"

#define WEIR_UID_BASE 2000000u /* plus the domid: a user of its own each */

struct weir_sandbox {
    const char *program;     /* absolute path */
    const char *const *argv; /* NULL-terminated; argv[0] is a name */
    const char *hostname;
    int hv_fd;       /* becomes 3 */
    int resource_fd; /* becomes 4; -1: none */
    int log_fd;      /* becomes 1 and 2 */
    unsigned uid, gid;
    const char *root; /* an empty directory to build the root on */
    const struct weir_cgroups *cgroups;
    const char *cgroup; /* made before */
    int cgroup_fd;      /* version 2: its directory, else -1 */
};

/* 0: *pid and *pidfd (close-on-exec) of the running program.  -errno: nothing
 * runs, and what names the step that failed. */
int weir_sandbox_start(const struct weir_sandbox *s, pid_t *pid, int *pidfd,
                       const char **what);
/* The program ended: its wait status, which also takes the zombie away.
 * -EAGAIN: it runs.  Also of a program that another manager started: then the
 * status may not be known. */
int weir_sandbox_reap(int pidfd, char *reason, size_t size, bool *clean);
void weir_sandbox_kill(int pidfd);

#endif
