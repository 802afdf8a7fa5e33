/* SPDX-License-Identifier: MIT
 *
 * Checksum and segmentation offload: between the netif flags of a packet and
 * the virtio-net header of a tap, and in software for a receiver that takes
 * neither.  Pure functions over private bytes; every length is checked.
 */
#ifndef WEIR_BACKENDS_NET_OFFLOAD_H
#define WEIR_BACKENDS_NET_OFFLOAD_H

#include "backends/net/packet.h"

#define WEIR_VNET_HDR 10u /* bytes, struct virtio_net_hdr */

/* What the head of a packet says of its transport layer. */
struct weir_net_l4 {
    uint8_t proto; /* 6 TCP, 17 UDP */
    bool ipv6;
    uint16_t l3;          /* offset of the IP header, bytes */
    uint16_t start;       /* offset of the transport header */
    uint16_t csum_offset; /* of the checksum, from start */
    uint16_t payload;     /* offset of the payload (TCP); start + 8 (UDP) */
};

/* head: private.  False when it is not unfragmented TCP or UDP over IPv4 or
 * IPv6 (behind up to two VLAN tags) whose headers lie within len bytes. */
bool weir_net_l4_find(const uint8_t *head, uint32_t len,
                      struct weir_net_l4 *out);

/* The virtio-net header that tells a tap what p asks for.  False: p asks for
 * an offload that its headers contradict; drop it. */
bool weir_vnet_from_packet(const struct weir_net_packet *p,
                           uint8_t hdr[WEIR_VNET_HDR]);
/* The other way: sets gso, gso_size, csum_blank, validated of p (whose head
 * is filled in).  False: nothing a guest understands. */
bool weir_vnet_to_packet(const uint8_t hdr[WEIR_VNET_HDR],
                         struct weir_net_packet *p);

/* Finish the transport checksum of a flat packet.  False: not TCP or UDP. */
bool weir_net_fill_checksum(uint8_t *packet, uint32_t len);

/* Ones' complement sum of len bytes added to sum, not folded. */
uint64_t weir_net_sum(const uint8_t *p, uint32_t len, uint64_t sum);
uint16_t weir_net_fold(uint64_t sum);

/* Software segmentation of a flat TCP packet: segment i (from 0) of those that
 * carry mss payload bytes each goes to out (room for payload offset + mss
 * bytes), checksums finished.  Returns its length, 0 after the last one or
 * when the headers are no TCP. */
uint32_t weir_net_segment(const uint8_t *packet, uint32_t len, uint32_t mss,
                          uint32_t i, uint8_t *out);

#endif
