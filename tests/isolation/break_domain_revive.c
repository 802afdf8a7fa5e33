/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "zero": grant table and rings
 * of a dead program stay as they are.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/domain_revive.c"
