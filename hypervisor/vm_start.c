/* SPDX-License-Identifier: MIT
 *
 * The registers that a vCPU starts with.
 */
#include "hypervisor/vm.h"

#include "ring/barrier.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

void hv_vcpu_flat(struct hv_vcpu_boot *b, uint32_t entry, uint32_t ebx)
{
    struct kvm_segment code = {
        .limit = UINT32_MAX,
        .selector = 8,
        .type = 0xb,
        .present = 1,
        .s = 1,
        .db = 1,
        .g = 1,
    };
    struct kvm_segment data = code, task = {.limit = 0x67, .type = 0xb};

    memset(b, 0, sizeof(*b));
    data.selector = 16;
    data.type = 3;
    task.present = 1;
    b->sregs.cs = code;
    b->sregs.ds = b->sregs.es = b->sregs.fs = b->sregs.gs = b->sregs.ss = data;
    b->sregs.tr = task;
    b->sregs.ldt.type = 2;
    b->sregs.ldt.unusable = 1;
    b->sregs.cr0 = 0x11; /* PE, ET */
    b->regs.rip = entry;
    b->regs.rbx = ebx;
    b->regs.rflags = 2;
}

static int set_registers(struct hv_vcpu *v, struct hv_vcpu_boot *b)
{
    struct kvm_mp_state mp = {.mp_state = KVM_MP_STATE_RUNNABLE};
    struct kvm_sregs now;

    if (ioctl(v->fd, KVM_GET_SREGS, &now) < 0)
        return -errno;
    b->sregs.apic_base = now.apic_base;
    memset(b->sregs.interrupt_bitmap, 0, sizeof(b->sregs.interrupt_bitmap));
    if (ioctl(v->fd, KVM_SET_SREGS, &b->sregs) < 0 ||
        ioctl(v->fd, KVM_SET_REGS, &b->regs) < 0 ||
        ioctl(v->fd, KVM_SET_MP_STATE, &mp) < 0)
        return -errno;
    return 0;
}

int hv_vcpu_init(struct hv_vcpu *v, const struct hv_vcpu_boot *how)
{
    int rc = 0;

    pthread_mutex_lock(&v->vm->lock);
    if (weir_load_relaxed32(&v->state) == HV_VCPU_UP || v->up)
        rc = -EEXIST;
    else if (!(v->up = malloc(sizeof(*v->up))))
        rc = -ENOMEM;
    if (rc == 0) {
        *v->up = *how;
        v->up->go = false;
    }
    pthread_mutex_unlock(&v->vm->lock);
    return rc;
}

int hv_vcpu_up(struct hv_vcpu *v)
{
    int rc = 0;

    pthread_mutex_lock(&v->vm->lock);
    if (v->up)
        v->up->go = true;
    else if (weir_load_relaxed32(&v->state) != HV_VCPU_UP)
        rc = -EINVAL;
    pthread_mutex_unlock(&v->vm->lock);
    if (rc == 0)
        hv_vcpu_kick(v);
    return rc;
}

/* Own thread: take registers that somebody left for this vCPU. */
void hv_vcpu_look(struct hv_vcpu *v)
{
    struct hv_vcpu_boot *b = NULL;

    if (weir_load_relaxed32(&v->state) == HV_VCPU_UP)
        return;
    pthread_mutex_lock(&v->vm->lock);
    if (v->up && v->up->go) {
        b = v->up;
        v->up = NULL;
        weir_store_relaxed32(&v->state, HV_VCPU_UP);
    }
    pthread_mutex_unlock(&v->vm->lock);
    if (b && set_registers(v, b) < 0)
        hv_vm_crash(v->vm, "vCPU %u can't start with the registers given",
                    v->id);
    free(b);
}

void hv_vcpu_first(struct hv_vcpu *v)
{
    struct hv_vcpu_boot b;

    hv_vcpu_flat(&b, v->vm->entry, v->vm->start_info);
    v->seen_rip = v->vm->entry;
    if (set_registers(v, &b) < 0)
        hv_vm_crash(v->vm, "vCPU 0 can't start (error %d)", errno);
    weir_store_relaxed32(&v->state, HV_VCPU_UP);
}
