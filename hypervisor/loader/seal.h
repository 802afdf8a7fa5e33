/* SPDX-License-Identifier: MIT
 *
 * weir-load seals itself before it looks at a byte of an image: it can read
 * what is open, take bounded memory, answer, and end.
 */
#ifndef WEIR_HYPERVISOR_LOADER_SEAL_H
#define WEIR_HYPERVISOR_LOADER_SEAL_H

#include <stdint.h>

struct weir_ld_limits {
    uint64_t memory; /* bytes of address space beyond what is used now */
    uint64_t file;   /* bytes a memfd may have */
    uint32_t cpu_s;
};

/* 0, or -errno and *what failed.  Limits, user and group (root becomes
 * WEIR_LOAD_UID), capabilities, no new privileges, the filter. */
int weir_ld_seal(const struct weir_ld_limits *limits, const char **what);

#endif
