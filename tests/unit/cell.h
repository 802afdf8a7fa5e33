/* SPDX-License-Identifier: MIT
 *
 * A sealed process and the hand on its window, without weir-hv: for tests of
 * window, seal, pagewin and verify.  The cell does what it is told over a
 * socket; what it may do is what its seal lets it.
 */
#ifndef WEIR_TESTS_UNIT_CELL_H
#define WEIR_TESTS_UNIT_CELL_H

#include <sys/types.h>

#include "hypervisor/client/seal.h"
#include "hypervisor/pagewin.h"
#include "hypervisor/verify.h"

struct cell_memory {
    int fd;
    uint8_t *map;
    uint64_t size;
};

struct cell {
    pid_t pid;
    int sock;
    struct weir_pagewin *win;
    struct weir_pagewin_ends ends;
    struct weir_seal_expect expect;
};

enum cell_op {
    CELL_READ,    /* arg 0: frame; the answer is its first word */
    CELL_WRITE,   /* frame, value */
    CELL_READ_RO, /* through the read-only address */
    CELL_WRITE_RO,
    CELL_DROP, /* frame, count */
    CELL_DROP_RO,
    CELL_KERNEL_WRITE, /* frame, read-only: recv into it; answer errno */
    CELL_SYSCALL, /* number, up to five arguments; answer result or -errno */
    CELL_ADDRESS, /* frame */
    CELL_QUIT,
};

int cell_memory_make(struct cell_memory *m, uint64_t size);
void cell_memory_free(struct cell_memory *m);

/* before is run in the cell between set-up and seal; NULL: nothing.  seal:
 * false leaves the cell unsealed. */
int cell_start(struct cell *c, const struct cell_memory *m, unsigned allow,
               void (*before)(int memfd), bool seal);
/* Sends without waiting; cell_answer waits (ms) and returns 0, -ETIMEDOUT or
 * -EPIPE when the cell died. */
void cell_tell(struct cell *c, enum cell_op op, const int64_t args[6]);
int cell_answer(struct cell *c, int timeout_ms, int64_t *value);
/* Both; fails the test when there is no answer. */
int64_t cell_ask(struct cell *c, enum cell_op op, int64_t a, int64_t b);
/* Kills it when it still runs; returns its wait status. */
int cell_end(struct cell *c);

#endif
