/* SPDX-License-Identifier: MIT
 *
 * A grant operation's status as an error of the port (port.h).  Freestanding.
 */
#ifndef WEIR_RING_GNTST_H
#define WEIR_RING_GNTST_H

#include "ring/error.h"
#include "ring/grant_abi.h"

/* status: enum weir_gntst, of an element; from the hypervisor.  0 or
 * -weir_error. */
static inline int weir_gntst_error(int status)
{
    switch (status) {
    case WEIR_GNTST_OKAY:
        return 0;
    case WEIR_GNTST_BAD_DOMAIN:
        return -WEIR_ENODEV;
    case WEIR_GNTST_BAD_GNTREF:
        return -WEIR_EINVAL;
    case WEIR_GNTST_BAD_HANDLE:
        return -WEIR_EBADF;
    case WEIR_GNTST_NO_DEVICE_SPACE:
    case WEIR_GNTST_NO_SPACE:
        return -WEIR_ENOSPC;
    case WEIR_GNTST_PERMISSION_DENIED:
        return -WEIR_EACCES;
    case WEIR_GNTST_BAD_PAGE:
        return -WEIR_EFAULT;
    case WEIR_GNTST_BAD_COPY_ARG:
        return -WEIR_ERANGE;
    case WEIR_GNTST_EAGAIN:
        return -WEIR_EAGAIN;
    default:
        return -WEIR_EPERM; /* not granted to us, or not that way */
    }
}

#endif
