/* SPDX-License-Identifier: MIT
 *
 * Where things of a tiny guest lie; for C and assembler.
 */
#ifndef WEIR_TESTS_TINY_LAYOUT_H
#define WEIR_TESTS_TINY_LAYOUT_H

#define TINY_LOAD  0x200000 /* the image, entered at its first byte */
#define TINY_END   0x280000
#define TINY_STACK 0x4000 /* bytes, aligned to as much; one a vCPU */
#define TINY_CPUS  8

#define TINY_CR0  0x80050033 /* PG AM WP NE ET MP PE */
#define TINY_CR4  0x000000b0 /* PGE PAE PSE */
#define TINY_EFER 0x00000100 /* LME */

#endif
