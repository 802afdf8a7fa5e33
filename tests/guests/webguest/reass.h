/* SPDX-License-Identifier: MIT
 *
 * IPv4 reassembly (RFC 791), freestanding: the C library's lwIP puts at most
 * ten fragments together, which is less than a large ping has.
 *
 * What a peer can make it hold is fixed: WEB_REASS datagrams of 64 KiB, each
 * for at most WEB_REASS_MS.  Fragments that overlap end their datagram, so no
 * two readings of the same bytes exist.
 */
#ifndef WEBGUEST_REASS_H
#define WEBGUEST_REASS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_REASS     4
#define WEB_REASS_MS  3000
#define WEB_REASS_MAX 65535u /* bytes of a datagram with its header */

struct web_datagram {
    bool used;
    uint64_t began_ms;
    uint8_t src[4], dst[4], id[2], protocol;
    uint8_t header_len; /* of the first fragment, 0: it is not there yet */
    uint32_t end;       /* of the payload, 0: the last is not there yet */
    uint32_t have;      /* bytes of it */
    uint8_t header[60];
    uint8_t seen[WEB_REASS_MAX / 8 / 8 + 1]; /* a bit for 8 bytes */
    uint8_t payload[WEB_REASS_MAX + 1];
};

struct web_reass {
    struct web_datagram datagram[WEB_REASS];
};

/* packet: an IPv4 packet of len bytes, header first; trailing bytes are
 * ignored.  NULL: it was taken in, or dropped.  Otherwise the datagram that it
 * completed, valid until the next call: header (offset and checksum as for a
 * whole packet), then payload. */
const struct web_datagram *web_reass_add(struct web_reass *r,
                                         const uint8_t *packet, size_t len,
                                         uint64_t now_ms);
/* Is it a fragment at all? */
bool web_is_fragment(const uint8_t *packet, size_t len);

#endif
