/* SPDX-License-Identifier: MIT
 *
 * Little-endian numbers in messages, at any alignment.
 */
#ifndef WEIR_RING_BYTES_H
#define WEIR_RING_BYTES_H

#include <stdint.h>

#include "ring/compiler.h"

WEIR_INLINE uint16_t weir_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

WEIR_INLINE uint32_t weir_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
           (uint32_t)p[3] << 24;
}

WEIR_INLINE uint64_t weir_le64(const uint8_t *p)
{
    return (uint64_t)weir_le32(p) | (uint64_t)weir_le32(p + 4) << 32;
}

WEIR_INLINE void weir_put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)v;
    p[1] = (uint8_t)(v >> 8);
}

WEIR_INLINE void weir_put32(uint8_t *p, uint32_t v)
{
    weir_put16(p, (uint16_t)v);
    weir_put16(p + 2, (uint16_t)(v >> 16));
}

WEIR_INLINE void weir_put64(uint8_t *p, uint64_t v)
{
    weir_put32(p, (uint32_t)v);
    weir_put32(p + 4, (uint32_t)(v >> 32));
}

#endif
