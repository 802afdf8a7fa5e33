/* SPDX-License-Identifier: MIT
 *
 * Pre-pass over a configuration file: which keys stand on which line.
 * libxlutil gives values but neither the list of keys nor their lines, and an
 * unknown key must be named with its line.  Pure: bytes in, positions out.
 */
#ifndef WEIR_DRIVERDOMAINS_CONFIG_SCAN_H
#define WEIR_DRIVERDOMAINS_CONFIG_SCAN_H

#include <stddef.h>

#define WEIR_CFG_KEY       32
#define WEIR_CFG_POSITIONS 256

struct weir_cfg_pos {
    char key[WEIR_CFG_KEY]; /* cut when longer: then certainly unknown */
    int item;               /* index in a list, -1: the key itself */
    unsigned line;          /* from 1 */
};

struct weir_cfg_scan {
    size_t n;
    struct weir_cfg_pos pos[WEIR_CFG_POSITIONS];
};

/* 0; -EINVAL: *line does not parse; -E2BIG: more than WEIR_CFG_POSITIONS. */
int weir_cfg_scan(const char *text, size_t len, struct weir_cfg_scan *out,
                  unsigned *line);
/* Line of key, or of its list item; 0 when it is not there. */
unsigned weir_cfg_line(const struct weir_cfg_scan *s, const char *key,
                       int item);

#endif
