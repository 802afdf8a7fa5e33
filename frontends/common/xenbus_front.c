/* SPDX-License-Identifier: MIT */
#include "frontends/common/xenbus_front.h"

#include "frontends/common/text.h"
#include "ring/error.h"

#define TX_TRIES      32
#define STEPS         8    /* states a device may pass in one event */
#define DIR_BYTES     1024 /* of names below device/CLS */
#define DETACH_NS     5000000000ULL
#define POLL_SLICE_NS 100000000ULL

int weir_front_bus_open(struct weir_front_bus *bus, struct weir_port *port,
                        struct weir_gnttab *gnttab)
{
    bus->port = port;
    bus->gnttab = gnttab;
    bus->ndevs = 0;
    for (unsigned i = 0; i < WEIR_FRONT_DEVS; i++)
        bus->devs[i] = NULL;
    return weir_xs_open_ring(&bus->xs, port);
}

/* The index-th smallest number among the NUL-separated names. */
static int nth_id(const char *names, size_t len, unsigned index, uint64_t *id)
{
    uint64_t last = 0;

    for (unsigned found = 0;; found++) {
        uint64_t best = UINT64_MAX, v;

        for (size_t at = 0; at < len; at += weir_text_len(names + at) + 1)
            if (weir_xs_parse_u64(names + at, &v) == 0 && v < best &&
                (found == 0 || v > last))
                best = v;
        if (best == UINT64_MAX)
            return -WEIR_ENOENT;
        last = best;
        if (found == index) {
            *id = best;
            return 0;
        }
    }
}

static int find_dir(struct weir_front_bus *bus, struct weir_front_dev *dev,
                    const char *cls, unsigned index)
{
    char names[DIR_BYTES];
    struct weir_text t;
    uint64_t id;
    int n, err;

    weir_text_init(&t, dev->path, sizeof(dev->path));
    weir_text_str(&t, "device/");
    weir_text_str(&t, cls);
    if (t.full)
        return -WEIR_EINVAL;
    n = weir_xs_ls(&bus->xs, 0, dev->path, names, sizeof(names) - 1);
    if (n < 0)
        return n;
    names[n] = '\0';
    err = nth_id(names, (size_t)n, index, &id);
    if (err != 0)
        return err;
    weir_text_str(&t, "/");
    weir_text_u64(&t, id);
    return t.full ? -WEIR_EINVAL : 0;
}

/* The backend's directory is named by the toolstack; a domain still checks
 * that it lies in the directory of the domain it is said to be of. */
static int read_backend(struct weir_front_bus *bus, struct weir_front_dev *dev)
{
    char prefix[48];
    struct weir_text t;
    uint64_t domid;
    int err;

    err = weir_xs_read_u64(&bus->xs, 0, dev->path, "backend-id", &domid);
    if (err != 0)
        return err;
    if (domid > 32751)
        return -WEIR_EINVAL;
    err = weir_xs_read_key(&bus->xs, 0, dev->path, "backend", dev->backend_path,
                           sizeof(dev->backend_path));
    if (err < 0)
        return err;
    weir_text_init(&t, prefix, sizeof(prefix));
    weir_text_str(&t, "/local/domain/");
    weir_text_u64(&t, domid);
    weir_text_str(&t, "/backend/");
    if (t.full || !weir_text_starts(dev->backend_path, prefix) ||
        weir_text_len(dev->backend_path) != (size_t)err)
        return -WEIR_EINVAL;
    dev->backend_domid = (domid_t)domid;
    return 0;
}

/* A directory that the toolstack has removed stays so. */
static int put_state(struct weir_front_dev *dev, weir_xs_tx tx,
                     enum weir_xenbus_state state)
{
    struct weir_xs *xs = &dev->bus->xs;
    uint64_t id;
    int err = weir_xs_read_u64(xs, tx, dev->path, "backend-id", &id);

    return err != 0 ? err
                    : weir_xs_write_u64(xs, tx, dev->path, "state", state);
}

static int set_state(struct weir_front_dev *dev, weir_xs_tx tx,
                     enum weir_xenbus_state state)
{
    struct weir_xs *xs = &dev->bus->xs;
    int err = tx != 0 ? 0 : -WEIR_EAGAIN;

    for (unsigned i = 0; i < TX_TRIES && err == -WEIR_EAGAIN; i++) {
        weir_xs_tx own;

        if (weir_xs_transaction_start(xs, &own) != 0)
            return put_state(dev, 0, state); /* a quota: as well as it goes */
        err = put_state(dev, own, state);
        if (err == 0)
            err = weir_xs_transaction_end(xs, own, true);
        else
            weir_xs_transaction_end(xs, own, false);
    }
    return tx != 0 ? put_state(dev, tx, state) : err;
}

static void close_dev(struct weir_front_dev *dev, enum weir_xenbus_state state)
{
    dev->state = state;
    dev->ops->disconnect(dev);
    set_state(dev, 0, state);
}

static int publish(struct weir_front_dev *dev)
{
    struct weir_xs *xs = &dev->bus->xs;

    for (unsigned i = 0; i < TX_TRIES; i++) {
        weir_xs_tx tx;
        int err = weir_xs_transaction_start(xs, &tx);

        if (err != 0)
            return err;
        err = dev->ops->publish(dev, tx);
        if (err == 0)
            err = set_state(dev, tx,
                            dev->ops->early ? WEIR_XENBUS_CONNECTED
                                            : WEIR_XENBUS_INITIALISED);
        if (err != 0) {
            weir_xs_transaction_end(xs, tx, false);
            return err;
        }
        err = weir_xs_transaction_end(xs, tx, true);
        if (err == 0)
            dev->state = WEIR_XENBUS_INITIALISED;
        if (err != -WEIR_EAGAIN)
            return err;
    }
    return -WEIR_EAGAIN;
}

static int connect_dev(struct weir_front_dev *dev)
{
    int err = dev->ops->connect(dev);

    if (err == 0)
        err = set_state(dev, 0, WEIR_XENBUS_CONNECTED);
    if (err == 0)
        dev->state = WEIR_XENBUS_CONNECTED;
    return err;
}

static enum weir_xenbus_state peer_state(struct weir_front_dev *dev)
{
    uint64_t v;

    if (weir_xs_read_u64(&dev->bus->xs, 0, dev->backend_path, "state", &v) != 0)
        return WEIR_XENBUS_UNKNOWN;
    return v <= WEIR_XENBUS_RECONFIGURED ? (enum weir_xenbus_state)v
                                         : WEIR_XENBUS_UNKNOWN;
}

/* Carry out one action; true when the next may follow at once. */
static bool act(struct weir_front_dev *dev, enum weir_xenbus_action what)
{
    int err = 0;

    switch (what) {
    case WEIR_XB_PUBLISH:
        if (dev->state != WEIR_XENBUS_INITIALISING)
            dev->ops->disconnect(dev); /* a backend that started anew */
        err = publish(dev);
        break;
    case WEIR_XB_CONNECT:
        err = connect_dev(dev);
        break;
    case WEIR_XB_INIT:
    case WEIR_XB_REINIT:
        close_dev(dev, WEIR_XENBUS_INITIALISING);
        break;
    case WEIR_XB_CLOSE:
        close_dev(dev, WEIR_XENBUS_CLOSING);
        break;
    case WEIR_XB_CLOSED:
    case WEIR_XB_REMOVE:
        close_dev(dev, WEIR_XENBUS_CLOSED);
        return false;
    case WEIR_XB_RESIZE:
        if (dev->ops->changed != NULL)
            dev->ops->changed(dev);
        return false;
    case WEIR_XB_NONE:
        return false;
    }
    if (err != 0)
        close_dev(dev, WEIR_XENBUS_CLOSING);
    return err == 0;
}

static void follow(struct weir_front_dev *dev)
{
    for (unsigned i = 0; i < STEPS; i++) {
        enum weir_xenbus_state peer = peer_state(dev);
        enum weir_xenbus_action what = weir_xenbus_front_next(dev->state, peer);

        /* We were connected, so this InitWait is that of a successor. */
        if (dev->state == WEIR_XENBUS_CONNECTED &&
            peer == WEIR_XENBUS_INIT_WAIT)
            what = WEIR_XB_PUBLISH;

        if (!act(dev, what))
            return;
    }
}

/* One watch, on the state node alone: one pending event a device at most.
 * Removal of the whole directory is an event of the node too. */
static int watch_state(struct weir_front_dev *dev, bool on)
{
    char path[WEIR_FRONT_PATH + 8];
    struct weir_text t;

    weir_text_init(&t, path, sizeof(path));
    weir_text_str(&t, dev->backend_path);
    weir_text_str(&t, "/state");
    if (t.full)
        return -WEIR_EINVAL;
    return on ? weir_xs_watch(&dev->bus->xs, path, dev->path)
              : weir_xs_unwatch(&dev->bus->xs, path, dev->path);
}

static void forget(struct weir_front_dev *dev)
{
    struct weir_front_bus *bus = dev->bus;

    watch_state(dev, false);
    for (unsigned i = 0; i < bus->ndevs; i++)
        if (bus->devs[i] == dev) {
            bus->devs[i] = bus->devs[--bus->ndevs];
            bus->devs[bus->ndevs] = NULL;
            return;
        }
}

int weir_front_attach(struct weir_front_bus *bus, struct weir_front_dev *dev,
                      const struct weir_front_ops *ops, const char *cls,
                      unsigned index)
{
    int err;

    if (bus->ndevs == WEIR_FRONT_DEVS)
        return -WEIR_ENOSPC;
    dev->ops = ops;
    dev->bus = bus;
    dev->state = WEIR_XENBUS_INITIALISING;
    dev->failed = NULL;
    err = find_dir(bus, dev, cls, index);
    if (err == 0)
        err = read_backend(bus, dev);
    /* A predecessor in this domain may have left another state behind. */
    if (err == 0)
        err = set_state(dev, 0, WEIR_XENBUS_INITIALISING);
    if (err != 0)
        return err;
    bus->devs[bus->ndevs++] = dev;
    err = watch_state(dev, true);
    if (err != 0)
        forget(dev);
    return err;
}

void weir_front_fail(struct weir_front_dev *dev, const char *reason)
{
    if (dev->failed == NULL)
        dev->failed = reason;
}

static void close_failed(struct weir_front_dev *dev)
{
    const char *reason = dev->failed;

    if (reason == NULL || dev->state >= WEIR_XENBUS_CLOSING)
        return;
    weir_xs_write_key(&dev->bus->xs, 0, dev->path, "error", reason);
    close_dev(dev, WEIR_XENBUS_CLOSING);
    follow(dev);
}

int weir_front_bus_poll(struct weir_front_bus *bus)
{
    struct weir_xs_event ev;
    int n = 0, got;

    for (unsigned i = 0; i < bus->ndevs; i++)
        close_failed(bus->devs[i]);

    while (n < WEIR_XS_EVENTS && (got = weir_xs_next_event(&bus->xs, &ev))) {
        if (got < 0)
            return got;
        n++;
        for (unsigned i = 0; i < bus->ndevs; i++)
            if (got == WEIR_XS_OVERFLOW ||
                weir_text_equal(ev.token, bus->devs[i]->path))
                follow(bus->devs[i]);
    }
    /* Pages of former connections, as soon as the backend lets go. */
    weir_gnttab_reap(bus->gnttab);
    return n;
}

/* Sleep until the registry has something, in slices; only look at the clock
 * when it just had: a backend that always has news must not stop it. */
static int bus_sleep(struct weir_front_bus *bus, bool busy, uint64_t until)
{
    uint64_t now = bus->port->ops->now_ns(bus->port);
    uint64_t slice;
    int err;

    if (now >= until)
        return -WEIR_ETIMEDOUT;
    if (busy)
        return 0;
    slice = until - now < POLL_SLICE_NS ? until - now : POLL_SLICE_NS;
    err = bus->xs.transport->wait(&bus->xs, false, slice);
    return err == -WEIR_ETIMEDOUT || err == -WEIR_EAGAIN ? 0 : err;
}

static uint64_t deadline(struct weir_front_bus *bus, uint64_t timeout_ns)
{
    uint64_t now = bus->port->ops->now_ns(bus->port);

    return timeout_ns > UINT64_MAX - now ? UINT64_MAX : now + timeout_ns;
}

int weir_front_wait_state(struct weir_front_dev *dev,
                          enum weir_xenbus_state want, uint64_t timeout_ns)
{
    uint64_t until = deadline(dev->bus, timeout_ns);

    for (;;) {
        int err = weir_front_bus_poll(dev->bus);

        if (err < 0)
            return err;
        if (dev->state == want)
            return 0;
        if (dev->state == WEIR_XENBUS_CLOSED)
            return -WEIR_ENOTCONN;
        err = bus_sleep(dev->bus, err > 0, until);
        if (err != 0)
            return err;
    }
}

int weir_front_detach(struct weir_front_dev *dev)
{
    uint64_t until = deadline(dev->bus, DETACH_NS);
    int err = 0;

    if (dev->state != WEIR_XENBUS_CLOSED) {
        /* First the backend lets go of our pages, then we take them back. */
        err = set_state(dev, 0, WEIR_XENBUS_CLOSING);
        dev->state = WEIR_XENBUS_CLOSING;
        while (err == 0) {
            enum weir_xenbus_state peer = peer_state(dev);

            if (peer == WEIR_XENBUS_UNKNOWN || peer == WEIR_XENBUS_CLOSING ||
                peer == WEIR_XENBUS_CLOSED || peer == WEIR_XENBUS_INITIALISING)
                break;
            err = bus_sleep(dev->bus, false, until);
            if (weir_front_bus_poll(dev->bus) < 0)
                break;
        }
        close_dev(dev, WEIR_XENBUS_CLOSED);
    }
    forget(dev);
    return err == -WEIR_ETIMEDOUT ? err : 0;
}
