/* SPDX-License-Identifier: MIT
 *
 * The manager's calls of the registry.  One that met the death of its program
 * is done again on the connection to the next (weir_store_again).
 */
#include "driverdomains/devd_reg.h"

#include <errno.h>

#define TX_ATTEMPTS 64

/* A transaction of a connection that broke is nobody's; was it committed? */
static int transaction(struct weir_devd *d, void *what,
                       void (*body)(struct weir_reg *, void *), bool again)
{
    struct weir_reg w = {.xs = &d->xs, .again = again};
    int rc = weir_xs_transaction_start(&d->xs, &w.tx);

    if (rc)
        return rc;
    body(&w, what);
    rc = weir_xs_transaction_end(&d->xs, w.tx, w.rc == 0);
    return w.rc ? w.rc : rc;
}

int weir_reg_transaction(struct weir_devd *d, void *what,
                         void (*body)(struct weir_reg *, void *))
{
    bool back = false, again = false;
    int rc = -EAGAIN;

    for (int i = 0; i < TX_ATTEMPTS && (rc == -EAGAIN || back); i++) {
        rc = transaction(d, what, body, again);
        back = weir_store_again(d);
        again |= back;
    }
    return rc;
}

int weir_reg_read(struct weir_devd *d, const char *dir, const char *key,
                  char *buf, size_t size)
{
    int rc;

    do
        rc = weir_xs_read_key(&d->xs, 0, dir, key, buf, size);
    while (weir_store_again(d));
    return rc;
}

int weir_reg_read_u64(struct weir_devd *d, const char *dir, const char *key,
                      uint64_t *out)
{
    int rc;

    do
        rc = weir_xs_read_u64(&d->xs, 0, dir, key, out);
    while (weir_store_again(d));
    return rc;
}

int weir_reg_write(struct weir_devd *d, const char *dir, const char *key,
                   const char *value)
{
    int rc;

    do
        rc = weir_xs_write_key(&d->xs, 0, dir, key, value);
    while (weir_store_again(d));
    return rc;
}

int weir_reg_rm(struct weir_devd *d, const char *path)
{
    int rc;

    do
        rc = weir_xs_rm(&d->xs, 0, path);
    while (weir_store_again(d));
    return rc;
}

int weir_reg_release(struct weir_devd *d, domid_t domid)
{
    int rc;

    do
        rc = weir_xs_release(&d->xs, domid);
    while (weir_store_again(d));
    return rc;
}

/* Once more resets the ring's connection: its program does not run yet. */
int weir_reg_introduce(struct weir_dom *dom, const struct weir_hv_dominfo *i)
{
    struct weir_devd *d = dom->devd;
    int rc;

    do
        rc = weir_xs_introduce(&d->xs, dom->domid, i->store_frame,
                               i->store_evtchn);
    while (weir_store_again(d));
    return rc;
}
