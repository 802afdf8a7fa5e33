/* SPDX-License-Identifier: MIT
 *
 * weir-hv's hand on one domain's window: makes frames appear in the domain's
 * page table, and finds out whether they are gone.
 *
 * The domain is hostile.  It can make these calls slow (tens of ms) but not
 * wrong: hold no lock that others need over them.  One thread per pagewin at a
 * time.  Frame numbers are checked against the window: -ERANGE.
 *
 * Nothing here trusts an event: "unmapped" is read from the page table.
 */
#ifndef WEIR_HYPERVISOR_PAGEWIN_H
#define WEIR_HYPERVISOR_PAGEWIN_H

#include <sys/types.h>

#include "ring/port.h"

struct weir_pagewin;

struct weir_pagewin_ends {
    int uffd;         /* the domain's, features set and window registered */
    int pagemap;      /* the domain's /proc/self/pagemap */
    uint64_t base;    /* as the domain said: address of frame 0 */
    uint64_t ro_base; /* for read-only grants; equals base or is a window of
                         its own (kernels before 6.4) */
    uint64_t size;    /* bytes; weir-hv's own knowledge */
    pid_t pid;        /* 0, or the domain's: the first frame made present is
                         then also looked for in /proc/PID/pagemap, so that
                         another process's descriptors are found out */
};

/* Checks the addresses (aligned, misaligned against 2 MiB, no overflow), that
 * both descriptors are what they are said to be, and owns them from then on,
 * also on failure.  marker is from weir_pagewin_marker.
 * -EPROTO: the domain lied. */
int weir_pagewin_open(const struct weir_pagewin_ends *ends, uint64_t marker,
                      struct weir_pagewin **out);
void weir_pagewin_close(struct weir_pagewin *w);

/* Once at start: the pagemap entry (soft-dirty bit cleared) of a page that was
 * write-protected and then dropped, found out on memory of our own.  0: this
 * kernel leaves none.  Pass it to weir_pagewin_open. */
int weir_pagewin_marker(uint64_t *marker);

/* Polls readable while a fault waits; owned by w. */
int weir_pagewin_fd(const struct weir_pagewin *w);

/* Where the domain finds frame m. */
uint64_t weir_pagewin_addr(const struct weir_pagewin *w, mfn_t m,
                           bool readonly);

/* Read-only and read-write mappings share one page-table entry: a frame that
 * the domain holds both ways must be present read-write. */
bool weir_pagewin_one_window(const struct weir_pagewin *w);

/* Frames first..first+n-1 become accessible to the domain, with exactly that
 * access; a frame already present changes its access.  (With two windows the
 * two accesses are two entries, each present or not.)  The frames must be
 * populated (-EFAULT).  *done, when not NULL, is how many are present, also on
 * failure; the caller withdraws these by killing the domain.
 *   -ESRCH   the domain is dead or dying
 *   -ENOENT  it has no such registered window any more: kill it
 *   -EAGAIN  no progress after bounded retries: kill it, or try later
 *   -EPROTO  the first frame did not show up in the domain: kill it */
int weir_pagewin_present(struct weir_pagewin *w, mfn_t first, uint64_t n,
                         bool readonly, uint64_t *done);

/* Access of present frames becomes read-only (atomically: later writes fault).
 * -EOPNOTSUPP with two windows. */
int weir_pagewin_protect(struct weir_pagewin *w, mfn_t first, uint64_t n);

/* Per element: 0 the frame is in neither window, -EBUSY it still is, -ERANGE.
 * Returns 0 when all were looked at, else the error of the pagemap (-ESRCH:
 * the domain is dead; nothing is then known until weir_pagewin_dead). */
int weir_pagewin_check_unmapped(struct weir_pagewin *w, const mfn_t *frames,
                                unsigned n, int *status);

struct weir_pagefault {
    mfn_t frame;
    bool outside; /* not an address of the window (frame is then 0) */
    bool write;
    bool readonly; /* a write to a present, write-protected page, or to the
                      read-only window */
    uint64_t addr; /* in the domain, page aligned */
};

/* 1: *f is a fault that a thread of the domain now sleeps in; 0: none.
 * Unless the frame is granted (reclaim took the page-table entry: present it
 * again) the domain is to be killed. */
int weir_pagewin_read_fault(struct weir_pagewin *w, struct weir_pagefault *f);

/* The domain's memory is gone for good: no page of the window can be reached
 * through it any more, by its threads or by I/O it has in flight.  Ask after
 * its pidfd polled readable, and again after a while when false. */
bool weir_pagewin_dead(struct weir_pagewin *w);

#endif
