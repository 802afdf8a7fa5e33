/* SPDX-License-Identifier: MIT
 *
 * Descriptors that the device manager leaves here for its successor, by key.
 * Nothing is read from them.  Main thread.
 *
 * The last close of a file may take long (a tap, a block device that is
 * written back), and a manager that is killed can leave it to weir-hv: so a
 * thread of its own closes.
 */
#ifndef WEIR_HYPERVISOR_STASH_H
#define WEIR_HYPERVISOR_STASH_H

#include "hypervisor/client/control.h"

#include <pthread.h>

struct hv_stashed {
    uint64_t key;
    unsigned n;
    int fd[WEIR_STASH_FDS];
};

struct hv_stash {
    struct hv_stashed *rec; /* WEIR_STASH_RECORDS, n used */
    unsigned n;
    unsigned fds, max_fds; /* of all records; what they may have */
    int closing[2];        /* pipe with numbers to close; -1: no thread */
    pthread_t closer;
};

void hv_stash_init(struct hv_stash *s, unsigned max_fds);
/* The thread; it keeps the rights of its caller.  Without it descriptors are
 * closed at once. */
int hv_stash_start(struct hv_stash *s);
void hv_stash_fini(struct hv_stash *s);
/* The record's are these from now on, those it had are closed.  -ENOSPC,
 * -EMFILE: nothing changed, the caller keeps them. */
int hv_stash_put(struct hv_stash *s, uint64_t key, const int *fds, unsigned n);
int hv_stash_drop(struct hv_stash *s, uint64_t key);
/* The one with the lowest key >= first, until the next call; or NULL. */
const struct hv_stashed *hv_stash_next(const struct hv_stash *s,
                                       uint64_t first);
void hv_stash_close(const struct hv_stash *s, const int *fds, unsigned n);

#endif
