/* SPDX-License-Identifier: MIT
 *
 * Checked arithmetic for offsets, sizes and sectors that a peer sends.  Each
 * function returns true and stores the result when it fits, and returns false
 * and stores nothing when it does not.
 */
#ifndef WEIR_RING_CHECKED_H
#define WEIR_RING_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/compiler.h"

#define WEIR_CHECKED_OP(name, builtin, bits)                                   \
    __attribute__((warn_unused_result)) WEIR_INLINE bool name(                 \
        uint##bits##_t a, uint##bits##_t b, uint##bits##_t *out)               \
    {                                                                          \
        uint##bits##_t r;                                                      \
        if (builtin(a, b, &r))                                                 \
            return false;                                                      \
        *out = r;                                                              \
        return true;                                                           \
    }

WEIR_CHECKED_OP(weir_add_u32, __builtin_add_overflow, 32)
WEIR_CHECKED_OP(weir_add_u64, __builtin_add_overflow, 64)
WEIR_CHECKED_OP(weir_sub_u32, __builtin_sub_overflow, 32)
WEIR_CHECKED_OP(weir_sub_u64, __builtin_sub_overflow, 64)
WEIR_CHECKED_OP(weir_mul_u32, __builtin_mul_overflow, 32)
WEIR_CHECKED_OP(weir_mul_u64, __builtin_mul_overflow, 64)

/* Do len units from off lie within limit units?  Never overflows; an empty
 * range at limit is within. */
WEIR_INLINE bool weir_in_range(uint64_t off, uint64_t len, uint64_t limit)
{
    return len <= limit && off <= limit - len;
}

/* Narrowing that refuses to lose bits. */
__attribute__((warn_unused_result)) WEIR_INLINE bool weir_to_u32(uint64_t v,
                                                                 uint32_t *out)
{
    if (v > UINT32_MAX)
        return false;
    *out = (uint32_t)v;
    return true;
}

__attribute__((warn_unused_result)) WEIR_INLINE bool weir_to_u16(uint64_t v,
                                                                 uint16_t *out)
{
    if (v > UINT16_MAX)
        return false;
    *out = (uint16_t)v;
    return true;
}

/* The greatest power of two that is not above v; 0 for 0. */
WEIR_INLINE uint32_t weir_pow2_floor(uint32_t v)
{
    return v == 0 ? 0 : UINT32_C(1) << (31 - __builtin_clz(v));
}

WEIR_INLINE bool weir_is_pow2(uint64_t v)
{
    return v != 0 && (v & (v - 1)) == 0;
}

#endif
