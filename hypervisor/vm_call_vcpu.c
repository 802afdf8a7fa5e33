/* SPDX-License-Identifier: MIT
 *
 * vcpu_op: where a vCPU has its info, clock and run states; timers; starting.
 */
#include "hypervisor/vm_call.h"

#include "hypervisor/vm_kxen.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>

/* ---- starting ----------------------------------------------------------- */

static struct kvm_segment segment(uint16_t selector, uint32_t base,
                                  uint32_t limit, uint16_t ar)
{
    return (struct kvm_segment){
        .base = base,
        .limit = limit,
        .selector = selector,
        .type = ar & 0xF,
        .s = ar >> 4 & 1,
        .dpl = ar >> 5 & 3,
        .present = ar >> 7 & 1,
        .avl = ar >> 8 & 1,
        .l = ar >> 9 & 1,
        .db = ar >> 10 & 1,
        .g = ar >> 11 & 1,
        .unusable = !(ar >> 7 & 1),
    };
}

static void boot_32(struct hv_vcpu_boot *b,
                    const struct weir_vcpu_hvm_context *c)
{
    b->regs = (struct kvm_regs){
        .rax = c->u.x86_32.eax,
        .rbx = c->u.x86_32.ebx,
        .rcx = c->u.x86_32.ecx,
        .rdx = c->u.x86_32.edx,
        .rsi = c->u.x86_32.esi,
        .rdi = c->u.x86_32.edi,
        .rsp = c->u.x86_32.esp,
        .rbp = c->u.x86_32.ebp,
        .rip = c->u.x86_32.eip,
        .rflags = c->u.x86_32.eflags | 2,
    };
    b->sregs.cr0 = c->u.x86_32.cr0 | 0x10; /* ET */
    b->sregs.cr3 = c->u.x86_32.cr3;
    b->sregs.cr4 = c->u.x86_32.cr4;
    b->sregs.efer = c->u.x86_32.efer;
#define SEG(name, selector)                                                    \
    b->sregs.name = segment(selector, c->u.x86_32.name##_base,                 \
                            c->u.x86_32.name##_limit, c->u.x86_32.name##_ar)
    SEG(cs, 8);
    SEG(ds, 16);
    SEG(ss, 16);
    SEG(es, 16);
    SEG(tr, 0);
#undef SEG
    b->sregs.fs = b->sregs.gs = b->sregs.ds;
}

static void boot_64(struct hv_vcpu_boot *b,
                    const struct weir_vcpu_hvm_context *c)
{
    b->regs = (struct kvm_regs){
        .rax = c->u.x86_64.rax,
        .rbx = c->u.x86_64.rbx,
        .rcx = c->u.x86_64.rcx,
        .rdx = c->u.x86_64.rdx,
        .rsi = c->u.x86_64.rsi,
        .rdi = c->u.x86_64.rdi,
        .rsp = c->u.x86_64.rsp,
        .rbp = c->u.x86_64.rbp,
        .rip = c->u.x86_64.rip,
        .rflags = c->u.x86_64.rflags | 2,
    };
    b->sregs.cr0 = c->u.x86_64.cr0 | 0x10;
    b->sregs.cr3 = c->u.x86_64.cr3;
    b->sregs.cr4 = c->u.x86_64.cr4;
    b->sregs.efer = c->u.x86_64.efer;
    b->sregs.cs.l = 1;
    b->sregs.cs.db = 0;
    b->sregs.tr.type = 0xb;
}

/* CR0.PE and PG, CR4.PAE, EFER.LME and LMA. */
static bool is_long_mode(const struct weir_vcpu_hvm_context *c)
{
    return (c->u.x86_64.cr0 & 0x80000001u) == 0x80000001u &&
           (c->u.x86_64.cr4 & 0x20) && (c->u.x86_64.efer & 0x500) == 0x500;
}

static int64_t initialise(struct hv_vcpu *v, struct hv_vcpu *to, uint64_t arg)
{
    struct weir_vcpu_hvm_context c;
    struct hv_vcpu_boot b;
    int rc = hv_vcpu_read(v, arg, &c, sizeof(c));

    if (rc < 0)
        return rc;
    hv_vcpu_flat(&b, 0, 0);
    if (c.mode == WEIR_VCPU_HVM_MODE_32B)
        boot_32(&b, &c);
    else if (c.mode == WEIR_VCPU_HVM_MODE_64B && is_long_mode(&c))
        boot_64(&b, &c);
    else
        return -WEIR_EINVAL;
    return hv_vcpu_init(to, &b);
}

/* ---- areas -------------------------------------------------------------- */

/* With the machine's lock.  Nothing that came meanwhile is lost: all words
 * count as pending. */
static void move_info(struct hv_vcpu *to, struct weir_vcpu_info *info,
                      mfn_t frame, uint64_t gpa)
{
    memmove(info, to->xen.info, sizeof(*info)); /* may overlap */
    to->xen.info = info;
    to->xen.info_frame = frame;
    to->xen.info_gpa = gpa;
    weir_store_relaxed8(&info->evtchn_upcall_pending, 0);
    weir_store_relaxed64(&info->evtchn_pending_sel, UINT64_MAX);
    if (to->vm->xen)
        hv_kxen_todo(to, HV_TODO_INFO);
    hv_vcpu_upcall(to);
}

static int64_t register_info(struct hv_vcpu *v, struct hv_vcpu *to,
                             uint64_t arg)
{
    struct weir_vcpu_register_vcpu_info x;
    struct hv_machine *m = v->vm->d->m;
    struct weir_vcpu_info *info;
    bool taken;
    mfn_t frame;
    uint64_t gpa;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.offset > WEIR_PAGE_SIZE - sizeof(*info) ||
        x.offset % sizeof(uint64_t) || x.mfn > UINT32_MAX ||
        (to != v && weir_load_acquire32(&to->state) == HV_VCPU_UP))
        return -WEIR_EINVAL;
    gpa = (x.mfn << WEIR_PAGE_SHIFT) + x.offset;
    info = hv_vm_hold(v->vm, gpa, &frame);
    if (!info)
        return -WEIR_EINVAL;
    pthread_mutex_lock(&m->lock);
    taken = to->xen.info_frame != 0;
    if (!taken)
        move_info(to, info, frame, gpa);
    pthread_mutex_unlock(&m->lock);
    if (taken)
        hv_vm_unhold(v->vm, frame);
    return taken ? -WEIR_EINVAL : 0;
}

/* A linear address of this vCPU for KVM. */
static int area_gpa(struct hv_vcpu *v, uint64_t linear, uint64_t *gpa)
{
    uint8_t there;

    *gpa = 0;
    if (!linear)
        return 0;
    if (hv_vcpu_read(v, linear, &there, sizeof(there)) < 0)
        return -WEIR_EFAULT;
    return hv_vcpu_gpa(v, linear, gpa);
}

static int64_t register_area(struct hv_vcpu *v, struct hv_vcpu *to,
                             uint64_t arg, bool time)
{
    struct weir_vcpu_area x;
    uint64_t gpa;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    /* KVM is told of a vCPU by its own thread only. */
    if (v->vm->xen && to == v && area_gpa(v, x.addr, &gpa) == 0 &&
        (time ? hv_kxen_time_area(v, gpa) : hv_kxen_runstate_area(v, gpa)) == 0)
        return 0;
    if (v->vm->xen && time)
        return -WEIR_EINVAL;
    if (x.addr)
        rc = time ? hv_vcpu_time_area(v, x.addr)
                  : hv_vcpu_runstate_write(v, to, x.addr);
    if (rc == 0 && !time)
        weir_store_relaxed64(&to->xen.runstate_addr, x.addr);
    return rc;
}

static int64_t get_runstate(struct hv_vcpu *v, struct hv_vcpu *of, uint64_t arg)
{
    struct weir_vcpu_runstate_info r;

    hv_vcpu_runstate(of, &r);
    return hv_vcpu_write(v, arg, &r, sizeof(r));
}

/* ---- timers ------------------------------------------------------------- */

static int64_t set_timer(struct hv_vcpu *v, const struct hv_vcpu *of,
                         uint64_t arg)
{
    struct weir_vcpu_set_singleshot_timer x;
    int rc;

    if (of != v)
        return -WEIR_EINVAL;
    rc = hv_vcpu_read(v, arg, &x, sizeof(x));
    if (rc < 0)
        return rc;
    if ((x.flags & WEIR_VCPU_SSHOTTMR_FUTURE) &&
        x.timeout_abs_ns < hv_vm_now(v->vm))
        return -WEIR_ETIME;
    /* 0 is a time long past here, not the timer's end. */
    hv_vcpu_timer_set(v, x.timeout_abs_ns ? x.timeout_abs_ns : 1);
    return 0;
}

static int64_t stop_timer(struct hv_vcpu *v, const struct hv_vcpu *of)
{
    if (of != v)
        return -WEIR_EINVAL;
    hv_vcpu_timer_set(v, 0);
    return 0;
}

int64_t hv_call_set_timer_op(struct hv_vcpu *v, const uint64_t a[5])
{
    hv_vcpu_timer_set(v, a[0]);
    return 0;
}

int64_t hv_call_vcpu_op(struct hv_vcpu *v, const uint64_t a[5])
{
    struct hv_vcpu *of;

    if (a[1] >= v->vm->nvcpus)
        return -WEIR_ENOENT;
    of = &v->vm->vcpu[a[1]];
    switch (a[0]) {
    case WEIR_VCPUOP_INITIALISE:
        return initialise(v, of, a[2]);
    case WEIR_VCPUOP_UP:
        return hv_vcpu_up(of);
    case WEIR_VCPUOP_IS_UP:
        return weir_load_acquire32(&of->state) == HV_VCPU_UP;
    case WEIR_VCPUOP_GET_RUNSTATE_INFO:
        return get_runstate(v, of, a[2]);
    case WEIR_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA:
        return register_area(v, of, a[2], false);
    case WEIR_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA:
        return register_area(v, of, a[2], true);
    case WEIR_VCPUOP_STOP_PERIODIC_TIMER:
        return 0; /* there is none */
    case WEIR_VCPUOP_SET_SINGLESHOT_TIMER:
        return set_timer(v, of, a[2]);
    case WEIR_VCPUOP_STOP_SINGLESHOT_TIMER:
        return stop_timer(v, of);
    case WEIR_VCPUOP_REGISTER_VCPU_INFO:
        return register_info(v, of, a[2]);
    default:
        return -WEIR_ENOSYS;
    }
}
