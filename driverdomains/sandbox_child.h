/* SPDX-License-Identifier: MIT
 *
 * Between fork and exec: private to sandbox.c.
 */
#ifndef WEIR_DRIVERDOMAINS_SANDBOX_CHILD_H
#define WEIR_DRIVERDOMAINS_SANDBOX_CHILD_H

#include "driverdomains/sandbox.h"

enum weir_sandbox_step {
    WEIR_STEP_GO,
    WEIR_STEP_CGROUP,
    WEIR_STEP_FDS,
    WEIR_STEP_SIGNALS,
    WEIR_STEP_LIMITS,
    WEIR_STEP_HOSTNAME,
    WEIR_STEP_MOUNT_PRIVATE,
    WEIR_STEP_MOUNT_ROOT,
    WEIR_STEP_MOUNT_BIND,
    WEIR_STEP_PIVOT,
    WEIR_STEP_EXEC,
    WEIR_STEP_COUNT,
};

extern const char *const weir_sandbox_steps[WEIR_STEP_COUNT];

/* What the child writes into the back pipe when a step fails. */
struct weir_sandbox_failure {
    int step, error;
};

_Noreturn void weir_sandbox_child(const struct weir_sandbox *s, int go,
                                  int back);

#endif
