/* SPDX-License-Identifier: MIT
 *
 * Events of a VM domain.  The guest's end of a port is a pending bit and an
 * interrupt.  An event comes by the port's eventfd, which the domain's thread
 * watches (mode s) or KVM (mode k), or straight from another VM's send; it
 * leaves by an ioeventfd, or by a hypercall.
 */
#include "hypervisor/vm_call.h"
#include "hypervisor/vm_kxen.h"

#include "ring/barrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define TIMER (UINT64_C(1) << 32) /* of what epoll tells: a timer's vCPU */
/* Events of one turn: what is ready is told in turns, so that no port of the
 * domain keeps another from being heard, and none the domain's thread. */
#define TURN 64

#define APIC_BASE 0xFEE00000u

/* ---- into the guest ----------------------------------------------------- */

uint32_t hv_vcpu_vector(const struct hv_vcpu *v)
{
    uint64_t callback = weir_load_relaxed64(&v->vm->xen_state.callback);
    uint32_t vector = weir_load_relaxed32(&v->xen.upcall_vector);

    if (!vector && callback >> 56 == WEIR_HVM_CALLBACK_TYPE_VECTOR)
        vector = callback & 0xFF;
    return vector >= 16 ? vector : 0;
}

static void wake(struct hv_vcpu *v)
{
    if (weir_load_relaxed32(&v->xen.waiting))
        hv_vcpu_kick(v);
}

static void inject(struct hv_vcpu *v)
{
    struct kvm_msi msi = {
        .address_lo = APIC_BASE | v->id << 12,
        .data = hv_vcpu_vector(v),
    };

    /* In mode k KVM takes the domain's callback from the info, on entry. */
    if (v->vm->xen && !weir_load_relaxed32(&v->xen.upcall_vector))
        hv_vcpu_kick(v);
    /* An APIC that is off yet takes none: it is offered again when the vCPU
     * comes by (hv_vcpu_xen_enter). */
    else if (msi.data)
        weir_store_relaxed32(&v->xen.owed,
                             ioctl(v->vm->fd, KVM_SIGNAL_MSI, &msi) <= 0);
}

void hv_vcpu_upcall(struct hv_vcpu *v)
{
    if (!v->xen.info)
        return;
    if (weir_xchg8(&v->xen.info->evtchn_upcall_pending, 1) == 0)
        inject(v);
    wake(v);
}

static void raise(struct hv_vcpu *v, unsigned word)
{
    uint64_t bit = UINT64_C(1) << word;

    if (!(weir_fetch_or64(&v->xen.info->evtchn_pending_sel, bit) & bit))
        hv_vcpu_upcall(v);
}

static struct hv_vcpu *vcpu_of(struct hv_vm *vm, evtchn_port_t port)
{
    const struct hv_port *p = hv_event_get(&vm->d->events, port);

    return &vm->vcpu[p && p->vcpu < vm->nvcpus ? p->vcpu : 0];
}

void hv_vm_deliver(struct hv_vm *vm, evtchn_port_t port)
{
    struct weir_shared_info *s = vm->xen_state.shared;
    uint64_t bit = UINT64_C(1) << port % 64;
    struct hv_vcpu *v = vcpu_of(vm, port);

    if (!s || !v->xen.info || port >= WEIR_EVTCHN_2L_CHANNELS)
        return;
    if (vm->xen && hv_kxen_deliver(vm, port, v->id))
        return;
    if (weir_fetch_or64(&s->evtchn_pending[port / 64], bit) & bit)
        return;
    if (!(weir_load_acquire64(&s->evtchn_mask[port / 64]) & bit))
        raise(v, port / 64);
    /* Any vCPU may poll for this port. */
    for (unsigned i = 0; i < vm->nvcpus; i++)
        wake(&vm->vcpu[i]);
}

void hv_vm_unmask(struct hv_vm *vm, evtchn_port_t port)
{
    struct weir_shared_info *s = vm->xen_state.shared;
    uint64_t bit = UINT64_C(1) << port % 64;
    struct hv_vcpu *v = vcpu_of(vm, port);

    if (!s || !v->xen.info)
        return;
    if (!(weir_fetch_and64(&s->evtchn_mask[port / 64], ~bit) & bit))
        return;
    if (weir_load_acquire64(&s->evtchn_pending[port / 64]) & bit)
        raise(v, port / 64);
}

bool hv_vcpu_pending(const struct hv_vcpu *v)
{
    struct hv_machine *m = v->vm->d->m;
    bool pending;

    pthread_mutex_lock(&m->lock);
    pending =
        v->xen.info && weir_load_acquire8(&v->xen.info->evtchn_upcall_pending);
    pthread_mutex_unlock(&m->lock);
    return pending;
}

/* ---- the domain's thread ------------------------------------------------ */

static void timer(struct hv_vm *vm, unsigned vcpu)
{
    struct hv_vcpu *v = &vm->vcpu[vcpu];
    uint64_t n;

    if (read(v->xen.timer_fd, &n, sizeof(n)) != sizeof(n))
        return; /* set anew meanwhile */
    pthread_mutex_lock(&vm->d->m->lock);
    if (v->xen.virq[WEIR_VIRQ_TIMER])
        hv_vm_deliver(v->vm, v->xen.virq[WEIR_VIRQ_TIMER]);
    pthread_mutex_unlock(&vm->d->m->lock);
}

static void incoming(struct hv_vm *vm, evtchn_port_t port)
{
    struct hv_domain *d = vm->d;
    const struct hv_port *p;
    uint64_t n;

    pthread_mutex_lock(&d->m->lock);
    p = hv_event_get(&d->events, port);
    if (p && p->pair && read(hv_port_wait_fd(p), &n, sizeof(n)) == sizeof(n))
        hv_vm_deliver(vm, port);
    pthread_mutex_unlock(&d->m->lock);
}

void hv_vm_events(struct hv_vm *vm)
{
    struct epoll_event e[TURN];
    int n = epoll_wait(vm->xen_state.epoll, e, TURN, 0);

    for (int i = 0; i < n; i++) {
        if (e[i].data.u64 & TIMER)
            timer(vm, (unsigned)(e[i].data.u64 & 0xFF));
        else
            incoming(vm, (evtchn_port_t)e[i].data.u64);
    }
}

/* ---- ports -------------------------------------------------------------- */

/* The port's descriptors, which stay open while ports is held. */
static bool ends(struct hv_vm *vm, evtchn_port_t port, int *wait, int *notify)
{
    const struct hv_port *p;
    bool has;

    pthread_mutex_lock(&vm->d->m->lock);
    p = hv_event_get(&vm->d->events, port);
    has = p && p->pair;
    *wait = has ? hv_port_wait_fd(p) : -1;
    *notify = has ? hv_port_notify_fd(p) : -1;
    pthread_mutex_unlock(&vm->d->m->lock);
    return has;
}

static int ioeventfd(struct hv_vm *vm, evtchn_port_t port, int fd, bool set)
{
    struct kvm_ioeventfd io = {
        .datamatch = port,
        .addr = HV_PORT_SEND,
        .len = 4,
        .fd = fd,
        .flags = KVM_IOEVENTFD_FLAG_PIO | KVM_IOEVENTFD_FLAG_DATAMATCH |
                 (set ? 0 : KVM_IOEVENTFD_FLAG_DEASSIGN),
    };

    return ioctl(vm->fd, KVM_IOEVENTFD, &io) < 0 ? -errno : 0;
}

static int watch(struct hv_vm *vm, evtchn_port_t port, int wait)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = port};

    if (vm->xen && hv_kxen_irqfd(vm, port, wait))
        return 0;
    return epoll_ctl(vm->xen_state.epoll, EPOLL_CTL_ADD, wait, &e) < 0 ? -errno
                                                                       : 0;
}

static void unwatch(struct hv_vm *vm, evtchn_port_t port, int wait)
{
    if (vm->xen)
        hv_kxen_irqfd_end(vm, port, wait);
    epoll_ctl(vm->xen_state.epoll, EPOLL_CTL_DEL, wait, NULL);
}

int hv_vm_watch_port(struct hv_vm *vm, evtchn_port_t port)
{
    int wait, notify, rc = 0;

    if (ends(vm, port, &wait, &notify))
        rc = watch(vm, port, wait);
    /* KVM takes only so many: the others' sends come to weir-hv, which does
     * the same. */
    if (rc == 0 && vm->xen)
        hv_kxen_open(vm, port);
    else if (rc == 0 && wait >= 0)
        ioeventfd(vm, port, notify, true);
    return rc;
}

void hv_vm_unwatch_port(struct hv_vm *vm, evtchn_port_t port)
{
    int wait, notify;

    if (vm->xen)
        hv_kxen_close(vm, port);
    if (!ends(vm, port, &wait, &notify))
        return;
    if (!vm->xen)
        ioeventfd(vm, port, notify, false);
    unwatch(vm, port, wait);
}

void hv_vm_watch_again(struct hv_vm *vm)
{
    int wait, notify;

    pthread_mutex_lock(&vm->xen_state.ports);
    for (evtchn_port_t p = 1; p < vm->d->events.size; p++) {
        if (weir_load_acquire32(&vm->stop))
            break;
        if (hv_kxen_has_irqfd(vm, p) || !ends(vm, p, &wait, &notify))
            continue;
        unwatch(vm, p, wait);
        watch(vm, p, wait);
    }
    pthread_mutex_unlock(&vm->xen_state.ports);
}

/* ---- birth and end ------------------------------------------------------ */

static int watch_all(struct hv_vm *vm)
{
    struct hv_events *ev = &vm->d->events;
    int rc = 0;

    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++) {
        struct epoll_event e = {.events = EPOLLIN, .data.u64 = TIMER | i};

        rc = hv_vcpu_timer_init(&vm->vcpu[i]);
        if (rc == 0 && epoll_ctl(vm->xen_state.epoll, EPOLL_CTL_ADD,
                                 vm->vcpu[i].xen.timer_fd, &e) < 0)
            rc = -errno;
    }
    for (evtchn_port_t p = 1; p < ev->size && rc == 0; p++)
        if (hv_event_get(ev, p))
            rc = hv_vm_watch_port(vm, p);
    return rc;
}

int hv_vm_xen_init(struct hv_vm *vm)
{
    struct hv_vm_xen *x = &vm->xen_state;
    struct hv_domain *d = vm->d;
    int rc;

    rc = hv_domain_special(d, HV_FRAME_TABLE, &x->shared_frame);
    if (rc < 0)
        return rc;
    x->shared = hv_memory_at(&d->m->mem, x->shared_frame);
    x->table_gfn = calloc(d->grants.max, sizeof(*x->table_gfn));
    x->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!x->table_gfn || x->epoll < 0)
        return -ENOMEM;
    if (pthread_mutex_init(&x->ports, NULL))
        return -ENOMEM;
    for (unsigned i = 0; i < vm->nvcpus; i++)
        vm->vcpu[i].xen.info = &x->shared->vcpu_info[i];
    if (vm->xen)
        rc = hv_kxen_init(vm);
    if (rc == 0)
        rc = watch_all(vm);
    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++)
        hv_vcpu_time_update(&vm->vcpu[i]);
    return rc;
}

void hv_vm_xen_fini(struct hv_vm *vm)
{
    struct hv_vm_xen *x = &vm->xen_state;
    struct hv_domain *d = vm->d;
    mfn_t held[HV_VCPUS_MAX];

    /* Other VMs may still send. */
    pthread_mutex_lock(&d->m->lock);
    x->shared = NULL;
    for (unsigned i = 0; i < HV_VCPUS_MAX; i++) {
        held[i] = vm->vcpu[i].xen.info_frame;
        vm->vcpu[i].xen.info = NULL;
        vm->vcpu[i].xen.info_frame = 0;
    }
    pthread_mutex_unlock(&d->m->lock);
    for (unsigned i = 0; i < HV_VCPUS_MAX; i++) {
        if (held[i])
            hv_vm_unhold(vm, held[i]);
        if (vm->vcpu[i].xen.timer_fd >= 0)
            close(vm->vcpu[i].xen.timer_fd);
        vm->vcpu[i].xen.timer_fd = -1;
    }
    if (vm->xen)
        hv_kxen_fini(vm);
    if (x->epoll >= 0)
        close(x->epoll);
    x->epoll = -1;
    free(x->table_gfn);
    x->table_gfn = NULL;
}

static void offer_again(struct hv_vcpu *v)
{
    struct hv_machine *m = v->vm->d->m;

    pthread_mutex_lock(&m->lock);
    weir_store_relaxed32(&v->xen.owed, 0);
    if (v->xen.info && weir_load_acquire8(&v->xen.info->evtchn_upcall_pending))
        inject(v);
    pthread_mutex_unlock(&m->lock);
}

void hv_vcpu_xen_enter(struct hv_vcpu *v)
{
    if (weir_load_relaxed32(&v->xen.todo))
        hv_kxen_enter(v);
    if (weir_load_relaxed32(&v->xen.owed))
        offer_again(v);
}
