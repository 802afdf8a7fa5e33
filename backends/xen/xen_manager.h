/* SPDX-License-Identifier: MIT
 *
 * The device manager inside a Linux domain on Xen's ABI: follows backend/CLASS
 * and speaks to the backend as weir-devd does, over the resource channel.
 *
 *   toolstack            manager                    backend
 *   directory, state 1   ANNOUNCE (scripts) ------> InitWait
 *   script runs
 *   physical-device      opens it, ATTACH --------> open, InitWait
 *                                                   ... Connected ...
 *   online 0, state 5    DETACH ------------------> Closing ... Closed
 *   directory removed                               DETACHED
 *
 * One thread calls all of it.
 */
#ifndef WEIR_BACKENDS_XEN_XEN_MANAGER_H
#define WEIR_BACKENDS_XEN_XEN_MANAGER_H

#include "backends/xen/xen_dev.h"

struct weir_xen_manager;

struct weir_xen_manager_config {
    struct weir_xs *xs; /* its own connection */
    int channel;        /* to the backend: SOCK_SEQPACKET */
    const struct weir_xen_kind *kind;
    enum weir_xen_hotplug hotplug;
    domid_t domid;     /* own */
    unsigned queues;   /* of a device, at most */
    unsigned max_devs; /* more are refused */
    void (*log)(void *context, enum weir_log_level level, const char *line);
    void *context;
};

int weir_xen_manager_new(const struct weir_xen_manager_config *cfg,
                         struct weir_xen_manager **out);
/* Handles what is there; waits at most timeout_ms, also for also_fd (-1:
 * none).  0, or negative: the registry or the backend is gone. */
int weir_xen_manager_step(struct weir_xen_manager *m, int also_fd,
                          int timeout_ms);
void weir_xen_manager_free(struct weir_xen_manager *m);

#endif
