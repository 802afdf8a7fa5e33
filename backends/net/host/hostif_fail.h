/* SPDX-License-Identifier: MIT
 *
 * How hostif.c, tap.c and filter.c report; not for their callers.
 */
#ifndef WEIR_BACKENDS_NET_HOST_HOSTIF_FAIL_H
#define WEIR_BACKENDS_NET_HOST_HOSTIF_FAIL_H

#include "backends/net/host/hostif.h"

/* Writes the line and returns code. */
__attribute__((format(printf, 3, 4))) int
weir_hostif_fail(struct weir_hostif_err *err, int code, const char *fmt, ...);
int weir_hostif_check_name(const char *name, struct weir_hostif_err *err);

#endif
