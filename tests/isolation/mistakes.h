/* SPDX-License-Identifier: MIT
 *
 * What a domain program could do wrong between open and seal.  Each makes the
 * seal one that weir-hv has to refuse.
 */
#ifndef WEIR_TESTS_ISOLATION_MISTAKES_H
#define WEIR_TESTS_ISOLATION_MISTAKES_H

#include "hypervisor/client/window.h"

/* 0, or -errno: the mistake could not be made. */
int mistake(const char *name, const struct weir_window *w);

#endif
