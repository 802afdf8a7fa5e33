/* SPDX-License-Identifier: MIT
 *
 * Event channels of one domain.  A channel between two process domains is a
 * pair of eventfds made when its first end is allocated; both ends get both,
 * crosswise, and signal each other without weir-hv.
 *
 *   FREE -> UNBOUND (alloc) -> INTERDOMAIN (the peer binds) -> UNBOUND (the
 *   peer closes or dies; the pair stays) -> FREE (close)
 *
 * The functions that touch two domains get both tables.  The caller holds the
 * machine's lock.
 */
#ifndef WEIR_HYPERVISOR_EVENT_H
#define WEIR_HYPERVISOR_EVENT_H

#include "ring/port.h"

enum hv_port_state {
    HV_PORT_FREE = 0,
    HV_PORT_UNBOUND,
    HV_PORT_INTERDOMAIN,
    HV_PORT_CONSOLE, /* the other end is weir-hv */
    HV_PORT_VIRQ,    /* VM domains; these two have no eventfds */
    HV_PORT_IPI,
};

struct hv_evpair {
    int fd[2]; /* side s waits on fd[s] and notifies through fd[!s] */
    unsigned refs;
};

struct hv_port {
    uint8_t state; /* enum hv_port_state */
    uint8_t side;
    domid_t remote;
    uint8_t vcpu, virq;        /* VM: whom it interrupts; VIRQ */
    evtchn_port_t remote_port; /* INTERDOMAIN */
    struct hv_evpair *pair;    /* NULL: VIRQ, IPI */
};

struct hv_events {
    struct hv_port *port; /* port 0 is never used */
    uint32_t size, max, used;
    domid_t owner;
};

int hv_events_init(struct hv_events *e, domid_t owner, uint32_t max);
void hv_events_fini(struct hv_events *e); /* every port is closed already */

/* *wait and *notify stay owned by the table.  -ENOSPC: quota; -EMFILE. */
int hv_event_alloc(struct hv_events *e, domid_t remote,
                   enum hv_port_state state, evtchn_port_t *port);
/* Bind a new port of e to remote_port of r: the new one is pending. */
int hv_event_bind(struct hv_events *e, struct hv_events *r,
                  evtchn_port_t remote_port, evtchn_port_t *port);
/* NULL when there is no such open port. */
struct hv_port *hv_event_get(struct hv_events *e, evtchn_port_t port);
/* r: the remote's table when the port is INTERDOMAIN, else ignored. */
void hv_event_close(struct hv_events *e, evtchn_port_t port,
                    struct hv_events *r);

static inline int hv_port_wait_fd(const struct hv_port *p)
{
    return p->pair->fd[p->side];
}

static inline int hv_port_notify_fd(const struct hv_port *p)
{
    return p->pair->fd[!p->side];
}

#endif
