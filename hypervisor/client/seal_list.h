/* SPDX-License-Identifier: MIT
 *
 * Between seal_list.c (the table) and seal_filter.c (the filter made of it).
 */
#ifndef WEIR_HYPERVISOR_CLIENT_SEAL_LIST_H
#define WEIR_HYPERVISOR_CLIENT_SEAL_LIST_H

#include <stdint.h>

#define WEIR_SEAL_LOW32 0xffffffffull

enum weir_seal_how {
    ALLOW,       /* when all masked arguments match */
    REFUSE,      /* fails with err */
    REFUSE_BASE, /* likewise, in domains with none of these sets */
    BELOW_UFFD,  /* argument 0 is a descriptor below the kept userfaultfd */
    OWN_PROCESS, /* argument 0 is the own process id */
    CONTROL_FD,  /* argument 0 is the socket to weir-hv */
    OFF_WINDOW,  /* the range [arg 0, +arg 1) can't touch the window */
};

struct weir_seal_match {
    uint8_t arg;
    uint64_t mask, value;
};

struct weir_seal_rule {
    int nr;
    const char *name;
    unsigned sets;
    enum weir_seal_how how;
    int err;
    struct weir_seal_match match[3]; /* those with a mask */
    const char *args, *why;
};

extern const struct weir_seal_rule weir_seal_rules[];
extern const unsigned weir_seal_n_rules;

#endif
