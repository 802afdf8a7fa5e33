/* SPDX-License-Identifier: MIT
 *
 * One device of a backend: its way through the xenbus states.
 */
#include "backends/common/backend_priv.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TX_TRIES 32
#define STEPS    8

/* Nodes and state change together, or the frontend could see one without the
 * other.  A directory that the toolstack has removed stays so: -ENOENT. */
static int commit(struct weir_back_dev *d,
                  int (*nodes)(struct weir_back_dev *, weir_xs_tx),
                  enum weir_xenbus_state state)
{
    for (unsigned i = 0; i < TX_TRIES; i++) {
        weir_xs_tx tx;
        uint64_t id;
        int err = weir_xs_transaction_start(d->xs, &tx);

        if (err != 0)
            return err;
        err = weir_xs_read_u64(d->xs, tx, d->path, "frontend-id", &id);
        if (err == 0 && nodes != NULL)
            err = nodes(d, tx);
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

static void set_state(struct weir_back_dev *d, enum weir_xenbus_state state)
{
    commit(d, NULL, state);
    d->state = state; /* also where there is no directory to say it in */
    d->stats->state = state;
}

static int put_error(struct weir_back_dev *d, weir_xs_tx tx)
{
    return weir_xs_write_key(d->xs, tx, d->path, "error", d->error);
}

static const char *reason_of(struct weir_back_dev *d, int err,
                             char room[WEIR_BACK_FAILURE])
{
    if (d->error[0] != '\0')
        return d->error;
    snprintf(room, WEIR_BACK_FAILURE, "%s", strerror(-err));
    return room;
}

/* The queue threads are stopped then, so a failure one of them reported belongs
 * to the connection that ended, not to the next. */
static void disconnect(struct weir_back_slot *s)
{
    struct weir_backend *be = s->dev->be;

    s->dev->cls->disconnect(s->dev);
    pthread_mutex_lock(&be->lock);
    s->failure[0] = '\0';
    pthread_mutex_unlock(&be->lock);
}

/* A frontend can come back and fail as often as it likes: neither the log nor
 * the channel to the manager grows with that. */
static void tell_failure(struct weir_back_slot *s, const char *reason)
{
    struct weir_back_dev *d = s->dev;
    char text[WEIR_BACK_FAILURE + 80];

    if (weir_limit_take(&s->tell, 1, d->port->ops->now_ns(d->port)) != 0) {
        s->untold++;
        return;
    }
    snprintf(text, sizeof(text), "%s (%u failures before it not told)", reason,
             s->untold);
    weir_back_log(d, WEIR_LOG_WARN, s->untold != 0 ? text : reason);
    if (!s->detaching) /* the answer to that would mean: no such device */
        weir_back_answer(d->be, WEIR_RES_EV_ERROR, &d->res, reason);
    s->untold = 0;
}

void weir_back_fail_now(struct weir_back_slot *s, const char *reason)
{
    struct weir_back_dev *d = s->dev;

    s->resume = false;
    if (s->open)
        disconnect(s);
    tell_failure(s, reason);
    if (!s->in_registry)
        return;
    if (reason != d->error)
        snprintf(d->error, sizeof(d->error), "%s", reason);
    commit(d, put_error, WEIR_XENBUS_CLOSING);
    d->state = WEIR_XENBUS_CLOSING;
    d->stats->state = WEIR_XENBUS_CLOSING;
    d->error[0] = '\0';
}

void weir_back_fail_err(struct weir_back_slot *s, int err)
{
    char room[WEIR_BACK_FAILURE];

    weir_back_fail_now(s, reason_of(s->dev, err, room));
}

/* Its nodes were not taken. */
static void fail_commit(struct weir_back_slot *s, int err)
{
    struct weir_back_dev *d = s->dev;

    if (err == -ENOSPC || err == -ENOMEM || err == -E2BIG)
        snprintf(d->error, sizeof(d->error),
                 "the registry has no more room for this driver domain (%s): "
                 "detach another device, or use another driver domain",
                 strerror(-err));
    weir_back_fail_err(s, err);
}

static bool connect_dev(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    int err;

    d->error[0] = '\0';
    err = d->cls->connect(d);
    if (err != 0) {
        weir_back_fail_err(s, err);
        return false;
    }
    err = commit(d, d->cls->connected, WEIR_XENBUS_CONNECTED);
    if (err != 0) {
        fail_commit(s, err);
        return false;
    }
    if (d->cls->go != NULL)
        d->cls->go(d);
    snprintf(d->error, sizeof(d->error), "%s/error", d->path);
    weir_xs_rm(d->xs, 0, d->error); /* of an earlier connection */
    d->error[0] = '\0';
    return true;
}

/* A successor must not take the rings of a stale frontend for new ones. */
static int publish(struct weir_back_dev *d, weir_xs_tx tx)
{
    int err = d->cls->publish(d, tx);

    return err != 0 ? err
                    : weir_xs_write_u64(d->xs, tx, d->path, WEIR_BACK_STALE,
                                        d->be->slots[d->slot].stale_peer);
}

static bool init_dev(struct weir_back_slot *s)
{
    int err = commit(s->dev, publish, WEIR_XENBUS_INIT_WAIT);

    if (err != 0)
        fail_commit(s, err);
    return err == 0;
}

enum weir_xenbus_state weir_back_frontend_state(struct weir_back_dev *d)
{
    uint64_t v;

    if (weir_xs_read_u64(d->xs, 0, d->frontend_path, "state", &v) != 0)
        return WEIR_XENBUS_UNKNOWN;
    return v <= WEIR_XENBUS_RECONFIGURED ? (enum weir_xenbus_state)v
                                         : WEIR_XENBUS_UNKNOWN;
}

bool weir_back_act(struct weir_back_slot *s, enum weir_xenbus_action what)
{
    struct weir_back_dev *d = s->dev;

    switch (what) {
    case WEIR_XB_INIT:
        return init_dev(s);
    case WEIR_XB_REINIT:
        disconnect(s);
        return init_dev(s);
    case WEIR_XB_CONNECT:
        return connect_dev(s);
    case WEIR_XB_CLOSE:
        disconnect(s);
        set_state(d, WEIR_XENBUS_CLOSING);
        return true;
    case WEIR_XB_CLOSED:
    case WEIR_XB_REMOVE:
        disconnect(s);
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
        enum weir_xenbus_state peer = weir_back_frontend_state(s->dev);

        if (weir_xs_broken(s->dev->xs)) /* nobody knows; the program ends */
            return;
        if (detached(s, peer)) {
            disconnect(s);
            set_state(s->dev, WEIR_XENBUS_CLOSED);
            weir_back_release(s);
            return;
        }
        /* Connected already when we came: to our predecessor, whose ring
         * is not ours.  Our InitWait makes it publish again. */
        if (s->stale_peer && peer == WEIR_XENBUS_CONNECTED)
            return;
        if (s->stale_peer)
            weir_xs_write_u64(s->dev->xs, 0, s->dev->path, WEIR_BACK_STALE, 0);
        s->stale_peer = false;
        /* The frontend of a device that goes away may close, no more. */
        if (s->detaching && peer < WEIR_XENBUS_CLOSING)
            return;
        if (!weir_back_act(s, weir_xenbus_back_next(s->dev->state, peer)))
            return;
    }
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

/* Nobody would answer a frontend whose state is not heard of. */
static bool is_heard(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;

    if (s->unheard == 0)
        return true;
    snprintf(d->error, sizeof(d->error),
             "the frontend's state cannot be watched: %s: detach another "
             "device, or use another driver domain",
             strerror(-s->unheard));
    weir_back_fail_now(s, d->error);
    return false;
}

static void open_dev(struct weir_back_slot *s)
{
    struct weir_back_dev *d = s->dev;
    char room[WEIR_BACK_FAILURE];
    int err;

    if (s->open || !s->has_resource || !s->in_registry || !is_heard(s))
        return;
    d->error[0] = '\0';
    err = d->cls->open(d);
    if (err != 0) {
        weir_back_fail_now(s, reason_of(d, err, room));
        return;
    }
    s->open = true;
    if (s->resume && weir_back_take_over(s)) {
        weir_back_follow(s);
        return;
    }
    if (!s->announced)
        s->stale_peer = weir_back_frontend_state(d) == WEIR_XENBUS_CONNECTED;
    if (!init_dev(s))
        return;
    if (!s->resume)
        weir_back_answer(d->be, WEIR_RES_EV_ATTACHED, &d->res, NULL);
    weir_back_follow(s);
}

/* InitWait with what can be told without the resources.  A frontend may
 * publish on that, which is followed up when they are there. */
static void announce_dev(struct weir_back_slot *s)
{
    if (!s->announced || s->has_resource || !s->in_registry ||
        s->dev->state != WEIR_XENBUS_INITIALISING || !is_heard(s))
        return;
    s->stale_peer = weir_back_frontend_state(s->dev) == WEIR_XENBUS_CONNECTED;
    init_dev(s);
}

void weir_back_announce(struct weir_back_slot *s)
{
    s->announced = true;
    weir_back_probe(s);
    if (s->dev != NULL)
        announce_dev(s);
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
        if (!s->has_resource && !s->announced)
            weir_back_release(s);
        return;
    }
    if (err != 0) {
        weir_back_log(d, WEIR_LOG_ERROR,
                      "frontend or frontend-id node is not that of the device");
        return;
    }
    s->in_registry = true;
    s->unheard = weir_back_watch(d, true);
    announce_dev(s);
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
        weir_back_fail_err(s, err);
}

void weir_back_detach(struct weir_back_slot *s)
{
    bool again = s->detaching;

    s->detaching = true;
    /* Toolstacks wait for Closed, also of one that never was open. */
    if (!s->open && s->in_registry && !again)
        set_state(s->dev, WEIR_XENBUS_CLOSED);
    if (!s->open || !s->in_registry || again) {
        weir_back_release(s);
        return;
    }
    /* Also one of our predecessor's, which has not published again yet. */
    if (s->dev->state < WEIR_XENBUS_CLOSING)
        set_state(s->dev, WEIR_XENBUS_CLOSING);
    weir_back_follow(s);
}
