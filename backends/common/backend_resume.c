/* SPDX-License-Identifier: MIT
 *
 * A device that a predecessor of this program had: it goes on where that was.
 * No state is written that the frontend would see, unless it has moved on
 * itself meanwhile.
 */
#include "backends/common/backend_priv.h"

#include <errno.h>

#include "backends/common/stats.h"

static enum weir_xenbus_state own_state(struct weir_back_dev *d)
{
    uint64_t v;

    if (weir_xs_read_u64(d->xs, 0, d->path, "state", &v) != 0 ||
        v > WEIR_XENBUS_RECONFIGURED)
        return WEIR_XENBUS_UNKNOWN;
    return (enum weir_xenbus_state)v;
}

static bool is_stale(struct weir_back_dev *d)
{
    uint64_t v;

    return weir_xs_read_u64(d->xs, 0, d->path, WEIR_BACK_STALE, &v) == 0 &&
           v == 1;
}

static void connect_again(struct weir_back_slot *s, enum weir_xenbus_state peer)
{
    struct weir_back_dev *d = s->dev;
    bool closing = d->state == WEIR_XENBUS_CLOSING;
    int err;

    d->error[0] = '\0';
    d->resume = true;
    err = d->cls->connect(d);
    if (err == 0 && d->cls->go != NULL)
        d->cls->go(d);
    d->resume = false;
    /* Closing after a failure, it has no connection. */
    if (err == -ENOENT && closing) {
        d->error[0] = '\0';
        d->cls->disconnect(d);
        return;
    }
    /* A frontend that has not seen Connected yet has nothing in flight: it may
     * have new rings, or the predecessor kept nothing. */
    if (err != 0 && !closing && peer == WEIR_XENBUS_INITIALISED)
        weir_back_act(s, WEIR_XB_REINIT);
    else if (err != 0)
        weir_back_fail_err(s, err);
}

bool weir_back_take_over(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    enum weir_xenbus_state own = own_state(d);
    enum weir_xenbus_state peer = weir_back_frontend_state(d);

    if (weir_xs_broken(d->xs)) /* nobody knows; the program ends */
        return true;
    if (own <= WEIR_XENBUS_INITIALISING)
        return false;
    d->state = own;
    d->stats->state = own;
    s->stale_peer = own == WEIR_XENBUS_INIT_WAIT && is_stale(d);
    /* One that is to go is served in Closing, until its frontend has closed. */
    if ((own == WEIR_XENBUS_CONNECTED || own == WEIR_XENBUS_CLOSING) &&
        weir_xenbus_back_next(own, peer) == WEIR_XB_NONE)
        connect_again(s, peer);
    return true;
}

/* Counters of a device that is gone would be shown for ever. */
static void forget_stats(struct weir_backend *be)
{
    for (unsigned i = 0; i < WEIR_STATS_DEVS; i++) {
        struct weir_dev_stats *st = &be->cfg.stats->dev[i];
        bool used = false;

        for (unsigned k = 0; k < be->nslots; k++)
            used |= be->slots[k].dev != NULL && be->slots[k].dev->stats == st;
        if (!used)
            weir_stats_release(st);
    }
}

void weir_back_resumed(struct weir_backend *be)
{
    struct weir_port *p = be->cfg.port;

    forget_stats(be);
    if (p->ops->forget_kept != NULL)
        p->ops->forget_kept(p);
}
