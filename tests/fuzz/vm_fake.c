/* SPDX-License-Identifier: MIT */
#include "tests/fuzz/vm_fake.h"

#include "tests/fuzz/hv_fake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

struct vm_fake vm_fake;

#define RUN_SIZE 12288
/* Linear addresses from here on are translated to nothing. */
#define NOTHING (UINT64_C(1) << 40)

static int new_file(size_t size)
{
    int fd = memfd_create("fake", MFD_CLOEXEC);

    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        abort();
    return fd;
}

static int answer(int rc)
{
    if (rc >= 0)
        return rc;
    errno = -rc;
    return -1;
}

static int extension(unsigned long cap)
{
    if (cap != KVM_CAP_XEN_HVM)
        return 0;
    return vm_fake.xen ? 0x3f : 0;
}

static int attr(const struct kvm_xen_hvm_attr *a)
{
    if (a->type == KVM_XEN_ATTR_TYPE_SHARED_INFO)
        vm_fake.shared_gfn = a->u.shared_info.gfn;
    if (a->type == KVM_XEN_ATTR_TYPE_EVTCHN) {
        if (vm_fake.refuse)
            return -EINVAL;
        if (a->u.evtchn.flags == KVM_XEN_EVTCHN_DEASSIGN)
            vm_fake.assigned--;
        else
            vm_fake.assigned++;
    }
    return 0;
}

static int send(const struct kvm_irq_routing_xen_evtchn *e)
{
    vm_fake.sends++;
    vm_fake.send_port = e->port;
    vm_fake.send_vcpu = e->vcpu;
    return 0;
}

static int msi(const struct kvm_msi *m)
{
    vm_fake.msis++;
    vm_fake.vcpu = m->address_lo >> 12 & 0xff;
    vm_fake.vector = m->data;
    return 1;
}

static int count(unsigned *what, uint32_t flags, uint32_t deassign)
{
    if (!(flags & deassign) && vm_fake.refuse)
        return -ENOSPC;
    *what += flags & deassign ? -1u : 1;
    return 0;
}

static int translate(struct kvm_translation *t)
{
    t->valid = t->linear_address < NOTHING;
    t->physical_address = t->linear_address;
    return 0;
}

static int msrs(struct kvm_msrs *m)
{
    m->entries[0].data = 1000;
    return 1;
}

/* Calls that may take a while. */
static int slow(unsigned long request, void *arg)
{
    struct kvm_ioeventfd *io = arg;
    struct kvm_irqfd *irq = arg;

    fake_unlocked();
    switch (request) {
    case KVM_CREATE_VM:
        return new_file(4096);
    case KVM_CREATE_VCPU:
        return new_file(RUN_SIZE);
    case KVM_GET_VCPU_MMAP_SIZE:
        return RUN_SIZE;
    case KVM_GET_TSC_KHZ:
        return 2000000;
    case KVM_GET_MSRS:
        return msrs(arg);
    case KVM_TRANSLATE:
        return translate(arg);
    case KVM_IOEVENTFD:
        return count(&vm_fake.ioeventfds, io->flags,
                     KVM_IOEVENTFD_FLAG_DEASSIGN);
    case KVM_IRQFD:
        return count(&vm_fake.irqfds, irq->flags, KVM_IRQFD_FLAG_DEASSIGN);
    case KVM_SET_GSI_ROUTING:
        if (vm_fake.refuse)
            return -EINVAL;
        vm_fake.routes = ((struct kvm_irq_routing *)arg)->nr;
        return 0;
    case KVM_SET_MP_STATE:
        vm_fake.halted++;
        return 0;
    case KVM_XEN_HVM_SET_ATTR:
        return attr(arg);
    default:
        return 0;
    }
}

static int kvm(unsigned long request, void *arg)
{
    switch (request) {
    case KVM_SIGNAL_MSI: /* these wait for nobody */
        return msi(arg);
    case KVM_XEN_HVM_EVTCHN_SEND:
        return send(arg);
    case KVM_CHECK_EXTENSION:
        return extension((unsigned long)(uintptr_t)arg);
    default:
        return slow(request, arg);
    }
}

int ioctl(int fd, unsigned long request, ...)
{
    va_list ap;
    void *arg;

    va_start(ap, request);
    arg = va_arg(ap, void *);
    va_end(ap);
    if (_IOC_TYPE(request) != KVMIO)
        return (int)syscall(SYS_ioctl, fd, request, arg);
    return answer(kvm(request, arg));
}

struct hv_vm *vm_fake_new(domid_t domid, unsigned vcpus)
{
    struct weir_hv_create how = {
        .name = "fake",
        .kind = WEIR_DOM_VM,
        .max_frames = VM_FAKE_RAM + 8,
        .max_grants = 3,
        .max_ports = 12,
        .max_maps = 24,
        .has_store = true,
        .store_domid = 1,
        .vcpus = vcpus,
        .ram = VM_FAKE_RAM,
    };
    struct hv_machine *m = fake_machine();
    struct hv_domain *d;

    m->kvm = 0;
    m->max_vmas = 4096;
    if (hv_domain_build(m, &how, domid, &d) < 0)
        abort();
    while (d->vm->populated < d->vm->ram_pages)
        if (!hv_vm_turn(d->vm))
            abort();
    m->dom[domid] = d;
    m->ndomains++;
    return d->vm;
}

void vm_fake_end(struct hv_vm *vm)
{
    vm->d->destroy = true;
    hv_vm_end(vm);
    hv_domain_drop(vm->d);
    hv_domain_give_back(vm->d, true);
}

uint8_t *vm_fake_at(struct hv_vm *vm, uint64_t gpa)
{
    mfn_t frame = hv_vm_own_frame(vm, gpa >> WEIR_PAGE_SHIFT);

    if (!frame)
        abort();
    return (uint8_t *)hv_memory_at(&vm->d->m->mem, frame) +
           gpa % WEIR_PAGE_SIZE;
}

/* The page at gfn is this frame: what changes there changes here. */
static void check_page(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry e)
{
    volatile uint8_t *frame = hv_memory_at(&vm->d->m->mem, e.frame);
    volatile uint8_t *page = vm->base + (gfn << WEIR_PAGE_SHIFT);
    uint8_t was = *frame;

    *frame = was ^ 0x5a;
    if (*page != (was ^ 0x5a))
        abort();
    *frame = was;
    if (*page != was)
        abort();
}

static void check_foreign(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry e)
{
    const struct hv_handle *h = hv_track_get(&vm->d->track, e.handle);

    if (!h || h->gfn != gfn || h->frame != e.frame || h->readonly != e.readonly)
        abort();
    if (hv_frames_get(&vm->d->m->frames, e.frame)->maps == 0)
        abort();
}

void vm_fake_check(struct hv_vm *vm)
{
    uint32_t foreign = 0;

    fake_unlocked();
    if (pthread_mutex_trylock(&vm->lock) ||
        pthread_mutex_trylock(&vm->xen_state.ports))
        abort();
    for (uint64_t gfn = 0; gfn < vm->gfns; gfn++) {
        struct hv_p2m_entry e = {0};

        if (!vm->p2m[gfn / 512])
            gfn |= 511;
        else
            e = hv_p2m_get(vm, gfn);
        if (e.type == HV_P2M_HOLE)
            continue;
        check_page(vm, gfn, e);
        if (e.type == HV_P2M_FOREIGN) {
            check_foreign(vm, gfn, e);
            foreign++;
        }
    }
    if (foreign != vm->d->track.used)
        abort();
    pthread_mutex_unlock(&vm->xen_state.ports);
    pthread_mutex_unlock(&vm->lock);
}
