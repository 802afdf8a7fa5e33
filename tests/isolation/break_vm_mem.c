/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable: what a VM sees of another's
 * page.  "vm-unmap" leaves the page where it was, "vm-span" maps its
 * neighbours too, "vm-readonly" maps all writable.
 */
#define WEIR_TEST_BREAK
#include <sys/mman.h>

#include "hypervisor/client/breakable.h"

static void *map(void *at, size_t len, int prot, int flags, int fd, off_t off)
{
    bool one = (flags & MAP_FIXED) && len == 4096;

    if (one && fd < 0 && weir_broken("vm-unmap"))
        return at;
    if (one && fd >= 0 && weir_broken("vm-span") && off >= 4096) {
        mmap((char *)at - 4096, 3 * len, prot, flags, fd, off - 4096);
        return at;
    }
    if (one && fd >= 0 && weir_broken("vm-readonly"))
        prot |= PROT_WRITE;
    return mmap(at, len, prot, flags, fd, off);
}
#define mmap map
#include "hypervisor/vm_mem.c"
