/* SPDX-License-Identifier: MIT
 *
 * Between devd_regdom.c and devd_registry.c: nodes of one directory, written
 * in a transaction.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_REG_H
#define WEIR_DRIVERDOMAINS_DEVD_REG_H

#include "driverdomains/devd.h"

#define WEIR_REG_PATH 160

struct weir_reg {
    struct weir_xs *xs;
    weir_xs_tx tx;
    const char *dir;
    int rc; /* the first failure; later calls do nothing */
};

void weir_reg_put(struct weir_reg *w, const char *key, const char *value);
void weir_reg_num(struct weir_reg *w, const char *key, uint64_t value);
/* A directory with its owner and, when not the owner, one reader. */
void weir_reg_make(struct weir_reg *w, const char *path, domid_t owner,
                   domid_t reader);
void weir_reg_make_sub(struct weir_reg *w, const char *home, const char *sub,
                       domid_t owner, domid_t reader);
/* body again and again until nobody interferes. */
int weir_reg_transaction(struct weir_devd *d, void *what,
                         void (*body)(struct weir_reg *, void *));

#endif
