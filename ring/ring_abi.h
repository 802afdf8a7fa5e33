/* SPDX-License-Identifier: MIT
 *
 * Manual of the shared ring.                        WEIR_RING_ABI_VERSION 1
 *
 * A ring carries requests from a frontend to a backend and responses back, in
 * 1 to 16 pages of the frontend's memory that it grants to the backend
 * read-write.  The pages are one byte space: page 0 first, and so on; they
 * need not be neighbours in anybody's memory.
 *
 *   byte 0    struct weir_sring_header
 *   byte 64   slot 0, slot 1, ... slot n-1
 *
 * A slot is a union of the protocol's request and response; n is the greatest
 * power of two for which 64 + n * slot size fits into the pages.  With several
 * pages a slot may begin in one page and end in the next.
 *
 * Indexes count up for ever and wrap at 2^32; index i lives in slot i mod n.
 *
 *   word        writer     meaning
 *   req_prod    frontend   requests below it are in their slots
 *   req_event   backend    "notify me when req_prod passes this"
 *   rsp_prod    backend    responses below it are in their slots
 *   rsp_event   frontend   "notify me when rsp_prod passes this"
 *
 * A response is written over a slot whose request was taken, in the order of
 * responses, which need not be the order of requests.  So after responses out
 * of order the ring alone no longer says which requests are unanswered.
 *
 * Always true, modulo 2^32:
 *   rsp_cons <= rsp_prod <= req_cons <= req_prod <= rsp_cons + n
 * where req_cons and rsp_cons are the private read indexes of backend and
 * frontend.  A peer whose published index breaks this has broken the
 * connection.
 *
 * Publishing and notifying (both directions alike):
 *
 *   producer: fill slots; release-store prod; full barrier; load event;
 *             notify when old < event <= new, that is, when
 *             (uint32)(new - event) < (uint32)(new - old)
 *   consumer: before it sleeps: event = cons + 1; full barrier; load prod;
 *             more there: do not sleep
 *
 * Without the consumer's second look a wake-up can be lost
 * (tests/models/ring_notify.pml).  A consumer that polls leaves event at or
 * below cons: no notification is sent then.
 *
 * A fresh ring, as the frontend formats it: prods 0, events 1, the rest of the
 * header zero.
 */
#ifndef WEIR_RING_RING_ABI_H
#define WEIR_RING_RING_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_RING_ABI_VERSION 1
#define WEIR_RING_HEADER_SIZE 64u
#define WEIR_RING_MAX_PAGES   16u
#define WEIR_RING_MAX_ORDER   4u

struct weir_sring_header {
    uint32_t req_prod;  /* frontend */
    uint32_t req_event; /* backend */
    uint32_t rsp_prod;  /* backend */
    uint32_t rsp_event; /* frontend */
    uint8_t pad[48];    /* zero */
};

_Static_assert(sizeof(struct weir_sring_header) == 64, "sring header");
_Static_assert(offsetof(struct weir_sring_header, req_prod) == 0, "ABI");
_Static_assert(offsetof(struct weir_sring_header, req_event) == 4, "ABI");
_Static_assert(offsetof(struct weir_sring_header, rsp_prod) == 8, "ABI");
_Static_assert(offsetof(struct weir_sring_header, rsp_event) == 12, "ABI");

#endif
