/* SPDX-License-Identifier: MIT
 *
 * One device of a backend: its way through the xenbus states.
 */
#include "backends/common/backend_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/common/resource.h"
#include "backends/common/stats.h"

#define TX_TRIES 32
#define STEPS    8

void weir_back_log(struct weir_back_dev *dev, enum weir_log_level level,
                   const char *text)
{
    char line[320];

    snprintf(line, sizeof(line), "%s of domain %u, device %" PRIu32 "%s%s: %s",
             dev->cls->name, dev->frontend, dev->devid,
             dev->res.label[0] != '\0' ? ", " : "", dev->res.label, text);
    dev->port->ops->log(dev->port, level, line);
}

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

static void set_state(struct weir_back_dev *d, enum weir_xenbus_state state)
{
    d->state = state;
    d->stats->state = state;
    weir_xs_write_u64(d->xs, 0, d->path, "state", state);
}

/* Nodes and state change together, or the frontend could see one without the
 * other. */
static int commit(struct weir_back_dev *d,
                  int (*nodes)(struct weir_back_dev *, weir_xs_tx),
                  enum weir_xenbus_state state)
{
    for (unsigned i = 0; i < TX_TRIES; i++) {
        weir_xs_tx tx;
        int err = weir_xs_transaction_start(d->xs, &tx);

        if (err != 0)
            return err;
        err = nodes != NULL ? nodes(d, tx) : 0;
        if (err == 0)
            err = weir_xs_write_u64(d->xs, tx, d->path, "state", state);
        if (err != 0) {
            weir_xs_transaction_end(d->xs, tx, false);
            return err;
        }
        err = weir_xs_transaction_end(d->xs, tx, true);
        if (err == 0) {
            d->state = state;
            d->stats->state = state;
        }
        if (err != -EAGAIN)
            return err;
    }
    return -EAGAIN;
}

static const char *reason_of(struct weir_back_dev *d, int err,
                             char room[WEIR_BACK_FAILURE])
{
    if (d->error[0] != '\0')
        return d->error;
    snprintf(room, WEIR_BACK_FAILURE, "%s", strerror(-err));
    return room;
}

void weir_back_fail_now(struct weir_back_slot *s, const char *reason)
{
    struct weir_back_dev *d = s->dev;

    if (s->open)
        d->cls->disconnect(d);
    weir_back_log(d, WEIR_LOG_WARN, reason);
    weir_back_answer(d->be, WEIR_RES_EV_ERROR, &d->res, reason);
    if (s->in_registry) {
        weir_xs_write_key(d->xs, 0, d->path, "error", reason);
        set_state(d, WEIR_XENBUS_CLOSING);
    }
}

static void fail_err(struct weir_back_slot *s, int err)
{
    char room[WEIR_BACK_FAILURE];

    weir_back_fail_now(s, reason_of(s->dev, err, room));
}

static bool connect_dev(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    int err;

    d->error[0] = '\0';
    err = d->cls->connect(d);
    if (err == 0)
        err = commit(d, d->cls->connected, WEIR_XENBUS_CONNECTED);
    if (err != 0) {
        fail_err(s, err);
        return false;
    }
    snprintf(d->error, sizeof(d->error), "%s/error", d->path);
    weir_xs_rm(d->xs, 0, d->error); /* of an earlier connection */
    d->error[0] = '\0';
    return true;
}

static bool init_dev(struct weir_back_slot *s)
{
    int err = commit(s->dev, s->dev->cls->publish, WEIR_XENBUS_INIT_WAIT);

    if (err != 0)
        fail_err(s, err);
    return err == 0;
}

static enum weir_xenbus_state frontend_state(struct weir_back_dev *d)
{
    uint64_t v;

    if (weir_xs_read_u64(d->xs, 0, d->frontend_path, "state", &v) != 0)
        return WEIR_XENBUS_UNKNOWN;
    return v <= WEIR_XENBUS_RECONFIGURED ? (enum weir_xenbus_state)v
                                         : WEIR_XENBUS_UNKNOWN;
}

/* True: the next action may follow at once. */
static bool act(struct weir_back_slot *s, enum weir_xenbus_action what)
{
    struct weir_back_dev *d = s->dev;

    switch (what) {
    case WEIR_XB_INIT:
        return init_dev(s);
    case WEIR_XB_REINIT:
        d->cls->disconnect(d);
        return init_dev(s);
    case WEIR_XB_CONNECT:
        return connect_dev(s);
    case WEIR_XB_CLOSE:
        d->cls->disconnect(d);
        set_state(d, WEIR_XENBUS_CLOSING);
        return true;
    case WEIR_XB_CLOSED:
    case WEIR_XB_REMOVE:
        d->cls->disconnect(d);
        set_state(d, WEIR_XENBUS_CLOSED);
        return false;
    default:
        return false;
    }
}

/* A detach is over when the frontend is out, or never was in. */
static bool detached(struct weir_back_slot *s, enum weir_xenbus_state peer)
{
    return s->detaching &&
           (peer == WEIR_XENBUS_CLOSED || peer == WEIR_XENBUS_UNKNOWN ||
            peer == WEIR_XENBUS_INITIALISING);
}

void weir_back_follow(struct weir_back_slot *s)
{
    if (!s->open || !s->in_registry)
        return;
    for (unsigned i = 0; i < STEPS; i++) {
        enum weir_xenbus_state peer = frontend_state(s->dev);

        if (detached(s, peer)) {
            s->dev->cls->disconnect(s->dev);
            set_state(s->dev, WEIR_XENBUS_CLOSED);
            weir_back_release(s);
            return;
        }
        /* Connected already when we came: to our predecessor, whose ring
         * is not ours.  Our InitWait makes it publish again. */
        if (peer != WEIR_XENBUS_CONNECTED)
            s->stale_peer = false;
        else if (s->stale_peer)
            return;
        /* The frontend of a device that goes away may close, no more. */
        if (s->detaching && peer < WEIR_XENBUS_CLOSING)
            return;
        if (!act(s, weir_xenbus_back_next(s->dev->state, peer)))
            return;
    }
}

static void watch_frontend(struct weir_back_dev *d, bool on)
{
    char path[WEIR_BACK_PATH + 8];

    snprintf(path, sizeof(path), "%s/state", d->frontend_path);
    if (on)
        weir_xs_watch(d->xs, path, d->path);
    else
        weir_xs_unwatch(d->xs, path, d->path);
}

/* The directory is the toolstack's work; what a frontend could have a hand in
 * is checked all the same: the path must be its own device directory. */
static int read_frontend_path(struct weir_back_dev *d)
{
    char want[WEIR_BACK_PATH];
    uint64_t id;
    int n = weir_xs_read_key(d->xs, 0, d->path, "frontend", d->frontend_path,
                             sizeof(d->frontend_path));

    if (n < 0)
        return n;
    snprintf(want, sizeof(want), "/local/domain/%u/device/%s/", d->frontend,
             d->cls->name);
    if (strlen(d->frontend_path) != (size_t)n ||
        strncmp(d->frontend_path, want, strlen(want)) != 0)
        return -EINVAL;
    n = weir_xs_read_u64(d->xs, 0, d->path, "frontend-id", &id);
    if (n != 0)
        return n;
    return id == d->frontend ? 0 : -EINVAL;
}

static void open_dev(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    char room[WEIR_BACK_FAILURE];
    int err;

    if (s->open || !s->has_resource || !s->in_registry)
        return;
    d->error[0] = '\0';
    err = d->cls->open(d);
    if (err != 0) {
        weir_back_fail_now(s, reason_of(d, err, room));
        return;
    }
    s->open = true;
    s->stale_peer = frontend_state(d) == WEIR_XENBUS_CONNECTED;
    weir_back_answer(d->be, WEIR_RES_EV_ATTACHED, &d->res, NULL);
    if (init_dev(s))
        weir_back_follow(s);
}

void weir_back_probe(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    uint64_t id;
    int err;

    if (s->in_registry) {
        /* Ours still?  The toolstack takes the whole directory away. */
        err = weir_xs_read_u64(d->xs, 0, d->path, "frontend-id", &id);
        if (err == -ENOENT) {
            s->in_registry = false;
            weir_back_release(s);
        }
        return;
    }
    err = read_frontend_path(d);
    if (err == -ENOENT) {
        if (!s->has_resource)
            weir_back_release(s);
        return;
    }
    if (err != 0) {
        weir_back_log(d, WEIR_LOG_ERROR,
                      "frontend or frontend-id node is not that of the device");
        return;
    }
    s->in_registry = true;
    watch_frontend(d, true);
    open_dev(s);
}

void weir_back_resource(struct weir_back_slot *s)
{
    s->has_resource = true;
    weir_back_probe(s);
    if (s->dev != NULL)
        open_dev(s);
}

void weir_back_resized(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    int err;

    if (!s->open || d->cls->resize == NULL)
        return;
    d->error[0] = '\0';
    err = d->cls->resize(d);
    /* Writing the state again is what tells a connected frontend to look. */
    if (err == 0)
        err = commit(
            d, d->state == WEIR_XENBUS_CONNECTED ? d->cls->connected : NULL,
            d->state);
    if (err != 0)
        fail_err(s, err);
}

void weir_back_detach(struct weir_back_slot *s)
{
    bool again = s->detaching;

    s->detaching = true;
    if (!s->open || !s->in_registry || again) {
        weir_back_release(s);
        return;
    }
    if (s->dev->state == WEIR_XENBUS_CONNECTED)
        set_state(s->dev, WEIR_XENBUS_CLOSING);
    weir_back_follow(s);
}

void weir_back_release(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;

    if (s->open) {
        d->cls->disconnect(d);
        d->cls->close(d);
    }
    if (d->frontend_path[0] != '\0')
        watch_frontend(d, false);
    for (unsigned i = 0; i < d->nfds; i++)
        if (d->fds[i] >= 0)
            close(d->fds[i]);
    if (s->has_resource)
        weir_back_answer(d->be, WEIR_RES_EV_DETACHED, &d->res, NULL);
    if (d->stats != &s->spare)
        weir_stats_release(d->stats);
    pthread_mutex_lock(&d->be->lock);
    s->dev = NULL;
    pthread_mutex_unlock(&d->be->lock);
    free(d);
}
