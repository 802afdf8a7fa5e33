/* SPDX-License-Identifier: MIT
 *
 * Making a VM domain: KVM's machine and vCPUs, memory, rings.
 */
#include "hypervisor/vm.h"

#include "hypervisor/vm_map.h"
#include "ring/hypercall_abi.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

/* What KVM's Xen support must do to be used. */
#define MODE_K                                                                 \
    (KVM_XEN_HVM_CONFIG_HYPERCALL_MSR | KVM_XEN_HVM_CONFIG_INTERCEPT_HCALL |   \
     KVM_XEN_HVM_CONFIG_SHARED_INFO | KVM_XEN_HVM_CONFIG_RUNSTATE |            \
     KVM_XEN_HVM_CONFIG_EVTCHN_2LEVEL | KVM_XEN_HVM_CONFIG_EVTCHN_SEND)
/* Intel's real mode needs four pages nobody else uses: below 4 GiB's end. */
#define KVM_IDENTITY 0xFFFBC000u
#define KVM_TSS      0xFFFBD000u

/* The hypercall MSR comes to weir-hv, whatever KVM would make of it. */
static int catch_msr(struct hv_vm *vm)
{
    static uint8_t none[8];
    struct kvm_msr_filter f = {
        .ranges[0] = {.flags = KVM_MSR_FILTER_READ | KVM_MSR_FILTER_WRITE,
                      .base = WEIR_XEN_HYPERCALL_MSR,
                      .nmsrs = 1,
                      .bitmap = none},
    };
    struct kvm_enable_cap cap = {.cap = KVM_CAP_X86_USER_SPACE_MSR,
                                 .args[0] = KVM_MSR_EXIT_REASON_FILTER};

    if (vm->xen)
        return 0;
    if (ioctl(vm->fd, KVM_ENABLE_CAP, &cap) < 0 ||
        ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, &f) < 0)
        return -errno;
    return 0;
}

static int new_machine(struct hv_vm *vm)
{
    uint64_t identity = KVM_IDENTITY;
    struct kvm_pit_config pit = {0};
    int kvm = vm->d->m->kvm, flags;

    vm->fd = ioctl(kvm, KVM_CREATE_VM, 0);
    if (vm->fd < 0)
        return -errno;
    flags = ioctl(vm->fd, KVM_CHECK_EXTENSION, KVM_CAP_XEN_HVM);
    vm->xen = flags > 0 && (flags & MODE_K) == MODE_K;
    if (ioctl(vm->fd, KVM_SET_IDENTITY_MAP_ADDR, &identity) < 0 ||
        ioctl(vm->fd, KVM_SET_TSS_ADDR, KVM_TSS) < 0 ||
        ioctl(vm->fd, KVM_CREATE_IRQCHIP, 0) < 0 ||
        ioctl(vm->fd, KVM_CREATE_PIT2, &pit) < 0)
        return -errno;
    return catch_msr(vm);
}

static int new_vcpu(struct hv_vm *vm, struct hv_vcpu *v)
{
    int size = ioctl(vm->d->m->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

    v->fd = ioctl(vm->fd, KVM_CREATE_VCPU, v->id);
    v->wake = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (v->fd < 0 || v->wake < 0)
        return -errno;
    if (size < (int)sizeof(*v->run))
        return -EPROTO;
    v->run =
        mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
    if (v->run == MAP_FAILED) {
        v->run = NULL;
        return -errno;
    }
    /* One ioctl more for a call costs more than all of these with each exit. */
    v->run->kvm_valid_regs = KVM_SYNC_X86_REGS | KVM_SYNC_X86_SREGS;
    return hv_vcpu_cpuid(v);
}

/* Console and store ring, found by the guest through HVM_PARAM_*. */
static int put_rings(struct hv_vm *vm)
{
    struct hv_domain *d = vm->d;
    struct hv_p2m_entry e = {.type = HV_P2M_SPECIAL};
    int rc;

    e.frame = (uint32_t)d->console_frame;
    rc = hv_vm_put(vm, WEIR_VM_PFN_CONSOLE, e);
    e.frame = (uint32_t)d->store;
    if (rc == 0 && d->store)
        rc = hv_vm_put(vm, WEIR_VM_PFN_STORE, e);
    return rc;
}

static int furnish(struct hv_vm *vm)
{
    int rc = new_machine(vm);

    if (rc == 0)
        rc = hv_vm_mem_init(vm);
    for (unsigned i = 0; i < vm->nvcpus && rc == 0; i++)
        rc = new_vcpu(vm, &vm->vcpu[i]);
    pthread_mutex_lock(&vm->lock);
    if (rc == 0)
        rc = put_rings(vm);
    pthread_mutex_unlock(&vm->lock);
    return rc == 0 ? hv_vm_xen_init(vm) : rc;
}

static void nothing(int sig)
{
    (void)sig;
}

int hv_vm_new(struct hv_domain *d, const struct weir_hv_create *how)
{
    const struct sigaction kick = {.sa_handler = nothing};
    struct hv_vm *vm;

    if (d->m->kvm < 0)
        return -ENODEV;
    sigaction(SIGUSR1, &kick, NULL);
    vm = calloc(1, sizeof(*vm));
    if (!vm)
        return -ENOMEM;
    vm->d = d;
    vm->fd = vm->xen_state.epoll = -1;
    vm->ram_pages = how->ram;
    vm->nvcpus = how->vcpus;
    for (unsigned i = 0; i < HV_VCPUS_MAX; i++) {
        struct hv_vcpu *v = &vm->vcpu[i];

        v->vm = vm;
        v->id = i;
        v->fd = v->wake = v->xen.timer_fd = -1;
    }
    if (pthread_mutex_init(&vm->lock, NULL)) {
        free(vm);
        return -ENOMEM;
    }
    /* From here on hv_domain_unmake takes it back. */
    d->vm = vm;
    d->grants.vm = vm;
    d->grants.translate = hv_vm_own_frame;
    return furnish(vm);
}
