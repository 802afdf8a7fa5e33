/* SPDX-License-Identifier: MIT
 *
 * The window: a process domain's one view of machine memory.
 *
 * The whole memfd is mapped once and registered with a userfaultfd, so that no
 * page of it can be touched before weir-hv continues that page.  Frame m is at
 * weir_window_at(w, m, ...): base + m * 4096.
 *
 *    | PROT_NONE 1 GiB | window | PROT_NONE | [ro window | PROT_NONE] |
 *   lo                base                                            hi
 *
 * Facts used (Linux Documentation/admin-guide/mm/userfaultfd.rst, mseal.rst):
 * a shmem range registered "missing" and "minor" faults into the userfaultfd
 * whether or not the page is in the page cache; with UFFD_USER_MODE_ONLY an
 * access by the kernel (read(2), O_DIRECT) fails with EFAULT instead.  From
 * Linux 6.4 a page can be continued write-protected, which serves read-only
 * grants; older kernels get a second, PROT_READ mapping for these.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_WINDOW_H
#define WEIR_HYPERVISOR_CLIENT_WINDOW_H

#include "ring/port.h"

/* The PROT_NONE area below the window.  The filter lets munmap(2) take ranges
 * shorter than this, so that none that starts below can reach the window. */
#define WEIR_WINDOW_GUARD (1ull << 30)

/* Distance from the window to the read-only one, where there are two. */
static inline uint64_t weir_window_ro_offset(uint64_t size)
{
    const uint64_t two_mib = 2ull << 20;
    return (size + two_mib) / two_mib * two_mib + two_mib;
}

struct weir_window {
    uint8_t *base;    /* frame 0; page aligned, 4096 above a 2 MiB boundary */
    uint8_t *ro_base; /* frame 0 for read-only grants; equals base when the
                         kernel continues pages write-protected, else base
                         plus weir_window_ro_offset(size) */
    uint64_t size;    /* bytes of machine memory */
    uint8_t *lo, *hi; /* the whole reservation, guards included: multiples
                         of 1 GiB */
    int uffd;         /* until weir_seal_keep; then -1 */
    int pagemap;      /* /proc/self/pagemap; likewise */
    bool msealed;     /* the kernel has mseal and it is applied */
};

/* Steps 2 to 4 of the seal.  memfd: machine memory, of size bytes (a multiple
 * of 4096); the caller closes it afterwards.  Call with one thread.  Nothing
 * is left behind on failure.
 * Errors: -EINVAL size; -ENOSYS or -EOPNOTSUPP the kernel lacks a feature;
 * others from mmap, userfaultfd.  *what, when not NULL, is then a static text
 * that names the step or missing feature and the remedy. */
int weir_window_create(int memfd, uint64_t size, struct weir_window *w,
                       const char **what);

/* Undoes create: for tests and for failures before the seal. */
void weir_window_destroy(struct weir_window *w);

/* Address of frame m, as granted read-only or not.  m is not checked. */
static inline void *weir_window_at(const struct weir_window *w, mfn_t m,
                                   bool readonly)
{
    return (readonly ? w->ro_base : w->base) + (m << WEIR_PAGE_SHIFT);
}

/* Takes n frames from first on out of the page table, before the hypercall
 * that reports them unmapped.  Async-signal-safe, allowed by the seal. */
int weir_window_drop(const struct weir_window *w, mfn_t first, uint64_t n,
                     bool readonly);

#endif
