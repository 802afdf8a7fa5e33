/* SPDX-License-Identifier: MIT
 *
 * Places where a program that is built with -DWEIR_CRASH_STEPS can be made to
 * die, for tests of its successor: between any two stores that a successor
 * relies on.  Other builds have nothing there.
 */
#ifndef WEIR_RING_CRASH_POINT_H
#define WEIR_RING_CRASH_POINT_H

#ifdef WEIR_CRASH_STEPS
#include <stdint.h>

void weir_crash_point(void);
/* The after-th passage of any point, from now on, is the last; 0: none is. */
void weir_crash_after(uint64_t after);
#define WEIR_CRASH_POINT() weir_crash_point()
#else
#define WEIR_CRASH_POINT() ((void)0)
#endif

#endif
