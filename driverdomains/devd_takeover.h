/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: between devd_recover.c, devd_takeover.c and
 * devd_sweep.c.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_TAKEOVER_H
#define WEIR_DRIVERDOMAINS_DEVD_TAKEOVER_H

#include "driverdomains/devd.h"

struct weir_takeover {
    struct weir_devd *d;
    unsigned doms, devs, ended;
    uint64_t *bad; /* keys of records that say nothing */
    unsigned nbad;
};

/* A domain that nobody knows enough of: it ends, with all it had. */
struct weir_dom *weir_takeover_ghost(struct weir_takeover *t, uint32_t domid);
/* Everything that was read goes on. */
void weir_takeover_all(struct weir_takeover *t);

/* devd_sweep.c: what no record explains */
void weir_sweep_domains(struct weir_devd *d);
void weir_sweep_registry(struct weir_devd *d);

/* The one with the lowest domid from first on; NULL: none.  For loops in which
 * any domain may go. */
struct weir_dom *weir_takeover_next(struct weir_devd *d, uint32_t first);

#endif
