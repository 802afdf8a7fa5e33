/* SPDX-License-Identifier: MIT */
#include "hypervisor/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

#define HUGE (2u << 20)

static int map_misaligned(struct hv_memory *m)
{
    uint8_t *r, *at;

    m->reserved_bytes = m->bytes + 2 * (uint64_t)HUGE;
    r = mmap(NULL, m->reserved_bytes, PROT_NONE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (r == MAP_FAILED)
        return -errno;
    m->reserved = r;
    at = r + (HUGE - (uintptr_t)r % HUGE) + WEIR_PAGE_SIZE;
    if (mmap(at, m->bytes, PROT_READ | PROT_WRITE,
             MAP_SHARED | MAP_FIXED | MAP_NORESERVE, m->fd, 0) == MAP_FAILED)
        return -errno;
    m->base = at;
    if (madvise(at, m->bytes, MADV_NOHUGEPAGE) < 0 && errno != EINVAL)
        return -errno;
    if (madvise(at, m->bytes, MADV_DONTDUMP) < 0 ||
        madvise(at, m->bytes, MADV_DONTFORK) < 0)
        return -errno;
    m->locked = mlock2(at, m->bytes, MLOCK_ONFAULT) == 0;
    return 0;
}

int hv_memory_init(struct hv_memory *m, uint64_t bytes)
{
    int rc;

    memset(m, 0, sizeof(*m));
    m->bytes = bytes;
    m->fd = memfd_create("weir-machine", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (m->fd < 0)
        return -errno;
    if (ftruncate(m->fd, (off_t)bytes) < 0 ||
        fcntl(m->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) <
            0)
        rc = -errno;
    else
        rc = map_misaligned(m);
    if (rc < 0)
        hv_memory_fini(m);
    return rc;
}

void hv_memory_fini(struct hv_memory *m)
{
    if (m->reserved)
        munmap(m->reserved, m->reserved_bytes);
    if (m->fd >= 0)
        close(m->fd);
    memset(m, 0, sizeof(*m));
    m->fd = -1;
}

int hv_memory_populate(struct hv_memory *m, mfn_t first, uint64_t count)
{
    /* With an error instead of SIGBUS when the machine has no page left. */
    if (madvise(hv_memory_at(m, first), count << WEIR_PAGE_SHIFT,
                MADV_POPULATE_WRITE) < 0)
        return errno == ENOMEM || errno == EFAULT ? -ENOMEM : -errno;
    return 0;
}

int hv_memory_discard(struct hv_memory *m, mfn_t first, uint64_t count)
{
    if (fallocate(m->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)(first << WEIR_PAGE_SHIFT),
                  (off_t)(count << WEIR_PAGE_SHIFT)) < 0)
        return -errno;
    return 0;
}
