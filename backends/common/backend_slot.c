/* SPDX-License-Identifier: MIT
 *
 * The table of devices: a slot is taken, watches its frontend, is given back.
 */
#include "backends/common/backend_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/common/stats.h"

#define SECOND 1000000000u

struct weir_back_slot *weir_back_find(struct weir_backend *be,
                                      const struct weir_back_class *cls,
                                      domid_t frontend, uint32_t devid)
{
    for (unsigned i = 0; i < be->nslots; i++) {
        struct weir_back_dev *d = be->slots[i].dev;

        if (d != NULL && d->cls == cls && d->frontend == frontend &&
            d->devid == devid)
            return &be->slots[i];
    }
    return NULL;
}

struct weir_back_slot *weir_back_add(struct weir_backend *be,
                                     const struct weir_back_class *cls,
                                     domid_t frontend, uint32_t devid)
{
    struct weir_back_slot *s = NULL;
    struct weir_back_dev *d;

    for (unsigned i = 0; i < be->nslots && s == NULL; i++)
        if (be->slots[i].dev == NULL)
            s = &be->slots[i];
    d = s != NULL ? calloc(1, cls->dev_size) : NULL;
    if (d == NULL)
        return NULL;
    memset(s, 0, sizeof(*s));
    weir_limit_init(&s->tell, 1, SECOND,
                    be->cfg.port->ops->now_ns(be->cfg.port));
    d->cls = cls;
    d->be = be;
    d->port = be->cfg.port;
    d->xs = be->cfg.xs;
    d->frontend = frontend;
    d->devid = devid;
    d->state = WEIR_XENBUS_INITIALISING;
    d->slot = (unsigned)(s - be->slots);
    snprintf(d->path, sizeof(d->path), "backend/%s/%u/%" PRIu32, cls->name,
             frontend, devid);
    d->stats =
        weir_stats_claim(be->cfg.stats, cls->resource_class, frontend, devid);
    if (d->stats == NULL)
        d->stats = &s->spare;
    pthread_mutex_lock(&be->lock);
    s->dev = d;
    pthread_mutex_unlock(&be->lock);
    return s;
}

void weir_back_log(struct weir_back_dev *dev, enum weir_log_level level,
                   const char *text)
{
    char line[320];

    snprintf(line, sizeof(line), "%s of domain %u, device %" PRIu32 "%s%s: %s",
             dev->cls->name, dev->frontend, dev->devid,
             dev->res.label[0] != '\0' ? ", " : "", dev->res.label, text);
    dev->port->ops->log(dev->port, level, line);
}

int weir_back_watch(struct weir_back_dev *d, bool on)
{
    char path[WEIR_BACK_PATH + 8];

    snprintf(path, sizeof(path), "%s/state", d->frontend_path);
    return on ? weir_xs_watch(d->xs, path, d->path)
              : weir_xs_unwatch(d->xs, path, d->path);
}

void weir_back_release(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;

    if (s->open) {
        d->cls->disconnect(d);
        d->cls->close(d);
    }
    if (d->frontend_path[0] != '\0')
        weir_back_watch(d, false);
    for (unsigned i = 0; i < d->nfds; i++)
        if (d->fds[i] >= 0)
            close(d->fds[i]);
    if (s->has_resource || s->announced)
        weir_back_answer(d->be, WEIR_RES_EV_DETACHED, &d->res, NULL);
    if (d->stats != &s->spare)
        weir_stats_release(d->stats);
    pthread_mutex_lock(&d->be->lock);
    s->dev = NULL;
    pthread_mutex_unlock(&d->be->lock);
    free(d);
}
