/* SPDX-License-Identifier: MIT
 *
 * Compile-time comparison of our ABI manuals with libxen-dev's headers.
 */
#ifndef WEIR_TESTS_UNIT_ABI_SAME_H
#define WEIR_TESTS_UNIT_ABI_SAME_H

#include <stddef.h>

/* Also what libxen-dev shows to tools only. */
#define __XEN_TOOLS__ 1

#define SAME(ours, theirs) _Static_assert((ours) == (theirs), #ours)
#define SIZE(ours, theirs) SAME(sizeof(ours), sizeof(theirs))
#define FIELD2(ours, theirs, of, tf)                                           \
    SAME(offsetof(ours, of), offsetof(theirs, tf));                            \
    SAME(sizeof(((ours *)0)->of), sizeof(((theirs *)0)->tf))
#define FIELD(ours, theirs, f) FIELD2(ours, theirs, f, f)

#endif
