/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: between devd_recover.c, devd_restore.c, devd_takeover.c
 * and devd_sweep.c.
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

/* A record as weir-hv gave it. */
struct weir_found {
    uint64_t key;
    int fds[WEIR_STASH_FDS]; /* the first is its data's, closed by the reader */
    unsigned n;
    uint8_t *buf;
    size_t len;
};

/* devd_restore.c: 0, and the other descriptors are taken over; or -errno */
int weir_restore_dom(struct weir_takeover *t, const struct weir_found *f);
int weir_restore_dev(struct weir_takeover *t, const struct weir_found *f);
int weir_restore_restart(struct weir_takeover *t, const struct weir_found *f);

/* devd_takeover.c */
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
