/* SPDX-License-Identifier: MIT
 *
 * What lwIP asks of compiler and C library.
 */
#ifndef WEBGUEST_VM_ARCH_CC_H
#define WEBGUEST_VM_ARCH_CC_H

#include <stdio.h>
#include <stdlib.h>

/* A fault of lwIP's own. */
#define LWIP_PLATFORM_ASSERT(x)                                                \
    do {                                                                       \
        fprintf(stderr, "lwIP: %s (%s:%d)\n", x, __FILE__, __LINE__);          \
        abort();                                                               \
    } while (0)
#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_ERROR(message, expression, handler)                               \
    do {                                                                       \
        if (!(expression)) {                                                   \
            handler;                                                           \
        }                                                                      \
    } while (0)

#endif
