/* SPDX-License-Identifier: MIT */
#include "hypervisor/event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

int hv_events_init(struct hv_events *e, domid_t owner, uint32_t max)
{
    memset(e, 0, sizeof(*e));
    e->owner = owner;
    e->max = max;
    return 0;
}

void hv_events_fini(struct hv_events *e)
{
    free(e->port);
    memset(e, 0, sizeof(*e));
}

static struct hv_evpair *pair_new(void)
{
    struct hv_evpair *p = calloc(1, sizeof(*p));

    if (!p)
        return NULL;
    p->fd[0] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->fd[1] = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    p->refs = 1;
    if (p->fd[0] >= 0 && p->fd[1] >= 0)
        return p;
    for (unsigned i = 0; i < 2; i++)
        if (p->fd[i] >= 0)
            close(p->fd[i]);
    free(p);
    return NULL;
}

static void pair_put(struct hv_evpair *p)
{
    if (!p || --p->refs)
        return;
    close(p->fd[0]);
    close(p->fd[1]);
    free(p);
}

static int grow(struct hv_events *e)
{
    uint32_t size = e->size ? e->size * 2 : 16;
    struct hv_port *p;

    if (size > e->max + 1)
        size = e->max + 1;
    if (size <= e->size)
        return -ENOSPC;
    p = reallocarray(e->port, size, sizeof(*p));
    if (!p)
        return -ENOMEM;
    memset(p + e->size, 0, (size - e->size) * sizeof(*p));
    e->port = p;
    e->size = size;
    return 0;
}

static int find_free(struct hv_events *e, evtchn_port_t *port)
{
    if (e->used >= e->max)
        return -ENOSPC;
    for (;;) {
        uint32_t old = e->size;
        int rc;

        for (evtchn_port_t i = 1; i < e->size; i++) {
            if (e->port[i].state == HV_PORT_FREE) {
                *port = i;
                return 0;
            }
        }
        rc = grow(e);
        if (rc < 0)
            return rc;
        if (e->size == old)
            return -ENOSPC;
    }
}

int hv_event_alloc(struct hv_events *e, domid_t remote,
                   enum hv_port_state state, evtchn_port_t *port)
{
    struct hv_evpair *pair = NULL;
    int rc = find_free(e, port);

    if (rc < 0)
        return rc;
    if (state != HV_PORT_VIRQ && state != HV_PORT_IPI) {
        pair = pair_new();
        if (!pair)
            return -EMFILE;
    }
    e->port[*port] = (struct hv_port){
        .state = (uint8_t)state,
        .remote = remote,
        .pair = pair,
    };
    e->used++;
    return 0;
}

/* Signals side s: an eventfd is only ever full when it is pending anyway. */
static void signal_side(const struct hv_evpair *p, unsigned s)
{
    static const uint64_t one = 1;

    if (write(p->fd[s], &one, sizeof(one)) < 0)
        return;
}

int hv_event_bind(struct hv_events *e, struct hv_events *r,
                  evtchn_port_t remote_port, evtchn_port_t *port)
{
    struct hv_port *there = hv_event_get(r, remote_port), *here;
    int rc;

    if (!there || there->state != HV_PORT_UNBOUND || there->remote != e->owner)
        return -EINVAL;
    rc = find_free(e, port);
    if (rc < 0)
        return rc;
    /* The tables are one when a domain binds to itself: look again. */
    there = hv_event_get(r, remote_port);
    here = &e->port[*port];
    *here = (struct hv_port){
        .state = HV_PORT_INTERDOMAIN,
        .side = !there->side,
        .remote = r->owner,
        .remote_port = remote_port,
        .pair = there->pair,
    };
    here->pair->refs++;
    there->state = HV_PORT_INTERDOMAIN;
    there->remote_port = *port;
    e->used++;
    /* What the peer sent before is not lost, and a new port looks once. */
    signal_side(here->pair, here->side);
    return 0;
}

struct hv_port *hv_event_get(struct hv_events *e, evtchn_port_t port)
{
    if (port == 0 || port >= e->size || e->port[port].state == HV_PORT_FREE)
        return NULL;
    return &e->port[port];
}

void hv_event_close(struct hv_events *e, evtchn_port_t port,
                    struct hv_events *r)
{
    struct hv_port *p = hv_event_get(e, port), *there;

    if (!p)
        return;
    if (p->state == HV_PORT_INTERDOMAIN && r) {
        there = hv_event_get(r, p->remote_port);
        if (there && there != p && there->pair == p->pair) {
            there->state = HV_PORT_UNBOUND;
            there->remote_port = 0;
        }
    }
    pair_put(p->pair);
    memset(p, 0, sizeof(*p));
    e->used--;
}
