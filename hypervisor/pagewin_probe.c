/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "hypervisor/pagewin.h"

#define FEATURE_WP_UNPOPULATED (1ull << 13)
#define PM_SOFT_DIRTY          (1ull << 55)

static int protect_page(void *page, int uffd)
{
    struct uffdio_api api = {
        .api = UFFD_API,
        .features = UFFD_FEATURE_PAGEFAULT_FLAG_WP |
                    UFFD_FEATURE_WP_HUGETLBFS_SHMEM | FEATURE_WP_UNPOPULATED,
    };
    struct uffdio_register reg = {
        .range = {.start = (uintptr_t)page, .len = WEIR_PAGE_SIZE},
        .mode = UFFDIO_REGISTER_MODE_WP,
    };
    struct uffdio_writeprotect wp = {
        .range = reg.range,
        .mode = UFFDIO_WRITEPROTECT_MODE_WP,
    };
    if (ioctl(uffd, UFFDIO_API, &api))
        return errno == EINVAL ? 1 : -errno; /* an older kernel: no marker */
    if (ioctl(uffd, UFFDIO_REGISTER, &reg) ||
        ioctl(uffd, UFFDIO_WRITEPROTECT, &wp))
        return -errno;
    return 0;
}

static int look(void *page, uint64_t *marker)
{
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    uint64_t e = 0;
    if (fd < 0)
        return -errno;
    off_t at = (off_t)((uintptr_t)page / WEIR_PAGE_SIZE * sizeof(e));
    int err = pread(fd, &e, sizeof(e), at) == sizeof(e) ? 0 : -EIO;
    close(fd);
    /* bit 63: not dropped at all, and so nothing to be believed */
    if (!err && e >> 63)
        err = -EIO;
    *marker = e & ~PM_SOFT_DIRTY;
    return err;
}

int weir_pagewin_marker(uint64_t *marker)
{
    *marker = 0;
    int memfd = memfd_create("weir-probe", MFD_CLOEXEC);
    if (memfd < 0)
        return -errno;
    int err = ftruncate(memfd, WEIR_PAGE_SIZE) ? -errno : 0;
    volatile uint8_t *page = MAP_FAILED;
    if (!err) {
        page = mmap(NULL, WEIR_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                    memfd, 0);
        err = page == MAP_FAILED ? -errno : 0;
    }
    int uffd = -1;
    if (!err) {
        *page = 1;
        uffd = (int)syscall(__NR_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY);
        err = uffd < 0 ? -errno : protect_page((void *)(uintptr_t)page, uffd);
    }
    if (!err && madvise((void *)(uintptr_t)page, WEIR_PAGE_SIZE, MADV_DONTNEED))
        err = -errno;
    if (!err)
        err = look((void *)(uintptr_t)page, marker);
    if (page != MAP_FAILED)
        munmap((void *)(uintptr_t)page, WEIR_PAGE_SIZE);
    if (uffd >= 0)
        close(uffd);
    close(memfd);
    return err > 0 ? 0 : err;
}
