/* SPDX-License-Identifier: MIT
 *
 * Statistics pages of all driver domains, for listings and top.  A page is a
 * driver domain's word: every field is checked before it is used.
 */
#ifndef WEIR_DRIVERDOMAINS_CLI_STATS_H
#define WEIR_DRIVERDOMAINS_CLI_STATS_H

#include "backends/common/resource_abi.h"
#include "backends/common/stats_abi.h"
#include "driverdomains/cli.h"

struct cli_devstat {
    domid_t backend;
    struct weir_dev_stats s;
};

/* Every device in every page; *list is to be freed. */
int cli_stats(struct weir_cli *c, struct cli_devstat **list, unsigned *n);
const struct weir_dev_stats *cli_stat_of(const struct cli_devstat *list,
                                         unsigned n, uint32_t backend,
                                         uint32_t cls, uint32_t frontend,
                                         uint32_t devid);
/* Name of each counter of a class, NULL beyond the last. */
const char *cli_stat_name(uint32_t cls, unsigned word);

#endif
