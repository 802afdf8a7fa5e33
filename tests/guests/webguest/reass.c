/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/reass.h"

#include <string.h>

#define MORE_FRAGMENTS 0x2000u
#define OFFSET_MASK    0x1fffu

struct fragment {
    const uint8_t *packet;
    uint32_t header_len, offset, len; /* bytes; of the payload */
    bool more;
};

static uint16_t be16(const uint8_t *p)
{
    return (uint16_t)(p[0] << 8 | p[1]);
}

static void put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

bool web_is_fragment(const uint8_t *packet, size_t len)
{
    return len >= 20 && packet[0] >> 4 == 4 &&
           (be16(packet + 6) & (MORE_FRAGMENTS | OFFSET_MASK));
}

static uint16_t header_sum(const uint8_t *header, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i + 1 < len; i += 2)
        sum += be16(header + i);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static bool parse(struct fragment *f, const uint8_t *packet, size_t len)
{
    uint32_t total;

    if (!web_is_fragment(packet, len))
        return false;
    f->packet = packet;
    f->header_len = (packet[0] & 15u) * 4;
    total = be16(packet + 2);
    if (f->header_len < 20 || total <= f->header_len || total > len ||
        header_sum(packet, f->header_len) != 0)
        return false;
    f->len = total - f->header_len;
    f->offset = (be16(packet + 6) & OFFSET_MASK) * 8u;
    f->more = be16(packet + 6) & MORE_FRAGMENTS;
    /* All but the last end at a multiple of 8. */
    return f->offset + f->len + f->header_len <= WEB_REASS_MAX &&
           (!f->more || f->len % 8 == 0);
}

static bool same(const struct web_datagram *d, const uint8_t *packet)
{
    return d->used && memcmp(d->src, packet + 12, 4) == 0 &&
           memcmp(d->dst, packet + 16, 4) == 0 &&
           memcmp(d->id, packet + 4, 2) == 0 && d->protocol == packet[9];
}

/* The datagram that the fragment belongs to: in a free place, or in that of
 * the one that waits longest. */
static struct web_datagram *find(struct web_reass *r, const uint8_t *packet,
                                 uint64_t now)
{
    struct web_datagram *oldest = &r->datagram[0];

    for (unsigned i = 0; i < WEB_REASS; i++) {
        struct web_datagram *d = &r->datagram[i];

        if (d->used && now - d->began_ms > WEB_REASS_MS)
            d->used = false;
        if (same(d, packet))
            return d;
        if (!d->used || (oldest->used && d->began_ms < oldest->began_ms))
            oldest = d;
    }
    memset(oldest, 0, offsetof(struct web_datagram, payload));
    oldest->used = true;
    oldest->began_ms = now;
    memcpy(oldest->src, packet + 12, 4);
    memcpy(oldest->dst, packet + 16, 4);
    memcpy(oldest->id, packet + 4, 2);
    oldest->protocol = packet[9];
    return oldest;
}

static bool overlaps(const struct web_datagram *d, const struct fragment *f)
{
    for (uint32_t u = f->offset / 8; u * 8 < f->offset + f->len; u++)
        if (d->seen[u / 8] & 1u << u % 8)
            return true;
    return false;
}

/* False: it contradicts what is there. */
static bool put(struct web_datagram *d, const struct fragment *f)
{
    uint32_t end = f->offset + f->len;

    if (overlaps(d, f) || (d->end && (end > d->end || !f->more)))
        return false;
    if (!f->more)
        d->end = end;
    for (uint32_t u = f->offset / 8; u * 8 < end; u++)
        d->seen[u / 8] |= (uint8_t)(1u << u % 8);
    memcpy(d->payload + f->offset, f->packet + f->header_len, f->len);
    d->have += f->len;
    if (f->offset == 0) {
        d->header_len = (uint8_t)f->header_len;
        memcpy(d->header, f->packet, f->header_len);
    }
    return true;
}

const struct web_datagram *web_reass_add(struct web_reass *r,
                                         const uint8_t *packet, size_t len,
                                         uint64_t now_ms)
{
    struct web_datagram *d;
    struct fragment f;

    if (!parse(&f, packet, len))
        return NULL;
    d = find(r, packet, now_ms);
    if (!put(d, &f)) {
        d->used = false;
        return NULL;
    }
    if (!d->end || !d->header_len || d->have < d->end)
        return NULL;
    d->used = false;
    /* Bytes beyond the end arrived before it: no datagram of ours. */
    if (d->have > d->end || d->header_len + d->end > WEB_REASS_MAX)
        return NULL;
    put16(d->header + 2, d->header_len + d->end);
    put16(d->header + 6, 0);
    put16(d->header + 10, 0);
    put16(d->header + 10, header_sum(d->header, d->header_len));
    return d;
}
