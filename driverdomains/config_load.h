/* SPDX-License-Identifier: MIT
 *
 * A configuration file into a weir_domain_config, through libxlutil (xl.cfg
 * syntax).  The only user of that library; only the command links it.
 */
#ifndef WEIR_DRIVERDOMAINS_CONFIG_LOAD_H
#define WEIR_DRIVERDOMAINS_CONFIG_LOAD_H

#include "driverdomains/config.h"
#include "driverdomains/config_scan.h"

struct weir_config_file {
    const char *file; /* for messages */
    struct weir_cfg_scan scan;
    struct weir_domain_config cfg;
    char error[960]; /* "FILE:LINE: KEY: what and remedy" */
};

/* bin_dir: where a kernel= without a slash is looked for. 0 or -EINVAL with
 * out->error. */
int weir_config_load(const char *file, const char *bin_dir,
                     struct weir_config_file *out);
/* The same message form for what the device manager refused: where is a key
 * ("name", "disk[1]"). */
void weir_config_explain(struct weir_config_file *f, const char *where,
                         const char *text);
/* One disk string, as on a command line. */
int weir_config_disk(const char *spec, struct weir_disk_config *out,
                     struct weir_cfg_error *e);

#endif
