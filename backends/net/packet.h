/* SPDX-License-Identifier: MIT
 *
 * A packet inside the backend, on its way from a vif to a sink or the other
 * way.  Its first bytes are a private copy and are what every decision is
 * made from; the rest may lie in pages that a guest can still change, is only
 * ever copied, and never parsed.
 */
#ifndef WEIR_BACKENDS_NET_PACKET_H
#define WEIR_BACKENDS_NET_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_NET_MIN    14u    /* an Ethernet header */
#define WEIR_NET_MAX    65535u /* bytes on the wire protocol's 16 bits */
#define WEIR_NET_HEADER 192u   /* private bytes at the head of a packet */
#define WEIR_NET_SLOTS  20u    /* slots of one packet taken from a guest */
#define WEIR_NET_PIECES (WEIR_NET_SLOTS + 1)

enum weir_gso {
    WEIR_GSO_NONE = 0, /* values are the wire's (XEN_NETIF_GSO_TYPE_*) */
    WEIR_GSO_TCPV4 = 1,
    WEIR_GSO_TCPV6 = 2,
};

struct weir_net_piece {
    const uint8_t *p;
    uint32_t len; /* bytes; 0 is possible */
};

struct weir_net_packet {
    uint32_t len;      /* bytes, sum of the pieces */
    uint16_t npieces;  /* piece[0], which may be parsed: hdr, or all of it */
    uint16_t gso_size; /* payload bytes a segment, when gso */
    uint8_t gso;       /* enum weir_gso */
    bool csum_blank;   /* transport checksum holds the pseudo header only */
    bool validated;    /* sender vouches for the transport checksum */
    struct weir_net_piece piece[WEIR_NET_PIECES];
    uint8_t hdr[WEIR_NET_HEADER];
};

static inline bool weir_mac_multicast(const uint8_t *mac)
{
    return mac[0] & 1;
}

#endif
