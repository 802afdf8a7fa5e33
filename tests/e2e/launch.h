/* SPDX-License-Identifier: MIT
 *
 * For tests and benchmarks: a small machine of their own, without weir-devd:
 * weir-hv, weir-xenstored, driver domains, guests.  Plays the device manager:
 * registry directories as it writes them, descriptors over the resource
 * channel.  Programs are taken from $B/bin and $B/tests (B: the build
 * directory, "build" unless set).
 *
 *     launch_start(&l, "512M");                      -ENOSYS: skip the test
 *     back = launch_create(&l, "blk", true, 8192);
 *     guest = launch_create(&l, "guest", false, 8192);
 *     launch_exec(&l, back, argv_back);
 *     launch_ready(back, 5000);
 *     launch_device(&l, guest, back, &res, fds);
 *     launch_exec(&l, guest, argv_guest);
 *     status = launch_wait(guest, 60000);
 *     launch_stop(&l);
 *
 * res is a struct weir_resource.
 *
 * 0 or -errno unless said otherwise; what went wrong is also on stderr.
 */
#ifndef WEIR_TESTS_E2E_LAUNCH_H
#define WEIR_TESTS_E2E_LAUNCH_H

#include <stdbool.h>
#include <sys/types.h>

#include "backends/common/resource_abi.h"
#include "hypervisor/client/control.h"
#include "xenbus/client.h"

#define LAUNCH_DOMS 12

struct launch_dom {
    char name[32];
    domid_t domid;
    bool backend;
    int hv_fd;  /* until exec */
    int res_fd; /* the manager's end, backends; -1 otherwise */
    pid_t pid;  /* 0: not running */
};

struct launch {
    char dir[64];
    pid_t hv_pid;
    struct weir_hvctl *ctl;
    struct weir_xs xs;
    bool xs_open;
    uint32_t seq;
    struct launch_dom *store;
    unsigned ndoms;
    struct launch_dom dom[LAUNCH_DOMS];
};

/* weir-hv with so much machine memory ("512M"), and weir-xenstored. */
int launch_start(struct launch *l, const char *memory);
/* Ends everything, in order; safe after a failed start, and twice. */
void launch_stop(struct launch *l);

/* frames: quota in pages.  The domain is introduced to the registry and may
 * get devices before it runs.  NULL on failure. */
struct launch_dom *launch_create(struct launch *l, const char *name,
                                 bool backend, unsigned frames);
/* The same with all that can be asked for; a VM for example (launch_vm.h). */
struct launch_dom *launch_create_how(struct launch *l, bool backend,
                                     struct weir_hv_create how);
/* argv[0] without a slash is looked for in $B/bin, then in $B/tests. */
int launch_exec(struct launch *l, struct launch_dom *d,
                const char *const *argv);
/* Until a backend's READY. */
int launch_ready(struct launch_dom *d, int timeout_ms);
/* Both directories, then ATTACH with res->nfds descriptors (which stay the
 * caller's); waits for ATTACHED.  cls, devid and the class's part of res are
 * the caller's; the rest is filled in. */
int launch_device(struct launch *l, struct launch_dom *front,
                  struct launch_dom *back, struct weir_resource *res,
                  const int *fds);
/* op: WEIR_RES_RESIZE, DETACH (waits for DETACHED), PING (waits for PONG). */
int launch_order(struct launch *l, struct launch_dom *front,
                 struct launch_dom *back, struct weir_resource *res,
                 enum weir_res_op op, int timeout_ms);
/* Adds or changes a node of the frontend's device directory, as the manager
 * (mac, handle ...), before the frontend runs. */
int launch_front_node(struct launch *l, struct launch_dom *front,
                      const struct weir_resource *res, const char *key,
                      const char *value);
/* A node of either directory; its length or -errno. */
int launch_read(struct launch *l, struct launch_dom *front,
                struct launch_dom *back, const struct weir_resource *res,
                bool of_back, const char *key, char *buf, size_t size);
/* Exit status of a domain's program: 0-255, 256 + signal, -ETIMEDOUT. */
int launch_wait(struct launch_dom *d, int timeout_ms);
/* SIGKILL and destroy; the slot is free afterwards. */
void launch_destroy(struct launch *l, struct launch_dom *d);

#endif
