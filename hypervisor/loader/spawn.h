/* SPDX-License-Identifier: MIT
 *
 * weir-load as a child with the descriptors and arguments of load_abi.h, an
 * empty environment and all signals as they are by default.
 */
#ifndef WEIR_HYPERVISOR_LOADER_SPAWN_H
#define WEIR_HYPERVISOR_LOADER_SPAWN_H

#include "hypervisor/loader/load.h"

/* 0 and *pidfd (close-on-exec).  -errno: nothing runs, *what names the step. */
int weir_load_spawn(const struct weir_vmload_config *c, int child_sock,
                    int *pidfd, const char **what);

#endif
