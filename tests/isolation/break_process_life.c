/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable; see breakable.h. */
#define WEIR_TEST_BREAK
#include "hypervisor/client/process_life.c"
