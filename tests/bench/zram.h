/* SPDX-License-Identifier: MIT
 *
 * For benchmarks: a zero-filled zram device, and fio on it.  Root.
 */
#ifndef WEIR_TESTS_BENCH_ZRAM_H
#define WEIR_TESTS_BENCH_ZRAM_H

#include <stdbool.h>

struct zram {
    bool made;
    int number;
    char path[32]; /* /dev/zramN */
    char size[8];
};

/* size as in "1G".  0, or -1: this machine has no zram. */
int zram_make(struct zram *z, const char *size);
void zram_remove(struct zram *z);
bool zram_has_fio(void);
/* I/Os a second of fio on where (its options), or -1; fio at its best: no
 * record of blocks done, no clock reading for each I/O. */
double zram_fio_on(const char *where, const char *size, const char *rw,
                   const char *bytes, const char *depth, int ms);
/* libaio on the device itself. */
double zram_fio(const struct zram *z, const char *rw, const char *bytes,
                const char *depth, int ms);

#endif
