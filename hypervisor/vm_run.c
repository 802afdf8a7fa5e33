/* SPDX-License-Identifier: MIT
 *
 * A vCPU's thread: runs the guest and answers its exits.  Whatever a guest
 * does ends here, at worst with its own crash.
 */
#include "hypervisor/vm.h"

#include "hypervisor/vm_map.h"
#include "ring/barrier.h"
#include "ring/error.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Linux 6.8; newer than Debian 12's headers: flags, address, size follow. */
#define EXIT_MEMORY_FAULT 39
#define EFER_LMA          (1u << 10)
#define RFLAGS_VM         (1u << 17)
#define RESET_RIP         0xfff0

static struct kvm_regs *regs_of(struct hv_vcpu *v)
{
    return &v->run->s.regs.regs;
}

static unsigned long long rip(struct hv_vcpu *v)
{
    return regs_of(v)->rip;
}

/* ---- hypercalls --------------------------------------------------------- */

static unsigned privilege(struct hv_vcpu *v)
{
    const struct kvm_sregs *s = &v->run->s.regs.sregs;

    if (!(s->cr0 & 1))
        return 0;
    return regs_of(v)->rflags & RFLAGS_VM ? 3 : s->ss.dpl;
}

/* 64-bit callers only: others have other structs. */
static int64_t call(struct hv_vcpu *v, bool wide, unsigned cpl, uint64_t nr,
                    const uint64_t a[5])
{
    weir_count64(&v->calls, 1);
    if (cpl != 0)
        return -WEIR_EPERM;
    return wide ? hv_vmcall(v, nr, a) : -WEIR_ENOSYS;
}

static void port_call(struct hv_vcpu *v)
{
    const struct kvm_sregs *s = &v->run->s.regs.sregs;
    struct kvm_regs *r = regs_of(v);
    bool wide = (s->efer & EFER_LMA) && s->cs.l;
    const uint64_t a[5] = {r->rdi, r->rsi, r->rdx, r->r10, r->r8};
    int64_t result = call(v, wide, privilege(v), r->rax, a);

    r->rax = wide ? (uint64_t)result : (uint32_t)result;
    v->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

/* eax keeps the port unless something is wrong (vm.h). */
static void port_send(struct hv_vcpu *v, uint32_t port)
{
    int rc = privilege(v) ? -WEIR_EPERM : hv_vm_send(v, port);

    weir_count64(&v->calls, 1);
    regs_of(v)->rax = port + (uint32_t)rc;
    v->run->kvm_dirty_regs |= KVM_SYNC_X86_REGS;
}

static void xen_call(struct hv_vcpu *v)
{
    struct kvm_xen_exit *x = &v->run->xen;
    uint64_t a[5];

    memcpy(a, x->u.hcall.params, sizeof(a));
    x->u.hcall.result = (uint64_t)call(v, x->u.hcall.longmode, x->u.hcall.cpl,
                                       x->u.hcall.input, a);
}

/* ---- ports and memory that are not there -------------------------------- */

static void refused(struct hv_vcpu *v)
{
    weir_count64(&v->refused, 1);
}

static void byte_out(struct hv_vcpu *v, uint16_t port, uint8_t byte)
{
    if (port == WEIR_VM_PORT_SLEEP && byte == WEIR_VM_SLEEP_S5)
        hv_vm_shutdown(v->vm, WEIR_SHUTDOWN_POWEROFF);
    else if (port == WEIR_VM_PORT_RESET && byte == WEIR_VM_RESET_VALUE)
        hv_vm_shutdown(v->vm, WEIR_SHUTDOWN_REBOOT);
    else if (port < WEIR_VM_PORT_SLEEP || port > WEIR_VM_PORT_RESET)
        refused(v);
}

static void port_out(struct hv_vcpu *v, const uint8_t *data, size_t len)
{
    const uint16_t port = v->run->io.port;
    uint32_t value;

    if (port == HV_PORT_DEBUG && v->run->io.size == 1) {
        hv_console_write(&v->vm->d->console, data, len);
        hv_domain_wake(v->vm->d);
    } else if (len == 4 && v->run->io.size == 4) {
        memcpy(&value, data, sizeof(value));
        if (port == HV_PORT_CALL)
            port_call(v);
        else if (port == HV_PORT_SEND)
            port_send(v, value);
        else
            refused(v);
    } else if (v->run->io.size == 1) {
        byte_out(v, port, data[0]);
    } else {
        refused(v);
    }
}

static void port_io(struct hv_vcpu *v)
{
    uint8_t *data = (uint8_t *)v->run + v->run->io.data_offset;
    size_t len = (size_t)v->run->io.size * v->run->io.count;

    if (v->run->io.direction == KVM_EXIT_IO_OUT) {
        port_out(v, data, len);
        return;
    }
    if (v->run->io.port == WEIR_VM_PORT_SLEEP_STATUS) {
        memset(data, 0, len);
    } else {
        memset(data, 0xff, len);
        refused(v);
    }
}

static void wrote_hole(struct hv_vcpu *v, unsigned long long gpa)
{
    hv_vm_crash(v->vm,
                "vCPU %u wrote at rip 0x%llx to guest page 0x%llx, where there "
                "is no page or a read-only one",
                v->id, rip(v), gpa >> WEIR_PAGE_SHIFT);
}

static void mmio(struct hv_vcpu *v)
{
    uint64_t gpa = v->run->mmio.phys_addr;
    bool slot;

    refused(v);
    if (!v->run->mmio.is_write) {
        memset(v->run->mmio.data, 0xff, sizeof(v->run->mmio.data));
        return;
    }
    pthread_mutex_lock(&v->vm->lock);
    slot = hv_vm_in_slot(v->vm, gpa >> WEIR_PAGE_SHIFT);
    pthread_mutex_unlock(&v->vm->lock);
    if (slot)
        wrote_hole(v, gpa);
}

/* ---- the loop ----------------------------------------------------------- */

static void msr(struct hv_vcpu *v, bool write)
{
    uint64_t value = v->run->msr.data;

    v->run->msr.error = !hv_vcpu_msr(v, write, v->run->msr.index, &value);
    v->run->msr.data = value;
}

/* On AMD KVM resets the vCPU first. */
static void triple_fault(struct hv_vcpu *v)
{
    if (rip(v) == RESET_RIP)
        hv_vm_crash(v->vm, "vCPU %u: triple fault, some time after rip 0x%llx",
                    v->id, (unsigned long long)v->seen_rip);
    else
        hv_vm_crash(v->vm, "vCPU %u: triple fault at rip 0x%llx", v->id,
                    rip(v));
}

static void answer(struct hv_vcpu *v)
{
    struct kvm_run *run = v->run;

    switch (run->exit_reason) {
    case KVM_EXIT_IO:
        port_io(v);
        break;
    case KVM_EXIT_MMIO:
        mmio(v);
        break;
    case KVM_EXIT_XEN:
        if (run->xen.type == KVM_EXIT_XEN_HCALL)
            xen_call(v);
        break;
    case KVM_EXIT_X86_RDMSR:
    case KVM_EXIT_X86_WRMSR:
        msr(v, run->exit_reason == KVM_EXIT_X86_WRMSR);
        break;
    case KVM_EXIT_INTR:
    case KVM_EXIT_IRQ_WINDOW_OPEN:
        break;
    case KVM_EXIT_SHUTDOWN:
        triple_fault(v);
        break;
    case KVM_EXIT_FAIL_ENTRY:
        hv_vm_crash(
            v->vm,
            "vCPU %u: the processor refuses its state at rip 0x%llx "
            "(reason 0x%llx)",
            v->id, rip(v),
            (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
        break;
    case KVM_EXIT_INTERNAL_ERROR:
        hv_vm_crash(v->vm,
                    "vCPU %u: KVM can't run the instruction at rip 0x%llx "
                    "(error %u)",
                    v->id, rip(v), run->internal.suberror);
        break;
    default:
        hv_vm_crash(v->vm, "vCPU %u: unknown exit %u at rip 0x%llx", v->id,
                    run->exit_reason, rip(v));
    }
}

static void failed(struct hv_vcpu *v, int err)
{
    uint64_t where[3];

    if (err == EINTR || err == EAGAIN)
        return;
    if (err != EFAULT) {
        hv_vm_crash(v->vm, "vCPU %u: KVM stopped at rip 0x%llx (error %d)",
                    v->id, rip(v), err);
    } else if (v->run->exit_reason == EXIT_MEMORY_FAULT) {
        memcpy(where, &v->run->hw, sizeof(where));
        wrote_hole(v, where[1]);
    } else {
        hv_vm_crash(v->vm,
                    "vCPU %u wrote at rip 0x%llx to a guest page that is not "
                    "there, or read-only",
                    v->id, rip(v));
    }
}

static void loop(struct hv_vcpu *v)
{
    struct hv_vm *vm = v->vm;

    for (;;) {
        /* Pairs with hv_vcpu_kick: a flag set after these looks finds
         * immediate_exit set, or the signal, in KVM_RUN. */
        weir_store_relaxed8(&v->run->immediate_exit, 0);
        weir_mb();
        if (weir_load_relaxed32(&vm->stop))
            return;
        if (weir_load_relaxed32(&vm->pause)) {
            hv_vcpu_wait(v, -1);
            continue;
        }
        hv_vcpu_look(v);
        v->linear = 0;
        hv_vcpu_xen_enter(v);
        if (ioctl(v->fd, KVM_RUN, 0) < 0) {
            failed(v, errno);
            continue;
        }
        weir_count64(&v->exits, 1);
        if (weir_load_relaxed32(&v->state) != HV_VCPU_UP)
            weir_store_relaxed32(&v->state, HV_VCPU_UP);
        answer(v);
        v->seen_rip = rip(v);
    }
}

void *hv_vcpu_run(void *vcpu)
{
    struct hv_vcpu *v = vcpu;
    char name[16];
    int rc;

    snprintf(name, sizeof(name), "vm%u.%u", v->vm->d->domid, v->id);
    prctl(PR_SET_NAME, name);
    rc = hv_vm_seccomp();
    weir_store_release32(&v->tid, (uint32_t)syscall(SYS_gettid));
    if (rc < 0)
        hv_vm_crash(v->vm, "vCPU %u can't be confined (error %d)", v->id, -rc);
    else if (v->id == 0)
        hv_vcpu_first(v);
    loop(v);
    weir_store_release32(&v->tid, 0);
    return NULL;
}
