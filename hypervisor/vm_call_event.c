/* SPDX-License-Identifier: MIT
 *
 * event_channel_op: a VM's ports.
 */
#include "hypervisor/vm_call.h"

#include "hypervisor/vm_kxen.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static void lock(struct hv_vm *vm)
{
    pthread_mutex_lock(&vm->d->m->lock);
}

static void unlock(struct hv_vm *vm)
{
    pthread_mutex_unlock(&vm->d->m->lock);
}

/* Virtual interrupts of which each vCPU has its own. */
static bool per_vcpu(uint32_t virq)
{
    return virq == WEIR_VIRQ_TIMER || virq == WEIR_VIRQ_DEBUG || virq == 7 ||
           virq == 13;
}

/* ---- opening ------------------------------------------------------------ */

/* A port was opened: 0, or it is closed again. */
static int watch(struct hv_vm *vm, evtchn_port_t port)
{
    int rc = hv_vm_watch_port(vm, port);

    if (rc == 0)
        return 0;
    lock(vm);
    hv_domain_close_port(vm->d, port);
    unlock(vm);
    return rc == -ENOMEM ? rc : -ENOSPC;
}

/* With ports.  A port without a peer (yet). */
static int open_port(struct hv_vm *vm, enum hv_port_state state, domid_t remote,
                     const struct hv_port *like, evtchn_port_t *port)
{
    struct hv_machine *m = vm->d->m;
    int rc = -ENOSPC;

    lock(vm);
    if (m->ports < m->max_ports)
        rc = hv_event_alloc(&vm->d->events, remote, state, port);
    if (rc == 0) {
        struct hv_port *p = hv_event_get(&vm->d->events, *port);

        m->ports++;
        p->vcpu = like->vcpu;
        p->virq = like->virq;
    }
    unlock(vm);
    if (rc < 0)
        return rc == -ENOMEM ? rc : -ENOSPC;
    return watch(vm, *port);
}

static int alloc_unbound(struct hv_vcpu *v, void *arg)
{
    static const struct hv_port none;
    struct weir_evtchn_alloc_unbound *x = arg;
    struct hv_vm *vm = v->vm;
    domid_t remote =
        x->remote_dom == WEIR_DOMID_SELF ? vm->d->domid : x->remote_dom;
    int rc = hv_vm_self(vm, x->dom);

    return rc < 0 ? rc
                  : open_port(vm, HV_PORT_UNBOUND, remote, &none, &x->port);
}

/* A new port is pending; if its eventfd says so, it is so at once. */
static void first_event(struct hv_vm *vm, evtchn_port_t port)
{
    const struct hv_port *p = hv_event_get(&vm->d->events, port);
    uint64_t n;

    if (!vm->xen && read(hv_port_wait_fd(p), &n, sizeof(n)) == sizeof(n))
        hv_vm_deliver(vm, port);
}

static int bind_interdomain(struct hv_vcpu *v, void *arg)
{
    struct weir_evtchn_bind_interdomain *x = arg;
    struct hv_vm *vm = v->vm;
    struct hv_machine *m = vm->d->m;
    struct hv_domain *peer;
    int rc = -WEIR_ESRCH;

    lock(vm);
    peer = hv_domain_get(m, x->remote_dom == WEIR_DOMID_SELF ? vm->d->domid
                                                             : x->remote_dom);
    if (peer && !peer->destroy)
        rc = m->ports < m->max_ports
                 ? hv_event_bind(&vm->d->events, &peer->events, x->remote_port,
                                 &x->local_port)
                 : -ENOSPC;
    if (rc == 0) {
        m->ports++;
        first_event(vm, x->local_port);
    }
    unlock(vm);
    return rc < 0 ? rc : watch(vm, x->local_port);
}

static int bind_virq(struct hv_vcpu *v, void *arg)
{
    struct weir_evtchn_bind_virq *x = arg;
    struct hv_vm *vm = v->vm;
    struct hv_port like = {.vcpu = (uint8_t)x->vcpu, .virq = (uint8_t)x->virq};
    evtchn_port_t *slot;
    int rc;

    if (x->virq >= WEIR_NR_VIRQS || (!per_vcpu(x->virq) && x->vcpu != 0))
        return -WEIR_EINVAL;
    if (x->vcpu >= vm->nvcpus)
        return -WEIR_ENOENT;
    slot = &vm->vcpu[x->vcpu].xen.virq[x->virq];
    if (*slot) /* only ever changed with ports held */
        return -WEIR_EEXIST;
    rc = open_port(vm, HV_PORT_VIRQ, 0, &like, &x->port);
    if (rc < 0)
        return rc;
    lock(vm);
    *slot = x->port;
    unlock(vm);
    if (vm->xen && x->virq == WEIR_VIRQ_TIMER)
        hv_kxen_todo(&vm->vcpu[x->vcpu], HV_TODO_TIMER);
    return 0;
}

static int bind_ipi(struct hv_vcpu *v, void *arg)
{
    struct weir_evtchn_bind_ipi *x = arg;
    struct hv_port like = {.vcpu = (uint8_t)x->vcpu};

    if (x->vcpu >= v->vm->nvcpus)
        return -WEIR_ENOENT;
    return open_port(v->vm, HV_PORT_IPI, v->vm->d->domid, &like, &x->port);
}

/* ---- closing ------------------------------------------------------------ */

/* The next user of the number finds it as at birth. */
static void forget(struct hv_vm *vm, evtchn_port_t port)
{
    struct weir_shared_info *s = vm->xen_state.shared;

    if (s)
        weir_fetch_and64(&s->evtchn_pending[port / 64],
                         ~(UINT64_C(1) << port % 64));
}

/* With ports. */
static int close_port(struct hv_vm *vm, evtchn_port_t port)
{
    struct hv_port p = {.state = HV_PORT_FREE};
    const struct hv_port *open;

    lock(vm);
    open = hv_event_get(&vm->d->events, port);
    if (open)
        p = *open;
    unlock(vm);
    if (p.state == HV_PORT_FREE)
        return -WEIR_EINVAL;
    /* The console's other end is weir-hv, which keeps it. */
    if (p.state == HV_PORT_CONSOLE)
        return 0;
    hv_vm_unwatch_port(vm, port);
    lock(vm);
    if (p.state == HV_PORT_VIRQ)
        vm->vcpu[per_vcpu(p.virq) ? p.vcpu : 0].xen.virq[p.virq] = 0;
    hv_domain_close_port(vm->d, port);
    forget(vm, port);
    unlock(vm);
    if (vm->xen && p.state == HV_PORT_VIRQ && p.virq == WEIR_VIRQ_TIMER)
        hv_kxen_todo(&vm->vcpu[p.vcpu], HV_TODO_TIMER);
    return 0;
}

static int op_close(struct hv_vcpu *v, void *arg)
{
    const struct weir_evtchn_close *x = arg;

    return close_port(v->vm, x->port);
}

static int reset(struct hv_vcpu *v, void *arg)
{
    const struct weir_evtchn_reset *x = arg;
    struct hv_vm *vm = v->vm;
    int rc = hv_vm_self(vm, x->dom);

    for (evtchn_port_t i = 1;
         rc == 0 && i < vm->d->events.size && !weir_load_acquire32(&vm->stop);
         i++)
        close_port(vm, i);
    return rc;
}

/* ---- use ---------------------------------------------------------------- */

/* The other end of an interdomain port.  Straight into another VM, unless its
 * events are KVM's. */
static void send_to(struct hv_vm *vm, const struct hv_port *p)
{
    static const uint64_t one = 1;
    struct hv_domain *peer = NULL;

    if (p->state == HV_PORT_INTERDOMAIN)
        peer = hv_domain_get(vm->d->m, p->remote);
    if (peer && peer->vm && !peer->vm->xen)
        hv_vm_deliver(peer->vm, p->remote_port);
    else if (write(hv_port_notify_fd(p), &one, sizeof(one)) < 0)
        return; /* full: pending anyway */
}

int hv_vm_send(struct hv_vcpu *v, evtchn_port_t port)
{
    struct hv_vm *vm = v->vm;
    const struct hv_port *p;
    int rc = 0;

    lock(vm);
    p = hv_event_get(&vm->d->events, port);
    if (!p || p->state == HV_PORT_VIRQ)
        rc = -WEIR_EINVAL;
    else if (p->state == HV_PORT_IPI)
        hv_vm_deliver(vm, port);
    else
        send_to(vm, p);
    unlock(vm);
    return rc;
}

static int op_send(struct hv_vcpu *v, void *arg)
{
    const struct weir_evtchn_send *x = arg;

    return hv_vm_send(v, x->port);
}

static void describe(const struct hv_port *p, struct weir_evtchn_status *x)
{
    x->vcpu = p->vcpu;
    switch (p->state) {
    case HV_PORT_UNBOUND:
        x->status = WEIR_EVTCHNSTAT_UNBOUND;
        x->u.unbound.dom = p->remote;
        break;
    case HV_PORT_VIRQ:
        x->status = WEIR_EVTCHNSTAT_VIRQ;
        x->u.virq = p->virq;
        break;
    case HV_PORT_IPI:
        x->status = WEIR_EVTCHNSTAT_IPI;
        break;
    default:
        x->status = WEIR_EVTCHNSTAT_INTERDOMAIN;
        x->u.interdomain.dom = p->remote;
        x->u.interdomain.port = p->remote_port;
        break;
    }
}

static int status(struct hv_vcpu *v, void *arg)
{
    struct weir_evtchn_status *x = arg;
    const struct hv_port *p;
    int rc = hv_vm_self(v->vm, x->dom);

    if (rc < 0)
        return rc;
    if (x->port == 0 || x->port > v->vm->d->events.max)
        return -WEIR_EINVAL;
    memset(&x->u, 0, sizeof(x->u));
    x->status = WEIR_EVTCHNSTAT_CLOSED;
    x->vcpu = 0;
    lock(v->vm);
    p = hv_event_get(&v->vm->d->events, x->port);
    if (p)
        describe(p, x);
    unlock(v->vm);
    return 0;
}

static int bind_vcpu(struct hv_vcpu *v, void *arg)
{
    const struct weir_evtchn_bind_vcpu *x = arg;
    struct hv_vm *vm = v->vm;
    struct hv_port *p;
    int rc = 0;

    if (x->vcpu >= vm->nvcpus)
        return -WEIR_ENOENT;
    lock(vm);
    p = hv_event_get(&vm->d->events, x->port);
    if (!p || p->state == HV_PORT_IPI ||
        (p->state == HV_PORT_VIRQ && per_vcpu(p->virq)))
        rc = -WEIR_EINVAL;
    else
        p->vcpu = (uint8_t)x->vcpu;
    unlock(vm);
    return rc == 0 && vm->xen ? hv_kxen_moved(vm, x->port) : rc;
}

static int unmask(struct hv_vcpu *v, void *arg)
{
    const struct weir_evtchn_unmask *x = arg;
    int rc = 0;

    lock(v->vm);
    if (hv_event_get(&v->vm->d->events, x->port))
        hv_vm_unmask(v->vm, x->port);
    else
        rc = -WEIR_EINVAL;
    unlock(v->vm);
    return rc;
}

struct event_op {
    int (*op)(struct hv_vcpu *v, void *arg);
    uint8_t size;
    bool out;   /* the struct is written back */
    bool ports; /* opens, closes or moves ports */
};

static const struct event_op event_ops[] = {
    [WEIR_EVTCHNOP_BIND_INTERDOMAIN] =
        {bind_interdomain, sizeof(struct weir_evtchn_bind_interdomain), true,
         true},
    [WEIR_EVTCHNOP_BIND_VIRQ] = {bind_virq,
                                 sizeof(struct weir_evtchn_bind_virq), true,
                                 true},
    [WEIR_EVTCHNOP_CLOSE] = {op_close, sizeof(struct weir_evtchn_close), false,
                             true},
    [WEIR_EVTCHNOP_SEND] = {op_send, sizeof(struct weir_evtchn_send), false,
                            false},
    [WEIR_EVTCHNOP_STATUS] = {status, sizeof(struct weir_evtchn_status), true,
                              false},
    [WEIR_EVTCHNOP_ALLOC_UNBOUND] = {alloc_unbound,
                                     sizeof(struct weir_evtchn_alloc_unbound),
                                     true, true},
    [WEIR_EVTCHNOP_BIND_IPI] = {bind_ipi, sizeof(struct weir_evtchn_bind_ipi),
                                true, true},
    [WEIR_EVTCHNOP_BIND_VCPU] = {bind_vcpu,
                                 sizeof(struct weir_evtchn_bind_vcpu), false,
                                 true},
    [WEIR_EVTCHNOP_UNMASK] = {unmask, sizeof(struct weir_evtchn_unmask), false,
                              false},
    [WEIR_EVTCHNOP_RESET] = {reset, sizeof(struct weir_evtchn_reset), false,
                             true},
};

int64_t hv_call_event_channel_op(struct hv_vcpu *v, const uint64_t a[5])
{
    uint8_t arg[sizeof(struct weir_evtchn_status)] __attribute__((aligned(8)));
    const struct event_op *op;
    int rc;

    if (a[0] == WEIR_EVTCHNOP_BIND_PIRQ)
        return -WEIR_EINVAL; /* there are no physical interrupts */
    if (a[0] >= sizeof(event_ops) / sizeof(event_ops[0]) || !event_ops[a[0]].op)
        return -WEIR_ENOSYS;
    op = &event_ops[a[0]];
    rc = hv_vcpu_read(v, a[1], arg, op->size);
    if (rc < 0)
        return rc;
    if (op->ports)
        pthread_mutex_lock(&v->vm->xen_state.ports);
    rc = op->op(v, arg);
    if (op->ports)
        pthread_mutex_unlock(&v->vm->xen_state.ports);
    if (rc == 0 && op->out)
        rc = hv_vcpu_write(v, a[1], arg, op->size);
    return rc;
}
