/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "wait": a domain is dead as
 * soon as it is killed.  "rest": what a dead program had stays with its
 * successor.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/domain_end.c"
