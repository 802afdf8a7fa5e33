/* SPDX-License-Identifier: MIT
 *
 * The seal: what makes a Linux process a process domain.
 *
 *   weir_seal_begin   first thing, one thread: descriptors, limits, bounding
 *                     set, own mount namespace
 *   weir_window_create, hand over, weir_seal_keep
 *   ...               the program's set-up: threads, epoll, io_setup
 *   weir_seal_enter   identity, empty root, no capabilities, filter
 *
 * Each returns 0 or -errno, and on failure *what (when not NULL) is a static
 * text: the step that failed and what to do about it.  A failed seal is final:
 * the caller exits.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_SEAL_H
#define WEIR_HYPERVISOR_CLIENT_SEAL_H

#include "hypervisor/client/process.h"
#include "hypervisor/client/window.h"

/* Number the domain's own userfaultfd is kept at.  It lives as long as the
 * domain's memory, so weir-hv's death unregisters nothing; the filter allows
 * descriptor-reading calls below this number only.  Descriptors from here on
 * are useless to a sealed domain, so RLIMIT_NOFILE is set to this plus one:
 * enough for 1024 event channels of two descriptors, and below the 4096 that
 * is the lowest usual hard limit. */
#define WEIR_SEAL_UFFD 4000

/* Closes all descriptors but 0, 1, 2 and keep[0..n).  Also: no core file, one
 * malloc arena without mmap chunks (the filter has no mprotect and mremap),
 * capability bounding and inheritable sets emptied, own mount namespace; the
 * last two where the process has the right to. */
int weir_seal_begin(const int *keep, unsigned n, const char **what);

/* After uffd and pagemap were sent to weir-hv: moves the userfaultfd to
 * WEIR_SEAL_UFFD and closes pagemap. */
int weir_seal_keep(struct weir_window *w, const char **what);

struct weir_seal {
    const struct weir_window *window;
    int hv_fd;         /* recvmsg is for this one, and for WEIR_FD_RESOURCE
                          with WEIR_SEAL_FD_RECV */
    unsigned allow;    /* or of weir_seal_allow */
    unsigned uid, gid; /* to take; 0: keep */
    int ppid;          /* -1: it outlives its parent.  Else the parent's death
                          kills it; getppid() when the program began, for if it
                          changed, the parent died before this was so */
};

/* Steps 7 and 8.  Returns sealed. */
int weir_seal_enter(const struct weir_seal *s, const char **what);

/* One line of the filter, for documentation and tests.  args is a short text
 * ("" when any are allowed). */
struct weir_seal_line {
    const char *name, *args, *why;
    unsigned sets; /* weir_seal_allow bits it comes with; 0: always there */
};
/* false when i is beyond the list */
bool weir_seal_line(unsigned i, struct weir_seal_line *out);

/* Builds the filter of seal_list.c and installs it on all threads. */
int weir_seal_filter(const struct weir_seal *s, const char **what);
/* Writes it to fd, as struct sock_filter[]: for tests and inspection. */
int weir_seal_export(const struct weir_seal *s, int fd);

#endif
