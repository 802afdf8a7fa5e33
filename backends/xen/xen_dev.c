/* SPDX-License-Identifier: MIT */
#include "backends/xen/xen_dev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

int weir_xen_fail(struct weir_xen_dev *d, int err, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(d->why, sizeof(d->why), fmt, ap);
    va_end(ap);
    return err;
}

int weir_xen_node(struct weir_xen_dev *d, const char *key, char *buf,
                  size_t size)
{
    int n = weir_xs_read_key(d->xs, 0, d->dir, key, buf, size);

    if (n >= 0)
        return n;
    buf[0] = '\0';
    return n == -ENOENT ? 0 : n;
}
