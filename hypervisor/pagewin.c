/* SPDX-License-Identifier: MIT */
#include "hypervisor/pagewin.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/userfaultfd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/client/window.h"

/* Linux 6.4; newer than Debian 12's headers. */
#define CONTINUE_MODE_WP (1ull << 1)

/* /proc/PID/pagemap, Linux Documentation/admin-guide/mm/pagemap.rst */
#define PM_PRESENT    (1ull << 63)
#define PM_SWAP       (1ull << 62)
#define PM_FILE       (1ull << 61)
#define PM_UFFD_WP    (1ull << 57)
#define PM_FRAME_MASK ((1ull << 55) - 1)
#define PM_KIND       (PM_PRESENT | PM_SWAP | PM_FILE | PM_UFFD_WP)

#define RETRIES 64 /* of an ioctl that answers EAGAIN without progress */
#define BATCH   256

struct weir_pagewin {
    struct weir_pagewin_ends at;
    uint64_t marker;
    bool proven; /* the descriptors belong to the domain */
};

static bool bad_base(uint64_t base, uint64_t size)
{
    uint64_t end;
    return base % (2ull << 20) != WEIR_PAGE_SIZE || base < WEIR_WINDOW_GUARD ||
           __builtin_add_overflow(base, size, &end) || end > 1ull << 56;
}

static bool fd_is(int fd, const char *suffix)
{
    char path[64], name[128];
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    ssize_t n = readlink(path, name, sizeof(name) - 1);
    size_t want = strlen(suffix);
    if (n < (ssize_t)want)
        return false;
    name[n] = '\0';
    return !strcmp(name + n - want, suffix);
}

/* Not a file of the domain's that happens to be called so. */
static bool is_pagemap(int fd)
{
    struct statfs fs;
    return !fstatfs(fd, &fs) && fs.f_type == PROC_SUPER_MAGIC &&
           fd_is(fd, "/pagemap");
}

int weir_pagewin_open(const struct weir_pagewin_ends *ends, uint64_t marker,
                      struct weir_pagewin **out)
{
    int err = -EPROTO;
    struct weir_pagewin *w = NULL;
    bool two = ends->ro_base != ends->base;
    if (ends->size && ends->size % WEIR_PAGE_SIZE == 0 &&
        (!bad_base(ends->base, ends->size) || weir_broken("misaligned")) &&
        (!two ||
         ends->ro_base == ends->base + weir_window_ro_offset(ends->size)) &&
        fd_is(ends->uffd, "[userfaultfd]") && is_pagemap(ends->pagemap)) {
        w = calloc(1, sizeof(*w));
        err = w ? 0 : -ENOMEM;
    }
    if (err) {
        close(ends->uffd);
        close(ends->pagemap);
        return err;
    }
    w->at = *ends;
    w->marker = marker;
    *out = w;
    return 0;
}

void weir_pagewin_close(struct weir_pagewin *w)
{
    if (!w)
        return;
    close(w->at.uffd);
    close(w->at.pagemap);
    free(w);
}

int weir_pagewin_fd(const struct weir_pagewin *w)
{
    return w->at.uffd;
}

uint64_t weir_pagewin_addr(const struct weir_pagewin *w, mfn_t m, bool readonly)
{
    return (readonly ? w->at.ro_base : w->at.base) + (m << WEIR_PAGE_SHIFT);
}

bool weir_pagewin_one_window(const struct weir_pagewin *w)
{
    return w->at.base == w->at.ro_base;
}

static bool in_range(const struct weir_pagewin *w, mfn_t first, uint64_t n)
{
    uint64_t frames = w->at.size >> WEIR_PAGE_SHIFT;
    return n && first < frames && n <= frames - first;
}

/* ---- write protection --------------------------------------------------- */

static int set_wp(struct weir_pagewin *w, uint64_t addr, uint64_t len, bool wp)
{
    struct uffdio_writeprotect p = {
        .range = {.start = addr, .len = len},
        .mode = wp ? UFFDIO_WRITEPROTECT_MODE_WP : 0,
    };
    for (unsigned tries = 0; tries < RETRIES; tries++) {
        if (!ioctl(w->at.uffd, UFFDIO_WRITEPROTECT, &p))
            return 0;
        if (errno != EAGAIN && errno != EINTR)
            return -errno;
        sched_yield();
    }
    return -EAGAIN;
}

int weir_pagewin_protect(struct weir_pagewin *w, mfn_t first, uint64_t n)
{
    if (!in_range(w, first, n))
        return -ERANGE;
    if (!weir_pagewin_one_window(w))
        return -EOPNOTSUPP;
    return set_wp(w, weir_pagewin_addr(w, first, false), n << WEIR_PAGE_SHIFT,
                  true);
}

/* ---- the page table, seen ----------------------------------------------- */

/* A short read: the domain's memory is gone. */
static int read_entries(int pagemap, uint64_t addr, unsigned n, uint64_t *out)
{
    size_t want = n * sizeof(*out);
    ssize_t got = pread(pagemap, out, want,
                        (off_t)(addr / WEIR_PAGE_SIZE * sizeof(*out)));
    if (got < 0)
        return -errno;
    return (size_t)got == want ? 0 : -ESRCH;
}

/* Nothing there, or the marker that a dropped write-protected page leaves.
 * An unprivileged reader sees no swap type: then the marker still differs from
 * a page under migration, which is known to belong to a file. */
static bool entry_empty(const struct weir_pagewin *w, uint64_t e)
{
    if (!(e & (PM_PRESENT | PM_SWAP)))
        return true;
    uint64_t frame = e & PM_FRAME_MASK;
    return w->marker && (e & PM_KIND) == (w->marker & PM_KIND) &&
           (!frame || frame == (w->marker & PM_FRAME_MASK));
}

static int check_run(struct weir_pagewin *w, uint64_t addr, unsigned n,
                     int *status)
{
    uint64_t entries[BATCH];
    int err = read_entries(w->at.pagemap, addr, n, entries);
    if (err)
        return err;
    for (unsigned i = 0; i < n; i++)
        if (!entry_empty(w, entries[i]) && !weir_broken("check"))
            status[i] = -EBUSY;
    return 0;
}

int weir_pagewin_check_unmapped(struct weir_pagewin *w, const mfn_t *frames,
                                unsigned n, int *status)
{
    for (unsigned i = 0, run; i < n; i += run) {
        run = 1;
        status[i] = in_range(w, frames[i], 1) ? 0 : -ERANGE;
        if (status[i])
            continue;
        while (i + run < n && run < BATCH &&
               frames[i + run] == frames[i] + run &&
               in_range(w, frames[i + run], 1))
            status[i + run++] = 0;
        int err = check_run(w, weir_pagewin_addr(w, frames[i], false), run,
                            status + i);
        if (!err && !weir_pagewin_one_window(w))
            err = check_run(w, weir_pagewin_addr(w, frames[i], true), run,
                            status + i);
        if (err)
            return err;
    }
    return 0;
}

/* ---- making frames present ---------------------------------------------- */

static int shows(int pagemap, uint64_t addr)
{
    uint64_t e = 0;
    int err = read_entries(pagemap, addr, 1, &e);
    return err ? err : e & PM_PRESENT ? 0 : -EPROTO;
}

static int prove(struct weir_pagewin *w, uint64_t addr)
{
    int err = shows(w->at.pagemap, addr);
    if (!err && w->at.pid) {
        char path[64];
        snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)w->at.pid);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            return errno == ENOENT ? -ESRCH : -errno;
        err = shows(fd, addr);
        close(fd);
    }
    w->proven = !err;
    return err;
}

/* Continues as much of [addr, +len) as goes in one call.  *step: bytes. */
static int continue_some(struct weir_pagewin *w, uint64_t addr, uint64_t len,
                         bool wp, uint64_t *step)
{
    struct uffdio_continue c = {
        .range = {.start = addr, .len = len},
        .mode = wp ? CONTINUE_MODE_WP : 0,
    };
    *step = 0;
    if (!ioctl(w->at.uffd, UFFDIO_CONTINUE, &c)) {
        *step = len;
        return 0;
    }
    int err = -errno;
    if (c.mapped > 0 && (uint64_t)c.mapped <= len)
        *step = (uint64_t)c.mapped;
    if (err != -EEXIST)
        return *step ? 0 : err;
    *step = WEIR_PAGE_SIZE;
    /* It is this frame, for an entry can be no other; but which access? */
    return weir_pagewin_one_window(w) ? set_wp(w, addr, WEIR_PAGE_SIZE, wp) : 0;
}

int weir_pagewin_present(struct weir_pagewin *w, mfn_t first, uint64_t n,
                         bool readonly, uint64_t *done)
{
    uint64_t unused;
    done = done ? done : &unused;
    *done = 0;
    if (!in_range(w, first, n))
        return -ERANGE;
    bool wp = readonly && weir_pagewin_one_window(w);
    if (weir_broken("readonly"))
        wp = false;
    uint64_t addr = weir_pagewin_addr(w, first, readonly);
    uint64_t len = n << WEIR_PAGE_SHIFT;
    unsigned idle = 0;
    while (len) {
        uint64_t step;
        int err = continue_some(w, addr, len, wp, &step);
        if (err == -EAGAIN && ++idle < RETRIES) {
            sched_yield();
            continue;
        }
        if (err)
            return err;
        idle = 0;
        addr += step;
        len -= step;
        *done += step >> WEIR_PAGE_SHIFT;
    }
    return w->proven ? 0 : prove(w, weir_pagewin_addr(w, first, readonly));
}

/* ---- faults and death --------------------------------------------------- */

int weir_pagewin_read_fault(struct weir_pagewin *w, struct weir_pagefault *f)
{
    struct uffd_msg m;
    ssize_t n = read(w->at.uffd, &m, sizeof(m));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? 0 : -errno;
    if (n != sizeof(m))
        return 0;
    *f = (struct weir_pagefault){.outside = true};
    if (m.event != UFFD_EVENT_PAGEFAULT)
        return 1; /* none other was asked for: not a fault of the window */
    uint64_t addr = m.arg.pagefault.address & ~(uint64_t)(WEIR_PAGE_SIZE - 1);
    uint64_t flags = m.arg.pagefault.flags;
    f->addr = addr;
    f->write = flags & (UFFD_PAGEFAULT_FLAG_WRITE | UFFD_PAGEFAULT_FLAG_WP);
    f->readonly = flags & UFFD_PAGEFAULT_FLAG_WP;
    for (unsigned ro = 0; ro < 2 && f->outside; ro++) {
        uint64_t base = ro ? w->at.ro_base : w->at.base;
        if (addr < base || addr - base >= w->at.size)
            continue;
        f->outside = false;
        f->frame = (addr - base) >> WEIR_PAGE_SHIFT;
    }
    return 1;
}

/* The guard page below the window is never registered: a living domain
 * answers ENOENT and nothing is mapped. */
bool weir_pagewin_dead(struct weir_pagewin *w)
{
    struct uffdio_continue c = {
        .range = {.start = w->at.base - WEIR_PAGE_SIZE, .len = WEIR_PAGE_SIZE},
    };
    return ioctl(w->at.uffd, UFFDIO_CONTINUE, &c) && errno == ESRCH;
}
