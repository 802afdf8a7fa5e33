/* SPDX-License-Identifier: MIT
 *
 * The xenstore ring page: two byte streams of 1024 bytes in one page, one
 * each way.  Freestanding.  Facts: Xen public/io/xs_wire.h and
 * docs/misc/xenstore-ring.txt.
 *
 * Indexes run freely modulo 2^32; byte x of a stream lies at x mod 1024.  The
 * other side can write every word of the page, so each side keeps its own two
 * indexes in private memory (struct weir_xs, struct weir_xsd_peer) and only
 * publishes them.
 */
#ifndef WEIR_XENBUS_RING_PAGE_H
#define WEIR_XENBUS_RING_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/xs_abi.h"

/* Bytes moved, 0 when none fit or are there, -WEIR_EPROTO when the peer's
 * index is impossible.  *own is the caller's private index (producer for
 * push, consumer for pull), *notify is set when the peer has to be told. */
int weir_xs_push(volatile char *ring, volatile uint32_t *prod,
                 const volatile uint32_t *cons, uint32_t *own, const void *buf,
                 size_t len, bool *notify);
int weir_xs_pull(const volatile char *ring, const volatile uint32_t *prod,
                 volatile uint32_t *cons, uint32_t *own, void *buf, size_t len,
                 bool *notify);

/* The same in two steps, for who does something between: the bytes alone, and
 * what was done told.  Put is told of by a store-release of *own to the page's
 * producer index and a notification; taken by weir_xs_taken (n > 0 bytes by
 * take), which returns whether the peer has to be notified. */
int weir_xs_put(volatile char *ring, const volatile uint32_t *cons,
                uint32_t *own, const void *buf, size_t len);
int weir_xs_take(const volatile char *ring, const volatile uint32_t *prod,
                 uint32_t *own, void *buf, size_t len);
bool weir_xs_taken(const volatile uint32_t *prod, volatile uint32_t *cons,
                   uint32_t own, int n);

#endif
