/* SPDX-License-Identifier: MIT
 *
 * What the device manager says of a domain, quickly enough to look every
 * millisecond.
 */
#ifndef WEIR_TESTS_CRASH_DEVD_CLIENT_H
#define WEIR_TESTS_CRASH_DEVD_CLIENT_H

#include "driverdomains/devctl.h"

/* A connection to STATE/devd.sock, or -errno. */
int crash_devd_open(const char *state_dir);
/* 0, -ENOENT: no such domain, or another -errno. */
int crash_devd_info(int fd, const char *name, struct weir_devctl_dominfo *out);

#endif
