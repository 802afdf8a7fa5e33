/* SPDX-License-Identifier: MIT
 *
 * What the fuzzing guest is told, in place of the mark in its image, and what
 * it says on its console:
 *
 *   fuzz N       so many calls were made (every 65536), in hex
 *   fuzz done N S  all of them; then it powers off.  S times it made another
 *                call, since that one would have hit itself
 *   LEAK AT W    a word at that address looks like a secret of somebody else
 *   WEIRD N C R  call N of command C returned R, which is no result
 */
#ifndef WEIR_TESTS_FUZZGUEST_H
#define WEIR_TESTS_FUZZGUEST_H

#include <stdint.h>

#define FUZZ_MARK  "TINYCONF"
#define FUZZ_PEERS 6
/* Pages that nobody ever grants to the guest are full of this, a serial number
 * in the lower half. */
#define FUZZ_SECRET       UINT64_C(0x5ec4e7a9)
#define FUZZ_IS_SECRET(w) ((w) >> 32 == FUZZ_SECRET)

struct fuzz_config {
    char mark[8];
    uint64_t seed;
    uint64_t calls;    /* of all vCPUs together */
    uint32_t vcpus;    /* 1 or 2 */
    uint32_t reckless; /* it may hurt itself: its life ends somehow */
    uint16_t peers[FUZZ_PEERS];
    uint16_t self;
    uint16_t pad;
    uint64_t ram; /* pages */
};

#endif
