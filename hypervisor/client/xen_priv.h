/* SPDX-License-Identifier: MIT
 *
 * Inside of the xen port.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_XEN_PRIV_H
#define WEIR_HYPERVISOR_CLIENT_XEN_PRIV_H

#include "hypervisor/client/xen.h"

#include <pthread.h>
#include <xenevtchn.h>
#include <xengnttab.h>
#include <xentoollog.h>

/* gntdev keeps the mappings of a handle in a list and walks it for each new
 * one: frontends share several handles, by their domid. */
#define WEIR_XEN_GNTTABS 8u

struct weir_xen_evtchn {
    xenevtchn_handle *handle;
    int fd;
    volatile uint32_t port; /* 0: free; written under the lock */
};

struct weir_xen {
    struct weir_port port; /* first: ops get this */
    const char *name;
    xentoollog_logger quiet; /* a guest's bad references are no log lines */
    xengnttab_handle *gnttab[WEIR_XEN_GNTTABS];
    uint64_t log_since; /* rate limit: start of the period, lines in it */
    uint32_t log_lines, log_dropped;
    pthread_mutex_t lock;
    unsigned nevtchns;
    struct weir_xen_evtchn evtchn[];
};

static inline struct weir_xen *weir_xen_of(struct weir_port *p)
{
    return (struct weir_xen *)(void *)p;
}

/* xen_grant.c */
int weir_xen_map(struct weir_port *p, struct weir_map_op *ops, unsigned n);
int weir_xen_unmap(struct weir_port *p, struct weir_unmap_op *ops, unsigned n);
int weir_xen_copy(struct weir_port *p, struct weir_copy_op *ops, unsigned n);

/* xen_evtchn.c */
int weir_xen_evtchn_alloc(struct weir_port *p, domid_t remote,
                          evtchn_port_t *local);
int weir_xen_evtchn_bind(struct weir_port *p, domid_t remote,
                         evtchn_port_t remote_port, evtchn_port_t *local);
int weir_xen_evtchn_close(struct weir_port *p, evtchn_port_t local);
int weir_xen_evtchn_notify(struct weir_port *p, evtchn_port_t local);
int weir_xen_evtchn_fd(struct weir_port *p, evtchn_port_t local);
void weir_xen_evtchn_clear(struct weir_port *p, evtchn_port_t local);
int weir_xen_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
                  uint64_t timeout_ns, uint64_t *pending);

/* xen.c */
uint64_t weir_xen_now(struct weir_port *p);

#endif
