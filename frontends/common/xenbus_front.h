/* SPDX-License-Identifier: MIT
 *
 * The frontend end of a xenbus device, freestanding: finds device/CLASS/ID,
 * follows the backend's state and calls the class driver.  One weir_front_bus
 * serves all devices of a domain; it owns one registry connection.
 *
 * The class driver embeds struct weir_front_dev and gives ops.  All calls come
 * from weir_front_bus_poll, on the caller's thread.
 */
#ifndef WEIR_FRONTENDS_COMMON_XENBUS_FRONT_H
#define WEIR_FRONTENDS_COMMON_XENBUS_FRONT_H

#include "ring/grant.h"
#include "ring/port.h"
#include "xenbus/client.h"
#include "xenbus/state.h"

#define WEIR_FRONT_DEVS 16
#define WEIR_FRONT_PATH 128

struct weir_front_dev;

struct weir_front_ops {
    /* Backend is in InitWait: allocate rings, grants and ports, write their
     * nodes below dev->path within transaction tx.  May be called again with
     * a new tx (conflict): rewrite only.  0, or an error that closes. */
    int (*publish)(struct weir_front_dev *dev, weir_xs_tx tx);
    /* Backend is Connected: read its nodes, start. */
    int (*connect)(struct weir_front_dev *dev);
    /* Stop using shared memory; idempotent.  dev->state is Closing or Closed
     * when the device ends: requests end with -WEIR_ENOTCONN.  In any other
     * state the backend has a successor and publish follows: the driver may
     * keep requests and send them again. */
    void (*disconnect)(struct weir_front_dev *dev);
    /* Backend changed what it may while connected (blk: sectors). NULL ok. */
    void (*changed)(struct weir_front_dev *dev);
    /* Rings published are said to be Connected, not Initialised, which Linux'
     * netback does not take notice of.  dev->state is Initialised all the
     * same, until the backend is Connected. */
    bool early;
};

struct weir_front_bus;

struct weir_front_dev {
    const struct weir_front_ops *ops;
    struct weir_front_bus *bus;
    char path[WEIR_FRONT_PATH];         /* own directory, "device/vbd/51712" */
    char backend_path[WEIR_FRONT_PATH]; /* read at attach; validated */
    domid_t backend_domid;
    enum weir_xenbus_state state; /* own */
    const char *volatile failed;  /* see weir_front_fail */
};

struct weir_front_bus {
    struct weir_port *port;
    struct weir_gnttab *gnttab;
    struct weir_xs xs;
    struct weir_front_dev *devs[WEIR_FRONT_DEVS];
    unsigned ndevs;
};

int weir_front_bus_open(struct weir_front_bus *bus, struct weir_port *port,
                        struct weir_gnttab *gnttab);
/* cls "vbd" or "vif"; index counts the devices found below device/CLS in
 * ascending order of id.  -WEIR_ENOENT: no such device. */
int weir_front_attach(struct weir_front_bus *bus, struct weir_front_dev *dev,
                      const struct weir_front_ops *ops, const char *cls,
                      unsigned index);
/* Go to Closed in order and forget the device. */
int weir_front_detach(struct weir_front_dev *dev);
/* Handle what the registry brought, without blocking.  Returns the number of
 * events handled. */
int weir_front_bus_poll(struct weir_front_bus *bus);
/* The class driver found the backend breaking the protocol: the next
 * weir_front_bus_poll disconnects the device, writes reason (a string that
 * lives on) into its `error` node and goes to Closing.  Any thread. */
void weir_front_fail(struct weir_front_dev *dev, const char *reason);
/* Poll until dev->state == want (0), it is Closed (-WEIR_ENOTCONN) or the time
 * is over (-WEIR_ETIMEDOUT). */
int weir_front_wait_state(struct weir_front_dev *dev,
                          enum weir_xenbus_state want, uint64_t timeout_ns);

#endif
