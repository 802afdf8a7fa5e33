/* SPDX-License-Identifier: MIT
 *
 * Manual of the console ring.                    WEIR_CONSOLE_ABI_VERSION 1
 *
 * One page of the domain, granted by reference 0 to the console's domain, and
 * one event channel.  Two byte rings; an index counts up for ever and a byte
 * lives at index mod the ring's size.  The producer stores bytes, then its
 * index (release); it notifies after each batch.  The consumer loads prod
 * (acquire), copies, then stores cons (release) and notifies, as the producer
 * may wait for room.  prod - cons above the size is a broken peer.
 *
 *   word       writer
 *   in_prod    console    input for the domain
 *   in_cons    domain
 *   out_prod   domain     output of the domain
 *   out_cons   console
 */
#ifndef WEIR_RING_CONSOLE_ABI_H
#define WEIR_RING_CONSOLE_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_CONSOLE_ABI_VERSION 1
#define WEIR_CONSOLE_IN_SIZE     1024u
#define WEIR_CONSOLE_OUT_SIZE    2048u

struct weir_console_interface {
    char in[WEIR_CONSOLE_IN_SIZE];
    char out[WEIR_CONSOLE_OUT_SIZE];
    uint32_t in_cons, in_prod;
    uint32_t out_cons, out_prod;
};

_Static_assert(sizeof(struct weir_console_interface) == 3088, "ABI");
_Static_assert(offsetof(struct weir_console_interface, out_prod) == 3084,
               "ABI");

#endif
