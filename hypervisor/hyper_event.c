/* SPDX-License-Identifier: MIT
 *
 * Event-channel hypercalls.  virq, ipi, send and unmask are VM domains': a
 * process domain signals through the eventfds it holds.
 */
#include "hypervisor/hypercall.h"

#include <errno.h>

static void answer(struct hv_domain *d, struct hv_reply *r, evtchn_port_t port)
{
    const struct hv_port *p = hv_event_get(&d->events, port);

    weir_put32(r->p, port);
    r->len = 4;
    r->fd[0] = hv_port_wait_fd(p);
    r->fd[1] = hv_port_notify_fd(p);
    r->nfds = 2;
}

int hv_op_evtchn_alloc(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r)
{
    struct hv_machine *m = d->m;
    uint32_t remote = weir_le32(q->p);
    evtchn_port_t port;
    int rc = -ENOSPC;

    if (remote == WEIR_DOMID_SELF)
        remote = d->domid;
    if (remote > WEIR_HV_DOMID_LAST)
        return -EINVAL;
    pthread_mutex_lock(&m->lock);
    if (m->ports < m->max_ports)
        rc =
            hv_event_alloc(&d->events, (domid_t)remote, HV_PORT_UNBOUND, &port);
    if (rc == 0) {
        m->ports++;
        answer(d, r, port);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

int hv_op_evtchn_bind(struct hv_domain *d, struct hv_request *q,
                      struct hv_reply *r)
{
    struct hv_machine *m = d->m;
    uint32_t remote = weir_le32(q->p);
    struct hv_domain *peer;
    evtchn_port_t port;
    int rc = -ENOENT;

    if (remote == WEIR_DOMID_SELF)
        remote = d->domid;
    pthread_mutex_lock(&m->lock);
    peer = hv_domain_get(m, remote);
    if (peer && !peer->destroy)
        rc = hv_event_bind(&d->events, &peer->events, weir_le32(q->p + 4),
                           &port);
    if (rc == 0) {
        m->ports++;
        answer(d, r, port);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int close_port(struct hv_domain *d, evtchn_port_t port)
{
    const struct hv_port *p;
    int rc = 0;

    pthread_mutex_lock(&d->m->lock);
    p = hv_event_get(&d->events, port);
    if (!p)
        rc = -EINVAL;
    else if (p->state == HV_PORT_CONSOLE)
        rc = -EPERM;
    else
        hv_domain_close_port(d, port);
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

int hv_op_evtchn_close(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r)
{
    (void)r;
    return close_port(d, weir_le32(q->p));
}

int hv_op_evtchn_reset(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r)
{
    (void)q;
    (void)r;
    for (evtchn_port_t i = 1; i < d->events.size; i++)
        close_port(d, i);
    return 0;
}

int hv_op_evtchn_status(struct hv_domain *d, struct hv_request *q,
                        struct hv_reply *r)
{
    const struct hv_port *p;
    uint32_t port = weir_le32(q->p), state = WEIR_EVTCHNSTAT_CLOSED;
    uint32_t remote = 0, remote_port = 0;

    pthread_mutex_lock(&d->m->lock);
    p = hv_event_get(&d->events, port);
    if (p) {
        state = p->state == HV_PORT_UNBOUND ? WEIR_EVTCHNSTAT_UNBOUND
                                            : WEIR_EVTCHNSTAT_INTERDOMAIN;
        remote = p->remote;
        remote_port = p->remote_port;
    }
    pthread_mutex_unlock(&d->m->lock);
    if (port > d->events.max)
        return -EINVAL;
    weir_put32(r->p, state);
    weir_put32(r->p + 4, remote);
    weir_put32(r->p + 8, remote_port);
    r->len = 12;
    return 0;
}
