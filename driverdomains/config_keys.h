/* SPDX-License-Identifier: MIT
 *
 * Between config_load.c, which knows files, and config_keys.c, which knows
 * keys.
 */
#ifndef WEIR_DRIVERDOMAINS_CONFIG_KEYS_H
#define WEIR_DRIVERDOMAINS_CONFIG_KEYS_H

#include "driverdomains/config_load.h"

#include <libxlutil.h>

struct weir_config_loader {
    struct weir_config_file *f;
    XLU_Config *xlu;
    const char *bin_dir;
};

/* Writes f->error with file, line and key; returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int
weir_config_fail(struct weir_config_file *f, const char *key, int item,
                 const char *fmt, ...);
/* Takes the value of key over into the configuration. 0 or -EINVAL. */
int weir_config_key(struct weir_config_loader *l, const char *key);

#endif
