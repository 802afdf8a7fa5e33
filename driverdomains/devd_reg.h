/* SPDX-License-Identifier: MIT
 *
 * Between devd_regcall.c, devd_regdom.c and devd_registry.c: calls that are
 * done again when the registry's program died in the middle, and nodes of one
 * directory, written in a transaction.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_REG_H
#define WEIR_DRIVERDOMAINS_DEVD_REG_H

#include "driverdomains/devd.h"

#define WEIR_REG_PATH 160

struct weir_reg {
    struct weir_xs *xs;
    weir_xs_tx tx;
    const char *dir;
    bool again; /* an attempt before may have been committed */
    int rc;     /* the first failure; later calls do nothing */
};

void weir_reg_put(struct weir_reg *w, const char *key, const char *value);
void weir_reg_num(struct weir_reg *w, const char *key, uint64_t value);
/* A directory with its owner and, when not the owner, one reader. */
void weir_reg_make(struct weir_reg *w, const char *path, domid_t owner,
                   domid_t reader);
void weir_reg_make_sub(struct weir_reg *w, const char *home, const char *sub,
                       domid_t owner, domid_t reader);

/* devd_regcall.c.  The registry may have done what is then done again: a body
 * must not mind, and nor must who waits for a single call. */
/* body again and again until nobody interferes. */
int weir_reg_transaction(struct weir_devd *d, void *what,
                         void (*body)(struct weir_reg *, void *));
/* As weir_xs_*; -ENOENT of rm may mean that it is done. */
int weir_reg_read(struct weir_devd *d, const char *dir, const char *key,
                  char *buf, size_t size);
int weir_reg_read_u64(struct weir_devd *d, const char *dir, const char *key,
                      uint64_t *out);
int weir_reg_write(struct weir_devd *d, const char *dir, const char *key,
                   const char *value);
int weir_reg_rm(struct weir_devd *d, const char *path);
int weir_reg_release(struct weir_devd *d, domid_t domid);

#endif
