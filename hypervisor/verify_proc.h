/* SPDX-License-Identifier: MIT
 *
 * Pieces of verify.c, apart so that each can be tested with made-up text.
 * Each returns as weir_verify_seal does and fills reason on failure.
 */
#ifndef WEIR_HYPERVISOR_VERIFY_PROC_H
#define WEIR_HYPERVISOR_VERIFY_PROC_H

#include <stdio.h>

#include "hypervisor/verify.h"

/* One /proc/PID/task/TID/status, read from f. */
int weir_verify_status(const struct weir_seal_expect *e, int tid, FILE *f,
                       char *reason);
/* /proc/PID/smaps, read from f.  need_sl: this kernel has mseal. */
int weir_verify_smaps(const struct weir_seal_expect *e, FILE *f, bool need_sl,
                      char *reason);
/* Descriptor number fd whose link reads target. */
int weir_verify_fd(const struct weir_seal_expect *e, int fd, const char *target,
                   char *reason);
/* All descriptors of the domain. */
int weir_verify_fds(const struct weir_seal_expect *e, char *reason);
/* No process beside the domain's in its cgroup, or, when it has none of its
 * own, none that maps machine memory beside us and those of other cgroups. */
int weir_verify_alone(const struct weir_seal_expect *e, char *reason);

/* Sets reason and returns err. */
int weir_verify_say(char *reason, int err, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
