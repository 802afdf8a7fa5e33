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
    char root[WEIR_CFG_LINE], extra[WEIR_CFG_LINE];
};

/* Writes f->error with file, line and key; returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int
weir_config_fail(struct weir_config_file *f, const char *key, int item,
                 const char *fmt, ...);
/* Takes the value of key over into the configuration. 0 or -EINVAL. */
int weir_config_key(struct weir_config_loader *l, const char *key);

/* config_vm.c: the text keys that only a VM has. */
int weir_config_vm_key(struct weir_config_loader *l, const char *key,
                       const char *value);
/* config_restart.c: that key; and what a domain of this kind can't have, or has
 * unless it says otherwise. */
int weir_config_restart_io(struct weir_config_loader *l, const char *key,
                           const char *value);
int weir_config_restart_check(struct weir_config_loader *l);
/* When all keys are known: which of them this type of domain can't have, and
 * what it lacks. */
int weir_config_type_check(struct weir_config_loader *l);
/* Why Weir has no such key of xl's, with the remedy; NULL: xl has none. */
const char *weir_config_xl_key(const char *key);
/* "destroy", "preserve", "restart", or -EINVAL after weir_config_fail. */
int weir_config_action(struct weir_config_loader *l, const char *key,
                       const char *value, uint32_t *out);
/* The absolute path of a file that is there, or -EINVAL. */
int weir_config_path(struct weir_config_loader *l, const char *key,
                     const char *path, const char *remedy,
                     char out[WEIR_CFG_PATH]);

#endif
