/* SPDX-License-Identifier: MIT
 *
 * The backend end of xenbus devices, hosted: watches backend/CLASS of the own
 * domain, follows each frontend's state, joins each device with the resources
 * the device manager hands over (descriptors), and calls the class driver.
 *
 * One thread (the control thread, in weir_backend_run) makes all calls below;
 * the class driver's queue threads are its own.  A device that fails goes to
 * Closing with its reason in its `error` node; the others go on.
 */
#ifndef WEIR_BACKENDS_COMMON_BACKEND_H
#define WEIR_BACKENDS_COMMON_BACKEND_H

#include "backends/common/resource_abi.h"
#include "backends/common/stats_abi.h"
#include "ring/port.h"
#include "xenbus/client.h"
#include "xenbus/state.h"

#define WEIR_BACK_PATH 128

struct weir_backend;
struct weir_back_dev;
struct weir_qpool;

struct weir_back_class {
    const char *name; /* "vbd", "vif": the registry's and resource_abi's */
    uint32_t resource_class; /* WEIR_RES_VBD ... */
    size_t dev_size;         /* of the struct that begins with weir_back_dev */
    /* Resources are here (dev->res, dev->fds): take them; -errno closes the
     * device with dev->error as reason. */
    int (*open)(struct weir_back_dev *dev);
    /* Write feature nodes below dev->path in tx. May be called again. */
    int (*publish)(struct weir_back_dev *dev, weir_xs_tx tx);
    /* The frontend is Initialised or Connected: read and validate its nodes,
     * map its rings, bind its ports, start. */
    int (*connect)(struct weir_back_dev *dev);
    /* Second step of connect in the same transaction that sets Connected:
     * nodes the frontend reads then (sectors, sector-size). NULL ok. */
    int (*connected)(struct weir_back_dev *dev, weir_xs_tx tx);
    /* Connected is written, or was by a predecessor: begin to answer requests.
     * A backend that dies before has answered none.  NULL ok. */
    void (*go)(struct weir_back_dev *dev);
    /* Stop and join queue threads, finish device I/O, unmap; idempotent. */
    void (*disconnect)(struct weir_back_dev *dev);
    /* Resource changed (WEIR_RES_RESIZE): NULL ok. */
    int (*resize)(struct weir_back_dev *dev);
    /* Free what open made. */
    void (*close)(struct weir_back_dev *dev);
};

struct weir_back_dev {
    const struct weir_back_class *cls;
    struct weir_backend *be;
    struct weir_port *port;
    struct weir_xs *xs;
    domid_t frontend; /* domid */
    uint32_t devid;
    char path[WEIR_BACK_PATH];          /* "backend/vbd/5/51712" */
    char frontend_path[WEIR_BACK_PATH]; /* validated: below /local/domain/N */
    enum weir_xenbus_state state;
    bool resume; /* during connect: go on with a predecessor's connection, by
                    what it kept (port.h); the frontend is not to notice */
    struct weir_resource res;  /* as the device manager sent it */
    int fds[WEIR_RES_MAX_FDS]; /* closed after close(); -1: the class took it */
    unsigned nfds;
    struct weir_dev_stats *stats; /* the device's slot of the stats page */
    char error[160];              /* reason, set by the class before it fails */
    unsigned slot;                /* private to backend.c */
};

/* A queue thread found its peer broken: the control thread disconnects the
 * device, writes `error`, goes to Closing.  Any thread; never blocks. */
void weir_backend_fail(struct weir_back_dev *dev, const char *reason);

struct weir_backend_config {
    struct weir_port *port;
    struct weir_xs *xs; /* open */
    int resource_fd;    /* -1: none (tests, other platforms) */
    const struct weir_back_class *const *classes;
    unsigned nclasses;
    struct weir_stats_page *stats; /* the page tools read; zeroed */
    unsigned max_devs;             /* all classes together; 0: 64 */
    struct weir_qpool *pool; /* for the classes: queue threads (qthread.h) */
    void *context;           /* for the classes: theirs, of all devices */
    int wake_fd;             /* an eventfd made before the seal, taken over;
                                0: weir_backend_new makes one */
};

int weir_backend_new(const struct weir_backend_config *cfg,
                     struct weir_backend **out);
const struct weir_backend_config *weir_backend_cfg(struct weir_backend *be);
/* Until weir_backend_stop (any thread, signal-safe) or a broken registry. */
int weir_backend_run(struct weir_backend *be);
void weir_backend_stop(struct weir_backend *be);
/* Tells the manager, without being asked, that the control thread waits for a
 * device and does not hang.  For weir_qpool_on_wait. */
void weir_backend_alive(void *backend);
/* One pass, for tests: handles what is there, waits at most timeout_ms. */
int weir_backend_step(struct weir_backend *be, int timeout_ms);
void weir_backend_free(struct weir_backend *be);
/* Tests and platforms without a resource channel hand resources in here; the
 * descriptors are the backend's from then on, also when it fails. */
int weir_backend_give(struct weir_backend *be, const struct weir_resource *res,
                      const int *fds, unsigned nfds);

#endif
