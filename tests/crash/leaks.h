/* SPDX-License-Identifier: MIT
 *
 * What an instance holds, as lines "KEY value": frames; each domain's frames,
 * ports and grants; nodes of the registry; processes; descriptors, threads,
 * mappings and memory of each program; taps, packet filters, control groups;
 * what the manager left with weir-hv.  Counted before and after something that
 * must leave nothing behind.
 */
#ifndef WEIR_TESTS_CRASH_LEAKS_H
#define WEIR_TESTS_CRASH_LEAKS_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define LEAKS_KEY    160
#define LEAKS_LINES  16384
#define LEAKS_SAME   (-1)
#define LEAKS_MAPS   4    /* of malloc and stacks, which come and go */
#define LEAKS_MEMORY 1024 /* KiB a server may gain */

struct leaks_line {
    char key[LEAKS_KEY];
    uint64_t value;
    int64_t room; /* it may have grown so much, or shrunk; LEAKS_SAME: neither
                   */
    bool right;   /* seen so since */
};

struct leaks {
    struct leaks_line *line; /* sorted by key */
    unsigned n;
};

/* leaks_count.c: counts now.  0 or -errno; leaks_free in any case. */
int leaks_take(struct leaks *l, const char *state_dir);
/* For leaks_take: value is added to what key has. */
void leaks_add(struct leaks *l, int64_t room, uint64_t value, const char *fmt,
               ...) __attribute__((format(printf, 4, 5)));
void leaks_free(struct leaks *l);

int leaks_write(const struct leaks *l, FILE *to);
int leaks_read(struct leaks *l, FILE *from);
/* Counts again, for up to ms milliseconds until each line was once as it shall
 * be; says on stderr which never were.  Keys that match one of patterns
 * (fnmatch; a NULL ends them, NULL: none) are left out.  How many, or -errno.
 */
int leaks_compare(struct leaks *before, const char *state_dir,
                  char *const *patterns, unsigned ms);

#endif
