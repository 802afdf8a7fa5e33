/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "kept": a dead program's kept
 * frames are its successor's before it asks.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/hyper_mem.c"
