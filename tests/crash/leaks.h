/* SPDX-License-Identifier: MIT
 *
 * What weir-hv, weir-devd and weir-xenstored hold must not grow with the number
 * of programs that died.
 */
#ifndef WEIR_TESTS_CRASH_LEAKS_H
#define WEIR_TESTS_CRASH_LEAKS_H

#define LEAKS_SERVERS 3

struct leaks {
    int pid[LEAKS_SERVERS];
    unsigned fds[LEAKS_SERVERS], maps[LEAKS_SERVERS], tasks[LEAKS_SERVERS];
};

/* Counts now.  0 or -errno. */
int leaks_begin(struct leaks *l, const char *state_dir);
/* Counts again, for a while until all is as it was; names what grew.  How many
 * have more. */
unsigned leaks_end(const struct leaks *l);

#endif
