/* SPDX-License-Identifier: MIT
 *
 * What a sector of the disk under test holds: its number, the sequence number
 * of the write, words that follow from both, and a checksum over all.  Guest
 * and host use the same.
 *
 * Layout of the disk, in sectors of 512 bytes:
 *
 *   0       the host writes here: CRASH_STOP when the guest is to end
 *   8...    a table: for each data sector the sequence number of the last
 *           write that a flush has covered, 120 a table sector
 *   then    data; the last quarter of it is discarded too, the rest never
 */
#ifndef WEIR_TESTS_CRASH_SECTOR_H
#define WEIR_TESTS_CRASH_SECTOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CRASH_SECTOR 512u
#define CRASH_WORDS  (CRASH_SECTOR / 8)
#define CRASH_STOP   0x504f54532d464c53u
#define CRASH_TABLE  8u /* first sector of the table */
#define CRASH_UNIT   8u /* data lies on multiples of 4 KiB */
#define CRASH_ROW    120u

struct crash_layout {
    uint64_t table, rows; /* first sector, number of sectors */
    uint64_t data, n;     /* first sector, number of sectors */
    uint64_t discardable; /* index of the first one, below n */
};

/* 0, or -1: the disk is too small. */
int crash_layout(struct crash_layout *l, uint64_t sectors);

/* seq 0 is a sector of zeros: never written, or discarded. */
void crash_make(uint8_t *p, uint64_t sector, uint32_t seq);
/* The sequence number of a whole, valid sector with that number: 0 for zeros,
 * or -1. */
int64_t crash_seq(const uint8_t *p, uint64_t sector);
/* Every word is that of a version from lo to hi, or zero where zero says so:
 * what may be seen while a write is under way. */
bool crash_mixed(const uint8_t *p, uint64_t sector, uint32_t lo, uint32_t hi,
                 bool zero);

/* A table sector: row number, version, values, checksum. */
struct crash_row {
    uint64_t magic, row, version;
    uint32_t seq[CRASH_ROW];
    uint64_t sum;
};
_Static_assert(sizeof(struct crash_row) == CRASH_SECTOR, "one sector");

void crash_row_seal(struct crash_row *r, uint64_t row, uint64_t version);
bool crash_row_ok(const struct crash_row *r, uint64_t row);

#endif
