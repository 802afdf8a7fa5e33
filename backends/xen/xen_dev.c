/* SPDX-License-Identifier: MIT */
#include "backends/xen/xen_dev.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TX_TRIES  32
#define DIR_BYTES 16384

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

/* All of what fn does, or -ENOENT when the toolstack has removed the directory
 * meanwhile. */
static int change(struct weir_xen_dev *d,
                  int (*fn)(struct weir_xen_dev *d, weir_xs_tx tx,
                            const struct weir_xen_pair *nodes, unsigned n),
                  const struct weir_xen_pair *nodes, unsigned n)
{
    int err = -EAGAIN;

    for (unsigned tries = 0; err == -EAGAIN && tries < TX_TRIES; tries++) {
        weir_xs_tx tx;
        uint64_t id;
        int done;

        err = weir_xs_transaction_start(d->xs, &tx);
        if (err != 0)
            return err;
        done = weir_xs_read_u64(d->xs, tx, d->dir, "frontend-id", &id);
        if (done == 0)
            done = fn(d, tx, nodes, n);
        err = weir_xs_transaction_end(d->xs, tx, done == 0);
        if (done != 0)
            return done;
    }
    return err;
}

static int write_all(struct weir_xen_dev *d, weir_xs_tx tx,
                     const struct weir_xen_pair *nodes, unsigned n)
{
    int err = 0;

    for (unsigned i = 0; err == 0 && i < n; i++)
        err =
            weir_xs_write_key(d->xs, tx, d->dir, nodes[i].key, nodes[i].value);
    return err;
}

int weir_xen_put(struct weir_xen_dev *d, const struct weir_xen_pair *nodes,
                 unsigned n)
{
    return change(d, write_all, nodes, n);
}

static int remove_all(struct weir_xen_dev *d, weir_xs_tx tx,
                      const struct weir_xen_pair *nodes, unsigned n)
{
    char parent[WEIR_XEN_DIR], one[16];
    uint64_t online;
    int err = weir_xs_read_u64(d->xs, tx, d->dir, "online", &online);

    (void)nodes;
    (void)n;
    if (err == 0 && online != 0)
        err = -EBUSY;
    if (err == 0 && weir_xs_read_key(d->xs, tx, d->dir, "script", one,
                                     sizeof(one)) == -ENOENT)
        err = -ENOENT;
    if (err == 0)
        err = weir_xs_rm(d->xs, tx, d->dir);
    snprintf(parent, sizeof(parent), "%s", d->dir);
    *strrchr(parent, '/') = '\0';
    if (err == 0 && weir_xs_ls(d->xs, tx, parent, one, sizeof(one)) == 0)
        err = weir_xs_rm(d->xs, tx, parent);
    return err;
}

int weir_xen_remove(struct weir_xen_dev *d)
{
    return change(d, remove_all, NULL, 0);
}

/* Digits up to a '/' or the end; *s is then behind them. */
static bool number(const char **s, uint32_t max, uint32_t *out)
{
    char *end;
    unsigned long long v;

    if (**s < '0' || **s > '9')
        return false;
    v = strtoull(*s, &end, 10);
    if (v > max || (*end != '\0' && *end != '/'))
        return false;
    *out = (uint32_t)v;
    *s = *end == '/' ? end + 1 : end;
    return true;
}

bool weir_xen_device_of(const char *path, const char *name, domid_t *frontend,
                        uint32_t *devid)
{
    char prefix[32];
    uint32_t dom;

    snprintf(prefix, sizeof(prefix), "backend/%s/", name);
    path = strstr(path, prefix);
    if (path == NULL)
        return false;
    path += strlen(prefix);
    if (!number(&path, WEIR_XEN_DOMID_MAX, &dom) ||
        !number(&path, UINT32_MAX, devid))
        return false;
    *frontend = (domid_t)dom;
    return true;
}

static int list(struct weir_xs *xs, const char *path, char *buf)
{
    int n = weir_xs_ls(xs, 0, path, buf, DIR_BYTES - 1);

    if (n >= 0)
        buf[n] = '\0';
    return n;
}

void weir_xen_each(struct weir_xs *xs, const char *name,
                   void (*fn)(void *context, domid_t frontend, uint32_t devid),
                   void *context)
{
    char doms[DIR_BYTES], devs[DIR_BYTES], path[WEIR_XEN_DIR];
    int ndoms, ndevs;

    snprintf(path, sizeof(path), "backend/%s", name);
    ndoms = list(xs, path, doms);
    for (int i = 0; i < ndoms; i += (int)strlen(doms + i) + 1) {
        const char *p = doms + i;
        uint32_t dom, dev;

        if (!number(&p, WEIR_XEN_DOMID_MAX, &dom))
            continue;
        snprintf(path, sizeof(path), "backend/%s/%u", name, dom);
        ndevs = list(xs, path, devs);
        for (int j = 0; j < ndevs; j += (int)strlen(devs + j) + 1) {
            p = devs + j;
            if (number(&p, UINT32_MAX, &dev))
                fn(context, (domid_t)dom, dev);
        }
    }
}
