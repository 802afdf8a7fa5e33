/* SPDX-License-Identifier: MIT */
#include "backends/net/offload.h"

#include <linux/virtio_net.h>
#include <string.h>

enum { PROTO_TCP = 6, PROTO_UDP = 17, ETH_IPV4 = 0x0800, ETH_IPV6 = 0x86dd };

_Static_assert(sizeof(struct virtio_net_hdr) == WEIR_VNET_HDR, "vnet header");

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put_be16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static uint32_t be32(const uint8_t *p)
{
    return (uint32_t)be16(p) << 16 | be16(p + 2);
}

static bool find_ipv4(const uint8_t *h, uint32_t len, uint32_t at,
                      struct weir_net_l4 *out)
{
    if (at + 20 > len || h[at] >> 4 != 4)
        return false;
    uint32_t ihl = (h[at] & 15) * 4u;
    if (ihl < 20 || be16(h + at + 6) & 0x3fff)
        return false;
    out->proto = h[at + 9];
    out->start = (uint16_t)(at + ihl);
    return true;
}

/* Hop-by-hop, routing and destination options may stand between. */
static bool find_ipv6(const uint8_t *h, uint32_t len, uint32_t at,
                      struct weir_net_l4 *out)
{
    if (at + 40 > len || h[at] >> 4 != 6)
        return false;
    uint8_t next = h[at + 6];
    at += 40;
    while (next == 0 || next == 43 || next == 60) {
        if (at + 8 > len)
            return false;
        next = h[at];
        at += 8u + h[at + 1] * 8u;
    }
    out->proto = next;
    out->start = (uint16_t)at;
    return at < UINT16_MAX;
}

bool weir_net_l4_find(const uint8_t *h, uint32_t len, struct weir_net_l4 *out)
{
    uint32_t at = 12;
    memset(out, 0, sizeof(*out));
    for (int tags = 0; at + 2 <= len && tags < 2; tags++) {
        uint16_t type = be16(h + at);
        if (type != 0x8100 && type != 0x88a8)
            break;
        at += 4;
    }
    if (at + 2 > len)
        return false;
    uint16_t type = be16(h + at);
    at += 2;
    out->l3 = (uint16_t)at;
    out->ipv6 = type == ETH_IPV6;
    if (type == ETH_IPV4 ? !find_ipv4(h, len, at, out)
                         : type != ETH_IPV6 || !find_ipv6(h, len, at, out))
        return false;
    if (out->proto == PROTO_UDP) {
        out->csum_offset = 6;
        out->payload = (uint16_t)(out->start + 8);
        return out->start + 8u <= len;
    }
    if (out->proto != PROTO_TCP || out->start + 20u > len)
        return false;
    out->csum_offset = 16;
    uint32_t doff = (h[out->start + 12] >> 4) * 4u;
    out->payload = (uint16_t)(out->start + doff);
    return doff >= 20 && out->start + doff <= len;
}

bool weir_vnet_from_packet(const struct weir_net_packet *p,
                           uint8_t hdr[WEIR_VNET_HDR])
{
    struct virtio_net_hdr v = {0};
    memset(hdr, 0, WEIR_VNET_HDR);
    if (!p->csum_blank && !p->gso)
        return true;
    struct weir_net_l4 l4;
    if (!weir_net_l4_find(p->piece[0].p, p->piece[0].len, &l4))
        return false;
    v.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    v.csum_start = l4.start;
    v.csum_offset = l4.csum_offset;
    if (p->gso &&
        (l4.proto != PROTO_TCP || l4.ipv6 != (p->gso == WEIR_GSO_TCPV6)))
        return false;
    /* One segment needs no cutting; and the kernel gives sizes beyond every
     * packet (0xffff) a meaning of its own. */
    if (p->gso && p->len - l4.payload > p->gso_size) {
        v.gso_type =
            l4.ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6 : VIRTIO_NET_HDR_GSO_TCPV4;
        v.gso_size = p->gso_size;
        v.hdr_len = l4.payload;
    }
    memcpy(hdr, &v, sizeof(v));
    return true;
}

bool weir_vnet_to_packet(const uint8_t hdr[WEIR_VNET_HDR],
                         struct weir_net_packet *p)
{
    struct virtio_net_hdr v;
    memcpy(&v, hdr, sizeof(v));
    p->gso = WEIR_GSO_NONE;
    p->gso_size = 0;
    p->csum_blank = v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM;
    p->validated =
        p->csum_blank || (v.flags & VIRTIO_NET_HDR_F_DATA_VALID) != 0;
    switch (v.gso_type & ~VIRTIO_NET_HDR_GSO_ECN) {
    case VIRTIO_NET_HDR_GSO_NONE:
        return true;
    case VIRTIO_NET_HDR_GSO_TCPV4:
        p->gso = WEIR_GSO_TCPV4;
        break;
    case VIRTIO_NET_HDR_GSO_TCPV6:
        p->gso = WEIR_GSO_TCPV6;
        break;
    default:
        return false;
    }
    p->gso_size = v.gso_size;
    return v.gso_size != 0;
}

uint64_t weir_net_sum(const uint8_t *p, uint32_t len, uint64_t sum)
{
    for (; len >= 4; len -= 4, p += 4)
        sum += be32(p);
    if (len >= 2)
        sum += (uint64_t)be16(p) << 16;
    if (len & 1)
        sum += len == 3 ? (uint64_t)p[2] << 8 : (uint64_t)p[0] << 24;
    return sum;
}

uint16_t weir_net_fold(uint64_t sum)
{
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static uint64_t pseudo_sum(const uint8_t *p, const struct weir_net_l4 *l4,
                           uint32_t l4_len)
{
    const uint8_t *ip = p + l4->l3;
    uint64_t sum =
        l4->ipv6 ? weir_net_sum(ip + 8, 32, 0) : weir_net_sum(ip + 12, 8, 0);
    return sum + l4_len + l4->proto;
}

/* End of the transport data: what the IP header says, within the packet (a
 * 60-byte frame may be padded). */
static uint32_t l4_end(const uint8_t *p, uint32_t len,
                       const struct weir_net_l4 *l4)
{
    uint32_t end =
        l4->l3 + (l4->ipv6 ? 40u + be16(p + l4->l3 + 4) : be16(p + l4->l3 + 2));
    return end <= len && end >= l4->payload ? end : len;
}

bool weir_net_fill_checksum(uint8_t *p, uint32_t len)
{
    struct weir_net_l4 l4;
    if (!weir_net_l4_find(p, len, &l4))
        return false;
    uint32_t n = l4_end(p, len, &l4) - l4.start;
    uint8_t *field = p + l4.start + l4.csum_offset;
    put_be16(field, 0);
    uint64_t sum = weir_net_sum(p + l4.start, n, pseudo_sum(p, &l4, n));
    uint16_t csum = (uint16_t)~weir_net_fold(sum);
    put_be16(field, csum || l4.proto == PROTO_TCP ? csum : 0xffff);
    return true;
}

static void segment_headers(uint8_t *out, uint32_t n, uint32_t i, uint32_t mss,
                            bool last, const struct weir_net_l4 *l4)
{
    uint8_t *ip = out + l4->l3, *tcp = out + l4->start;
    uint32_t seq = be32(tcp + 4) + i * mss;
    put_be16(tcp + 4, seq >> 16);
    put_be16(tcp + 6, seq & 0xffff);
    if (!last)
        tcp[13] &= (uint8_t)~0x09; /* FIN and PSH belong to the last */
    if (i)
        tcp[13] &= (uint8_t)~0x80; /* CWR belongs to the first */
    if (l4->ipv6) {
        put_be16(ip + 4, n - l4->l3 - 40);
    } else {
        put_be16(ip + 2, n - l4->l3);
        put_be16(ip + 4, be16(ip + 4) + i);
        put_be16(ip + 10, 0);
        uint32_t ihl = (ip[0] & 15) * 4u;
        put_be16(ip + 10, (uint16_t)~weir_net_fold(weir_net_sum(ip, ihl, 0)));
    }
    weir_net_fill_checksum(out, n);
}

uint32_t weir_net_segment(const uint8_t *p, uint32_t len, uint32_t mss,
                          uint32_t i, uint8_t *out)
{
    struct weir_net_l4 l4;
    if (!mss || !weir_net_l4_find(p, len, &l4) || l4.proto != PROTO_TCP)
        return 0;
    uint32_t total = l4_end(p, len, &l4) - l4.payload;
    uint64_t off = (uint64_t)i * mss;
    if (off >= total && (i || total))
        return 0;
    uint32_t n = total - off < mss ? (uint32_t)(total - off) : mss;
    memcpy(out, p, l4.payload);
    memcpy(out + l4.payload, p + l4.payload + off, n);
    segment_headers(out, l4.payload + n, i, mss, off + n == total, &l4);
    return l4.payload + n;
}
