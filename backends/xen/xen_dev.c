/* SPDX-License-Identifier: MIT */
#include "backends/xen/xen_dev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#define TX_TRIES 32

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

int weir_xen_put(struct weir_xen_dev *d, const struct weir_xen_pair *nodes,
                 unsigned n)
{
    int err = -EAGAIN;

    for (unsigned tries = 0; err == -EAGAIN && tries < TX_TRIES; tries++) {
        weir_xs_tx tx;
        uint64_t id;
        bool good;

        err = weir_xs_transaction_start(d->xs, &tx);
        if (err != 0)
            return err;
        err = weir_xs_read_u64(d->xs, tx, d->dir, "frontend-id", &id);
        for (unsigned i = 0; err == 0 && i < n; i++)
            err = weir_xs_write_key(d->xs, tx, d->dir, nodes[i].key,
                                    nodes[i].value);
        good = err == 0;
        if (!good)
            weir_xs_transaction_end(d->xs, tx, false);
        else
            err = weir_xs_transaction_end(d->xs, tx, true);
        if (!good)
            break;
    }
    return err;
}
