/* SPDX-License-Identifier: MIT
 *
 * How the guests under test begin: options, the seal.
 */
#ifndef WEIR_TESTS_CRASH_GUEST_H
#define WEIR_TESTS_CRASH_GUEST_H

#include "ring/port.h"

/* The number after that word, or dflt. */
uint64_t crash_option(int argc, char **argv, const char *name, uint64_t dflt);
/* A sealed process domain, by WEIR_FD_HV, WEIR_UID and WEIR_GID; 0 or an error.
 */
int crash_start(struct weir_port **port);

#endif
