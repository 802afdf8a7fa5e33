/* SPDX-License-Identifier: MIT
 *
 * What weir-hv, weir-devd, weir-xenstored and the driver domain hold must not
 * grow with the number of programs that died.
 */
#ifndef WEIR_TESTS_CRASH_LEAKS_H
#define WEIR_TESTS_CRASH_LEAKS_H

#include "hypervisor/client/control.h"

#define LEAKS_SERVERS 3
#define LEAKS_DOMAINS 2

struct leaks {
    struct weir_hvctl *hv;
    int pid[LEAKS_SERVERS];
    unsigned fds[LEAKS_SERVERS], maps[LEAKS_SERVERS], tasks[LEAKS_SERVERS];
    domid_t domid[LEAKS_DOMAINS]; /* the registry's, the driver domain's */
    struct weir_hv_dominfo dom[LEAKS_DOMAINS];
};

/* Counts now.  xenstored: its program.  0 or -errno. */
int leaks_begin(struct leaks *l, const char *state_dir, int xenstored,
                domid_t driver);
/* Counts again, for a while until all is as it was; names what grew.  How many
 * have more. */
unsigned leaks_end(const struct leaks *l);

#endif
