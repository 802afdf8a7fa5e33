/* SPDX-License-Identifier: MIT
 *
 * The same code with its rule made breakable: "punch" zeroes frames in place
 * where the rule is to punch them out of the memfd.
 */
#define WEIR_TEST_BREAK
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "hypervisor/client/breakable.h"

static int punch(int fd, int mode, off_t from, off_t len)
{
    static const char zeros[4096];
    if (!weir_broken("punch"))
        return fallocate(fd, mode, from, len);
    for (off_t at = 0; at < len; at += 4096)
        if (pwrite(fd, zeros, sizeof(zeros), from + at) != sizeof(zeros))
            return -1;
    return 0;
}
#define fallocate punch
#include "hypervisor/memory.c"
