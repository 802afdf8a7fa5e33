/* SPDX-License-Identifier: MIT */
#include "hypervisor/vm_kxen.h"

#include "hypervisor/vm_call.h"
#include "ring/barrier.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/ioctl.h>

#define PRIORITY KVM_IRQ_ROUTING_XEN_EVTCHN_PRIO_2LEVEL
#define NOWHERE  UINT64_MAX /* KVM's "no address" */
/* Interrupt numbers: KVM's own pins come first, then a number a port. */
#define PINS      24u
#define PIC_PINS  16u
#define GSI(port) (64 + (port))

/* All routes of the VM: KVM takes only the whole table. */
struct hv_kxen {
    struct kvm_irq_routing *table;
    uint32_t room; /* entries */
};

static int vm_attr(struct hv_vm *vm, struct kvm_xen_hvm_attr *a)
{
    return ioctl(vm->fd, KVM_XEN_HVM_SET_ATTR, a) < 0 ? -errno : 0;
}

static int vcpu_attr(struct hv_vcpu *v, struct kvm_xen_vcpu_attr *a)
{
    return ioctl(v->fd, KVM_XEN_VCPU_SET_ATTR, a) < 0 ? -errno : 0;
}

/* ---- routes ------------------------------------------------------------- */

static void add_pin(struct kvm_irq_routing *t, uint32_t gsi, uint32_t chip,
                    uint32_t pin)
{
    t->entries[t->nr++] = (struct kvm_irq_routing_entry){
        .gsi = gsi,
        .type = KVM_IRQ_ROUTING_IRQCHIP,
        .u.irqchip = {.irqchip = chip, .pin = pin},
    };
}

static int new_routes(struct hv_kxen *k, uint32_t ports)
{
    k->room = PINS + PIC_PINS + ports;
    if (k->room > 4096)
        k->room = 4096; /* KVM's limit: the rest is watched by weir-hv */
    k->table =
        calloc(1, sizeof(*k->table) + k->room * sizeof(k->table->entries[0]));
    if (!k->table)
        return -ENOMEM;
    for (uint32_t i = 0; i < PINS; i++)
        add_pin(k->table, i, KVM_IRQCHIP_IOAPIC, i);
    for (uint32_t i = 0; i < PIC_PINS; i++)
        add_pin(k->table, i,
                i < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, i % 8);
    return 0;
}

static int set_routes(struct hv_vm *vm)
{
    return ioctl(vm->fd, KVM_SET_GSI_ROUTING, vm->xen_state.kxen->table) < 0
               ? -errno
               : 0;
}

static struct kvm_irq_routing_entry *route_of(struct hv_vm *vm,
                                              evtchn_port_t port)
{
    struct kvm_irq_routing *t = vm->xen_state.kxen->table;

    for (uint32_t i = PINS + PIC_PINS; i < t->nr; i++)
        if (t->entries[i].gsi == GSI(port))
            return &t->entries[i];
    return NULL;
}

static void drop_route(struct hv_vm *vm, evtchn_port_t port)
{
    struct kvm_irq_routing *t = vm->xen_state.kxen->table;
    struct kvm_irq_routing_entry *e = route_of(vm, port);

    if (!e)
        return;
    *e = t->entries[--t->nr];
    set_routes(vm);
}

static int irqfd(struct hv_vm *vm, evtchn_port_t port, int fd, bool set)
{
    struct kvm_irqfd i = {
        .fd = (uint32_t)fd,
        .gsi = GSI(port),
        .flags = set ? 0 : KVM_IRQFD_FLAG_DEASSIGN,
    };

    return ioctl(vm->fd, KVM_IRQFD, &i) < 0 ? -errno : 0;
}

/* With ports held nobody else changes which vCPU a port has, or its kind. */
static struct hv_port port_of(struct hv_vm *vm, evtchn_port_t port)
{
    struct hv_port p = {.state = HV_PORT_FREE};
    const struct hv_port *open;

    pthread_mutex_lock(&vm->d->m->lock);
    open = hv_event_get(&vm->d->events, port);
    if (open)
        p = *open;
    pthread_mutex_unlock(&vm->d->m->lock);
    return p;
}

bool hv_kxen_has_irqfd(struct hv_vm *vm, evtchn_port_t port)
{
    return route_of(vm, port) != NULL;
}

bool hv_kxen_irqfd(struct hv_vm *vm, evtchn_port_t port, int wait)
{
    struct hv_kxen *k = vm->xen_state.kxen;
    struct kvm_irq_routing *t = k->table;

    if (!weir_load_acquire64(&vm->xen_state.shared_gfn) || t->nr == k->room)
        return false;
    t->entries[t->nr++] = (struct kvm_irq_routing_entry){
        .gsi = GSI(port),
        .type = KVM_IRQ_ROUTING_XEN_EVTCHN,
        .u.xen_evtchn = {.port = port,
                         .vcpu = port_of(vm, port).vcpu,
                         .priority = PRIORITY},
    };
    if (set_routes(vm) == 0 && irqfd(vm, port, wait, true) == 0)
        return true;
    drop_route(vm, port);
    return false;
}

void hv_kxen_irqfd_end(struct hv_vm *vm, evtchn_port_t port, int wait)
{
    if (!route_of(vm, port))
        return;
    irqfd(vm, port, wait, false);
    drop_route(vm, port);
}

/* ---- sends -------------------------------------------------------------- */

static int assign(struct hv_vm *vm, evtchn_port_t port, uint32_t flags)
{
    struct hv_port p = port_of(vm, port);
    struct kvm_xen_hvm_attr a = {.type = KVM_XEN_ATTR_TYPE_EVTCHN};

    a.u.evtchn.send_port = port;
    a.u.evtchn.flags = flags;
    if (p.state == HV_PORT_IPI) {
        a.u.evtchn.type = WEIR_EVTCHNSTAT_IPI;
        a.u.evtchn.deliver.port.port = port;
        a.u.evtchn.deliver.port.vcpu = p.vcpu;
        a.u.evtchn.deliver.port.priority = PRIORITY;
    } else if (p.pair) {
        a.u.evtchn.type = WEIR_EVTCHNSTAT_INTERDOMAIN;
        a.u.evtchn.deliver.eventfd.fd = hv_port_notify_fd(&p);
    } else {
        return 0; /* nothing can be sent there */
    }
    return vm_attr(vm, &a);
}

int hv_kxen_open(struct hv_vm *vm, evtchn_port_t port)
{
    return assign(vm, port, 0);
}

void hv_kxen_close(struct hv_vm *vm, evtchn_port_t port)
{
    assign(vm, port, KVM_XEN_EVTCHN_DEASSIGN);
}

int hv_kxen_moved(struct hv_vm *vm, evtchn_port_t port)
{
    struct kvm_irq_routing_entry *e = route_of(vm, port);

    if (!e)
        return 0; /* weir-hv delivers it, to where it is now */
    e->u.xen_evtchn.vcpu = port_of(vm, port).vcpu;
    return set_routes(vm);
}

/* ---- the domain --------------------------------------------------------- */

bool hv_kxen_deliver(struct hv_vm *vm, evtchn_port_t port, unsigned vcpu)
{
    struct kvm_irq_routing_xen_evtchn e = {port, vcpu, PRIORITY};

    return weir_load_acquire64(&vm->xen_state.shared_gfn) &&
           ioctl(vm->fd, KVM_XEN_HVM_EVTCHN_SEND, &e) == 0;
}

int hv_kxen_shared_info(struct hv_vm *vm, uint64_t gfn)
{
    struct kvm_xen_hvm_attr mode = {.type = KVM_XEN_ATTR_TYPE_LONG_MODE};
    struct kvm_xen_hvm_attr info = {.type = KVM_XEN_ATTR_TYPE_SHARED_INFO};
    int rc;

    mode.u.long_mode = 1;
    info.u.shared_info.gfn = gfn;
    rc = vm_attr(vm, &mode);
    if (rc == 0)
        rc = vm_attr(vm, &info);
    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++)
        hv_kxen_todo(&vm->vcpu[i], HV_TODO_INFO);
    return rc;
}

int hv_kxen_callback(struct hv_vm *vm, uint64_t callback)
{
    struct kvm_xen_hvm_attr a = {.type = KVM_XEN_ATTR_TYPE_UPCALL_VECTOR};

    if (callback >> 56 == WEIR_HVM_CALLBACK_TYPE_VECTOR)
        a.u.vector = (uint8_t)callback;
    if (a.u.vector < 16)
        a.u.vector = 0;
    return vm_attr(vm, &a);
}

int hv_kxen_init(struct hv_vm *vm)
{
    struct kvm_xen_hvm_config c = {
        .flags =
            KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND,
        .msr = WEIR_XEN_HYPERCALL_MSR,
    };
    struct kvm_xen_hvm_attr mode = {.type = KVM_XEN_ATTR_TYPE_LONG_MODE};
    int rc;

    vm->xen_state.kxen = calloc(1, sizeof(*vm->xen_state.kxen));
    if (!vm->xen_state.kxen)
        return -ENOMEM;
    rc = new_routes(vm->xen_state.kxen, vm->d->events.max);
    if (rc == 0 && ioctl(vm->fd, KVM_XEN_HVM_CONFIG, &c) < 0)
        rc = -errno;
    mode.u.long_mode = 1;
    if (rc == 0)
        rc = vm_attr(vm, &mode);
    for (unsigned i = 0; i < vm->nvcpus; i++)
        weir_fetch_or32(&vm->vcpu[i].xen.todo, HV_TODO_ID);
    return rc;
}

void hv_kxen_fini(struct hv_vm *vm)
{
    if (vm->xen_state.kxen)
        free(vm->xen_state.kxen->table);
    free(vm->xen_state.kxen);
    vm->xen_state.kxen = NULL;
}

/* ---- one vCPU ----------------------------------------------------------- */

void hv_kxen_todo(struct hv_vcpu *v, uint32_t what)
{
    weir_fetch_or32(&v->xen.todo, what);
    hv_vcpu_kick(v);
}

/* KVM wrote to the old place until now: let the guest look everywhere. */
static int place_info(struct hv_vcpu *v)
{
    struct kvm_xen_vcpu_attr a = {.type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_INFO};
    struct hv_machine *m = v->vm->d->m;
    uint64_t shared = weir_load_acquire64(&v->vm->xen_state.shared_gfn);
    int rc;

    pthread_mutex_lock(&m->lock);
    a.u.gpa = v->xen.info_gpa;
    pthread_mutex_unlock(&m->lock);
    if (!a.u.gpa && shared)
        a.u.gpa =
            (shared << WEIR_PAGE_SHIFT) + v->id * sizeof(struct weir_vcpu_info);
    if (!a.u.gpa)
        return 0;
    rc = vcpu_attr(v, &a);
    pthread_mutex_lock(&m->lock);
    if (rc == 0 && v->xen.info) {
        weir_store_relaxed64(&v->xen.info->evtchn_pending_sel, UINT64_MAX);
        weir_xchg8(&v->xen.info->evtchn_upcall_pending, 0);
        hv_vcpu_upcall(v);
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static int set_timer(struct hv_vcpu *v, uint64_t when_ns)
{
    struct kvm_xen_vcpu_attr a = {.type = KVM_XEN_VCPU_ATTR_TYPE_TIMER};

    pthread_mutex_lock(&v->vm->d->m->lock);
    a.u.timer.port = v->xen.virq[WEIR_VIRQ_TIMER];
    pthread_mutex_unlock(&v->vm->d->m->lock);
    a.u.timer.priority = PRIORITY;
    a.u.timer.expires_ns = when_ns;
    return vcpu_attr(v, &a);
}

void hv_kxen_enter(struct hv_vcpu *v)
{
    uint32_t todo = weir_xchg32(&v->xen.todo, 0);
    int rc = 0;

    if (todo & HV_TODO_ID) {
        struct kvm_xen_vcpu_attr a = {.type = KVM_XEN_VCPU_ATTR_TYPE_VCPU_ID};

        a.u.vcpu_id = v->id;
        rc = vcpu_attr(v, &a);
    }
    if (rc == 0 && (todo & HV_TODO_VECTOR)) {
        struct kvm_xen_vcpu_attr a = {.type =
                                          KVM_XEN_VCPU_ATTR_TYPE_UPCALL_VECTOR};

        a.u.vector = (uint8_t)weir_load_relaxed32(&v->xen.upcall_vector);
        rc = vcpu_attr(v, &a);
    }
    /* After the vector, which it may use. */
    if (rc == 0 && (todo & (HV_TODO_INFO | HV_TODO_VECTOR)))
        rc = place_info(v);
    if (rc == 0 && (todo & HV_TODO_TIMER))
        rc = set_timer(v, 0);
    if (rc < 0)
        hv_vm_crash(v->vm, "vCPU %u: KVM refuses its Xen state (error %d)",
                    v->id, -rc);
}

int hv_kxen_time_area(struct hv_vcpu *v, uint64_t gpa)
{
    struct kvm_xen_vcpu_attr a = {.type =
                                      KVM_XEN_VCPU_ATTR_TYPE_VCPU_TIME_INFO};

    a.u.gpa = gpa ? gpa : NOWHERE;
    return vcpu_attr(v, &a);
}

int hv_kxen_runstate_area(struct hv_vcpu *v, uint64_t gpa)
{
    struct kvm_xen_vcpu_attr a = {.type = KVM_XEN_VCPU_ATTR_TYPE_RUNSTATE_ADDR};

    a.u.gpa = gpa ? gpa : NOWHERE;
    return vcpu_attr(v, &a);
}

/* KVM answers these calls itself, but those that come by the port. */
void hv_kxen_timer(struct hv_vcpu *v, uint64_t when_ns)
{
    set_timer(v, when_ns);
}
