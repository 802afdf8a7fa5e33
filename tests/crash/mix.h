/* SPDX-License-Identifier: MIT
 *
 * A word that tells little of the one it is made from: the finaliser of
 * splitmix64.
 */
#ifndef WEIR_TESTS_CRASH_MIX_H
#define WEIR_TESTS_CRASH_MIX_H

#include <stdint.h>

static inline uint64_t crash_mix(uint64_t x)
{
    x ^= x >> 30;
    x *= 0xbf58476d1ce4e5b9u;
    x ^= x >> 27;
    x *= 0x94d049bb133111ebu;
    return x ^ x >> 31;
}

#endif
