/* SPDX-License-Identifier: MIT
 *
 * Error codes of the freestanding libraries.
 *
 * A function that can fail returns 0 (or a count) or the negative of one of
 * these.  The values are those of Xen's public errno.h, which are Linux's on
 * x86, so a hypercall's status and a hosted -errno need no translation.
 */
#ifndef WEIR_RING_ERROR_H
#define WEIR_RING_ERROR_H

enum weir_error {
    WEIR_EPERM = 1,
    WEIR_ENOENT = 2,
    WEIR_ESRCH = 3,
    WEIR_EIO = 5,
    WEIR_ENXIO = 6,
    WEIR_E2BIG = 7,
    WEIR_EBADF = 9,
    WEIR_EAGAIN = 11,
    WEIR_ENOMEM = 12,
    WEIR_EACCES = 13,
    WEIR_EFAULT = 14,
    WEIR_EBUSY = 16,
    WEIR_EEXIST = 17,
    WEIR_ENODEV = 19,
    WEIR_EINVAL = 22,
    WEIR_EMFILE = 24,
    WEIR_ENOSPC = 28,
    WEIR_EROFS = 30,
    WEIR_ERANGE = 34,
    WEIR_ENOSYS = 38,
    WEIR_ETIME = 62,
    WEIR_EPROTO = 71, /* the peer broke the protocol: disconnect it */
    WEIR_EOVERFLOW = 75,
    WEIR_EOPNOTSUPP = 95,
    WEIR_ENOTCONN = 107,
    WEIR_ETIMEDOUT = 110,
};

#endif
