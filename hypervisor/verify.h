/* SPDX-License-Identifier: MIT
 *
 * The seal as seen from outside: what weir-hv checks in /proc before it makes
 * the first frame accessible to a process domain.  Nothing the domain says is
 * believed; what it declared is compared.
 */
#ifndef WEIR_HYPERVISOR_VERIFY_H
#define WEIR_HYPERVISOR_VERIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define WEIR_SEAL_ANY UINT32_MAX

struct weir_seal_expect {
    pid_t pid;         /* in our pid namespace, from socket credentials */
    unsigned threads;  /* as declared; 0 is refused */
    unsigned uid, gid; /* as declared, real, effective, saved and fs */
    bool may_be_root;  /* weir-hv itself is unprivileged: uid may equal
                          ours, the bounding set may be full, and the root
                          directory is not looked at */
    dev_t mem_dev;     /* fstat of the memfd */
    ino_t mem_ino;
    uint64_t base;    /* the windows, as handed over */
    uint64_t ro_base; /* equal to base: one window */
    uint64_t size;    /* bytes */
    int uffd_number;  /* WEIR_SEAL_UFFD */
};

#define WEIR_SEAL_REASON 160

/* 0: sealed.  -EPERM: reason says what is wrong, naming the thread, mapping or
 * descriptor.  -ESRCH: it died.  Other -errno: /proc could not be read
 * (weir-hv needs CAP_SYS_PTRACE over domains of another uid); reason says so.
 * Takes about a millisecond; touches nothing in the domain. */
int weir_verify_seal(const struct weir_seal_expect *e,
                     char reason[WEIR_SEAL_REASON]);

/* Once at weir-hv's start: shared-memory huge pages would put foreign
 * neighbours into a domain's page table.  0, or -EPERM and a reason that names
 * the setting and the remedy. */
int weir_verify_host(char reason[WEIR_SEAL_REASON]);

#endif
