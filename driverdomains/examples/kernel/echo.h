/* SPDX-License-Identifier: MIT
 *
 * What the example kernel needs besides Weir: ARP, ping, a checksum, options.
 */
#ifndef WEIR_EXAMPLES_KERNEL_ECHO_H
#define WEIR_EXAMPLES_KERNEL_ECHO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Turn a frame of len bytes into its answer; the answer's length, 0: none. */
uint32_t echo_answer(uint8_t *frame, uint32_t len, const uint8_t mac[6],
                     const uint8_t ip[4]);
/* Start with UINT32_MAX and invert the end. */
uint32_t echo_crc32(uint32_t crc, const uint8_t *p, size_t len);
/* What follows name at the start of a word of cmdline, or NULL. */
const char *echo_option(const char *cmdline, const char *name);
/* false: text is NULL or no address. */
bool echo_parse_ip(const char *text, uint8_t ip[4]);

#endif
