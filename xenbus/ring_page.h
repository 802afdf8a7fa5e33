/* SPDX-License-Identifier: MIT
 *
 * The xenstore ring page: two byte streams of 1024 bytes in one page, one
 * each way.  Freestanding.  Facts: Xen public/io/xs_wire.h and
 * docs/misc/xenstore-ring.txt.
 *
 * Indexes run freely modulo 2^32; byte x of a stream lies at x mod 1024.  The
 * other side can write every word of the page, so each side keeps its own two
 * indexes in private memory (struct weir_xs_ring) and only publishes them.
 */
#ifndef WEIR_XENBUS_RING_PAGE_H
#define WEIR_XENBUS_RING_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_XS_RING_SIZE 1024u

/* connection */
#define WEIR_XS_CONNECTED 0u
#define WEIR_XS_RECONNECT 1u
/* error */
#define WEIR_XS_RING_ERROR_NONE  0u
#define WEIR_XS_RING_ERROR_COMM  1u /* connection given up */
#define WEIR_XS_RING_ERROR_INDEX 2u
#define WEIR_XS_RING_ERROR_PROTO 3u /* message too long */

struct weir_xs_page {
    uint8_t req[WEIR_XS_RING_SIZE]; /* writer: client */
    uint8_t rsp[WEIR_XS_RING_SIZE]; /* writer: server */
    uint32_t req_cons;              /* writer: server */
    uint32_t req_prod;              /* writer: client */
    uint32_t rsp_cons;              /* writer: client */
    uint32_t rsp_prod;              /* writer: server */
    uint32_t server_features;       /* writer: server; WEIR_XS_FEATURE_... */
    uint32_t connection;            /* client sets 1, server sets 0 */
    uint32_t error;                 /* writer: server */
};
_Static_assert(sizeof(struct weir_xs_page) == 2076, "xenstore ring page");

/* Bytes moved, 0 when none fit or are there, -WEIR_EPROTO when the peer's
 * index is impossible.  *own is the caller's private index (producer for
 * push, consumer for pull), *notify is set when the peer has to be told. */
int weir_xs_push(volatile uint8_t *ring, volatile uint32_t *prod,
                 const volatile uint32_t *cons, uint32_t *own, const void *buf,
                 size_t len, bool *notify);
int weir_xs_pull(const volatile uint8_t *ring, const volatile uint32_t *prod,
                 volatile uint32_t *cons, uint32_t *own, void *buf, size_t len,
                 bool *notify);

#endif
