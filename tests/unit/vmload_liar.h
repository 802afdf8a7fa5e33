/* SPDX-License-Identifier: MIT
 *
 * Stands in for weir-load and gives the answer that --kernel-name=NAME names.
 */
#ifndef WEIR_TESTS_UNIT_VMLOAD_LIAR_H
#define WEIR_TESTS_UNIT_VMLOAD_LIAR_H

_Noreturn void vmload_lie(int argc, char **argv);

#endif
