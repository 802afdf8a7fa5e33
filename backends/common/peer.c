/* SPDX-License-Identifier: MIT */
#include "backends/common/peer.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int weir_peer_read(struct weir_back_dev *dev, const char *queue_dir,
                   const char *key, uint64_t max, uint64_t *out)
{
    char dir[WEIR_BACK_PATH + 32];
    uint64_t v;
    int err;

    if (queue_dir != NULL)
        snprintf(dir, sizeof(dir), "%s/%s", dev->frontend_path, queue_dir);
    else
        snprintf(dir, sizeof(dir), "%s", dev->frontend_path);
    err = weir_xs_read_u64(dev->xs, 0, dir, key, &v);
    if (err == -ENOENT)
        return err;
    if (err == 0 && v <= max) {
        *out = v;
        return 0;
    }
    snprintf(dev->error, sizeof(dev->error),
             "frontend's node %s%s%s is not a number up to %llu",
             queue_dir != NULL ? queue_dir : "", queue_dir != NULL ? "/" : "",
             key, (unsigned long long)max);
    return -EINVAL;
}

int weir_peer_read_or(struct weir_back_dev *dev, const char *queue_dir,
                      const char *key, uint64_t max, uint64_t dflt,
                      uint64_t *out)
{
    int err = weir_peer_read(dev, queue_dir, key, max, out);

    if (err != -ENOENT)
        return err;
    *out = dflt;
    return 0;
}

static int missing(struct weir_back_dev *dev, const char *queue_dir,
                   const char *key)
{
    snprintf(dev->error, sizeof(dev->error), "frontend has no node %s%s%s",
             queue_dir != NULL ? queue_dir : "", queue_dir != NULL ? "/" : "",
             key);
    return -ENOENT;
}

int weir_peer_read_refs(struct weir_back_dev *dev, const char *queue_dir,
                        const char *name, unsigned n,
                        grant_ref_t refs[WEIR_PEER_PAGES])
{
    if (n == 0 || n > WEIR_PEER_PAGES)
        return -EINVAL;
    for (unsigned i = 0; i < n; i++) {
        char key[32];
        uint64_t v;
        int err;

        snprintf(key, sizeof(key), "%s%u", name, i);
        err = weir_peer_read(dev, queue_dir, key, UINT32_MAX, &v);
        if (err == -ENOENT && n == 1)
            err = weir_peer_read(dev, queue_dir, name, UINT32_MAX, &v);
        if (err == -ENOENT)
            return missing(dev, queue_dir, n == 1 ? name : key);
        if (err != 0)
            return err;
        refs[i] = (grant_ref_t)v;
    }
    return 0;
}

int weir_peer_read_evtchn(struct weir_back_dev *dev, const char *queue_dir,
                          const char *key, evtchn_port_t *out)
{
    uint64_t v;
    int err = weir_peer_read(dev, queue_dir, key, UINT32_MAX, &v);

    if (err == -ENOENT)
        return missing(dev, queue_dir, key);
    if (err == 0)
        *out = (evtchn_port_t)v;
    return err;
}

int weir_peer_map(struct weir_back_dev *dev, const grant_ref_t *refs,
                  unsigned n, bool readonly, struct weir_peer_pages *out)
{
    struct weir_map_op ops[WEIR_PEER_PAGES];
    int err;

    if (n > WEIR_PEER_PAGES)
        return -EINVAL;
    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < n; i++) {
        ops[i].dom = dev->frontend;
        ops[i].ref = refs[i];
        ops[i].readonly = readonly;
        ops[i].status = -EINVAL;
    }
    out->port = dev->port;
    out->n = 0;
    err = dev->port->ops->map(dev->port, ops, n);
    for (unsigned i = 0; i < n && err == 0; i++)
        if (ops[i].status != 0)
            err = ops[i].status;
    for (unsigned i = 0; i < n; i++)
        if (ops[i].status == 0) {
            out->addr[out->n] = ops[i].addr;
            out->handle[out->n++] = ops[i].handle;
        }
    if (err != 0) {
        weir_peer_unmap(out);
        snprintf(dev->error, sizeof(dev->error),
                 "frontend's ring pages cannot be mapped: %s%s", strerror(-err),
                 err == -ENOSPC ? ": raise max_maps= of this driver domain, or "
                                  "detach another device"
                                : "");
    }
    return err;
}

int weir_peer_bind(struct weir_back_dev *dev, evtchn_port_t remote,
                   evtchn_port_t *out)
{
    int err =
        dev->port->ops->evtchn_bind(dev->port, dev->frontend, remote, out);

    if (err != 0)
        snprintf(dev->error, sizeof(dev->error),
                 "frontend's event channel %u: %s%s", remote, strerror(-err),
                 err == -ENOSPC ? ": raise max_ports= of this driver domain, "
                                  "or detach another device"
                 : err == -EMFILE
                     ? ": the driver domain has no file descriptor left: "
                       "detach another device, or use another driver domain"
                     : "");
    return err;
}

void weir_peer_unmap(struct weir_peer_pages *p)
{
    struct weir_unmap_op ops[WEIR_PEER_PAGES];

    if (p->n == 0)
        return;
    memset(ops, 0, sizeof(ops));
    for (unsigned i = 0; i < p->n; i++) {
        ops[i].addr = p->addr[i];
        ops[i].handle = p->handle[i];
    }
    p->port->ops->unmap(p->port, ops, p->n);
    p->n = 0;
}
