/* SPDX-License-Identifier: MIT */
#include "hypervisor/client/window.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"

/* Newer than Debian 12's kernel headers. */
#ifndef __NR_mseal
#define __NR_mseal 462
#endif
#define FEATURE_WP_UNPOPULATED (1ull << 13) /* Linux 6.4 */

static const uint64_t features_needed =
    UFFD_FEATURE_MISSING_SHMEM | UFFD_FEATURE_MINOR_SHMEM;
/* Both arrived in Linux 6.4, with UFFDIO_CONTINUE_MODE_WP. */
static const uint64_t features_wp = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
                                    UFFD_FEATURE_WP_HUGETLBFS_SHMEM |
                                    FEATURE_WP_UNPOPULATED;

static int say(const char **what, const char *text, int err)
{
    if (what)
        *what = text;
    return err;
}

static int open_uffd(uint64_t want, uint64_t *got)
{
    int fd = (int)syscall(__NR_userfaultfd,
                          O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
    if (fd < 0)
        return -errno;
    struct uffdio_api api = {.api = UFFD_API, .features = want};
    if (ioctl(fd, UFFDIO_API, &api)) {
        int err = -errno;
        close(fd);
        return err;
    }
    *got = api.features;
    return fd;
}

/* The features a userfaultfd gets are fixed by its first UFFDIO_API call, so
 * one is opened to ask and another to use. */
static int make_uffd(bool *wp, const char **what)
{
    uint64_t have = 0;
    int fd = open_uffd(0, &have);
    if (fd == -ENOSYS)
        return say(what, "no userfaultfd: use a kernel with CONFIG_USERFAULTFD",
                   fd);
    if (fd == -EINVAL)
        return say(what,
                   "userfaultfd has no user-mode-only: use Linux 5.14 or later",
                   -EOPNOTSUPP);
    if (fd < 0)
        return say(what,
                   "userfaultfd refused: allow the system call to this process",
                   fd);
    close(fd);
    if ((have & features_needed) != features_needed)
        return say(what,
                   "userfaultfd has no minor faults on shared memory "
                   "(minor-shmem): use Linux 5.14 or later",
                   -EOPNOTSUPP);
    *wp = (have & features_wp) == features_wp && !weir_broken("one-window");
    fd = open_uffd(features_needed | (*wp ? features_wp : 0), &have);
    return fd < 0 ? say(what, "userfaultfd features refused", fd) : fd;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to;
}

/* Reserves everything as PROT_NONE, from one multiple of 1 GiB to another: so
 * the filter can tell an address by its upper bits.  The window begins one
 * page above a 2 MiB boundary, so that no 2 MiB of the file is ever 2 MiB
 * aligned in memory and the kernel can't map it huge. */
static int reserve(struct weir_window *w, bool wp, const char **what)
{
    const uint64_t guard = WEIR_WINDOW_GUARD;
    uint64_t ro_off = weir_window_ro_offset(w->size);
    uint64_t span =
        guard + round_up((wp ? 1 : 2) * ro_off + WEIR_PAGE_SIZE, guard);
    uint8_t *p = mmap(NULL, span + guard, PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED)
        return say(what,
                   "no address space for the window: raise RLIMIT_AS, or give "
                   "the machine less memory",
                   -errno);
    uint64_t before = round_up((uintptr_t)p, guard) - (uintptr_t)p;
    w->lo = p + before;
    w->hi = w->lo + span;
    if ((before && munmap(p, before)) ||
        (before < guard && munmap(w->hi, guard - before)))
        return say(what, "munmap beside the window", -errno);
    w->base = w->lo + guard + (weir_broken("misaligned") ? 0 : WEIR_PAGE_SIZE);
    w->ro_base = wp ? w->base : w->base + ro_off;
    return 0;
}

static int map_one(int memfd, uint8_t *at, uint64_t size, int prot,
                   const char **what)
{
    if (mmap(at, size, prot, MAP_SHARED | MAP_FIXED | MAP_NORESERVE, memfd,
             0) == MAP_FAILED)
        return say(what, "machine memory can't be mapped", -errno);
    if ((!weir_broken("dontfork") && madvise(at, size, MADV_DONTFORK)) ||
        madvise(at, size, MADV_DONTDUMP))
        return say(what, "madvise of the window", -errno);
    /* EINVAL: a kernel without transparent huge pages, which is fine */
    if (madvise(at, size, MADV_NOHUGEPAGE) && errno != EINVAL)
        return say(what, "madvise(MADV_NOHUGEPAGE) of the window", -errno);
    return 0;
}

static int register_one(int uffd, uint8_t *at, uint64_t size, bool wp,
                        const char **what)
{
    struct uffdio_register r = {
        .range = {.start = (uintptr_t)at, .len = size},
        .mode = UFFDIO_REGISTER_MODE_MISSING | UFFDIO_REGISTER_MODE_MINOR |
                (wp ? UFFDIO_REGISTER_MODE_WP : 0),
    };
    if (ioctl(uffd, UFFDIO_REGISTER, &r))
        return say(what, "the window can't be registered with userfaultfd",
                   -errno);
    if (!(r.ioctls & (1ull << _UFFDIO_CONTINUE)))
        return say(what,
                   "userfaultfd can't continue shared memory: use Linux 5.14 "
                   "or later",
                   -EOPNOTSUPP);
    return 0;
}

static int map_windows(int memfd, struct weir_window *w, const char **what)
{
    bool wp = w->base == w->ro_base;
    int err = map_one(memfd, w->base, w->size, PROT_READ | PROT_WRITE, what);
    if (!err)
        err = register_one(w->uffd, w->base, w->size, wp, what);
    if (err || wp)
        return err;
    err = map_one(memfd, w->ro_base, w->size, PROT_READ, what);
    return err ? err : register_one(w->uffd, w->ro_base, w->size, wp, what);
}

/* Without mseal (before Linux 6.10) the filter alone keeps the mappings as
 * they are. */
static int seal_mappings(struct weir_window *w, const char **what)
{
    if (weir_broken("mseal"))
        return 0;
    w->msealed = syscall(__NR_mseal, w->lo, (size_t)(w->hi - w->lo), 0ul) == 0;
    if (!w->msealed && errno != ENOSYS)
        return say(what, "the window can't be sealed with mseal", -errno);
    return 0;
}

int weir_window_create(int memfd, uint64_t size, struct weir_window *w,
                       const char **what)
{
    *w = (struct weir_window){.size = size, .uffd = -1, .pagemap = -1};
    if (!size || size % WEIR_PAGE_SIZE || size > 1ull << 44)
        return say(what, "machine memory size is not one of whole pages",
                   -EINVAL);
    if (prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0))
        return say(what, "huge pages can't be disabled (PR_SET_THP_DISABLE)",
                   -errno);
    bool wp;
    w->uffd = make_uffd(&wp, what);
    int err = w->uffd < 0 ? w->uffd : reserve(w, wp, what);
    if (!err)
        err = map_windows(memfd, w, what);
    if (!err) {
        w->pagemap = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
        if (w->pagemap < 0)
            err = say(what, "/proc/self/pagemap can't be opened: mount /proc",
                      -errno);
    }
    if (!err)
        err = seal_mappings(w, what);
    if (err)
        weir_window_destroy(w);
    return err;
}

void weir_window_destroy(struct weir_window *w)
{
    if (w->uffd >= 0)
        close(w->uffd);
    if (w->pagemap >= 0)
        close(w->pagemap);
    /* fails, harmlessly, once it is sealed */
    if (w->lo)
        munmap(w->lo, (size_t)(w->hi - w->lo));
    *w = (struct weir_window){.uffd = -1, .pagemap = -1};
}

int weir_window_drop(const struct weir_window *w, mfn_t first, uint64_t n,
                     bool readonly)
{
    uint64_t frames = w->size >> WEIR_PAGE_SHIFT;
    if (!n || first >= frames || n > frames - first)
        return -ERANGE;
    return madvise(weir_window_at(w, first, readonly), n << WEIR_PAGE_SHIFT,
                   MADV_DONTNEED)
               ? -errno
               : 0;
}
