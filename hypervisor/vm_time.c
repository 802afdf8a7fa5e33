/* SPDX-License-Identifier: MIT
 *
 * Time of a VM domain: what its clock pages say, and its one-shot timers.
 */
#include "hypervisor/vm_call.h"
#include "hypervisor/vm_kxen.h"

#include "ring/barrier.h"

#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/timerfd.h>
#include <time.h>
#include <x86intrin.h>

#define NS      1000000000ull
#define MSR_TSC 0x10

/* ---- the clock ---------------------------------------------------------- */

/* ns = (ticks << shift) * mul >> 32, with mul as large as 32 bits allow. */
static void set_scale(struct hv_clock *c, uint64_t hz)
{
    uint64_t num = NS;

    c->shift = 0;
    while (num >= hz) {
        hz *= 2;
        c->shift++;
    }
    while (num * 2 < hz) {
        num *= 2;
        c->shift--;
    }
    c->mul = (uint32_t)(((unsigned __int128)num << 32) / hz);
}

static uint64_t scaled(const struct hv_clock *c, uint64_t ticks)
{
    ticks = c->shift < 0 ? ticks >> -c->shift : ticks << c->shift;
    return (uint64_t)((unsigned __int128)ticks * c->mul >> 32);
}

static int guest_tsc(struct hv_vcpu *v, uint64_t *tsc)
{
    union {
        struct kvm_msrs msrs;
        uint8_t room[sizeof(struct kvm_msrs) + sizeof(struct kvm_msr_entry)];
    } m = {.msrs.nmsrs = 1};

    m.msrs.entries[0].index = MSR_TSC;
    if (ioctl(v->fd, KVM_GET_MSRS, &m) != 1)
        return -EIO;
    *tsc = m.msrs.entries[0].data;
    return 0;
}

static bool tsc_is_stable(struct hv_vm *vm)
{
    struct kvm_clock_data c = {0};

    return ioctl(vm->fd, KVM_GET_CLOCK, &c) == 0 &&
           (c.flags & KVM_CLOCK_TSC_STABLE);
}

static void wall_clock(struct hv_vm *vm)
{
    struct weir_shared_info *s = vm->xen_state.shared;
    uint64_t now = hv_vm_now(vm), birth;
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    birth = (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec - now;
    s->wc_version++;
    weir_mb();
    s->wc_sec = (uint32_t)(birth / NS);
    s->wc_sec_hi = (uint32_t)(birth / NS >> 32);
    s->wc_nsec = (uint32_t)(birth % NS);
    weir_mb();
    s->wc_version++;
}

/* Before any vCPU runs: its reference is the TSC of vCPU 0, which KVM gives
 * all. */
static int start_clock(struct hv_vm *vm)
{
    struct hv_clock *c = &vm->xen_state.clock;
    int khz = ioctl(vm->vcpu[0].fd, KVM_GET_TSC_KHZ, 0);
    uint64_t before, after;
    int rc;

    if (khz <= 0)
        return -ENODEV;
    set_scale(c, (uint64_t)khz * 1000);
    before = __rdtsc();
    rc = guest_tsc(&vm->vcpu[0], &c->tsc0);
    after = __rdtsc();
    if (rc < 0)
        return rc;
    c->tsc_delta = c->tsc0 - (before + (after - before) / 2);
    c->stable = tsc_is_stable(vm);
    c->valid = true;
    wall_clock(vm);
    return 0;
}

uint64_t hv_vm_now(struct hv_vm *vm)
{
    const struct hv_clock *c = &vm->xen_state.clock;
    struct kvm_clock_data k = {0};

    if (vm->xen)
        return ioctl(vm->fd, KVM_GET_CLOCK, &k) < 0 ? 0 : k.clock;
    if (!c->valid)
        return 0;
    return scaled(c, __rdtsc() + c->tsc_delta - c->tsc0);
}

/* ---- what the guest reads ----------------------------------------------- */

static void fill(const struct hv_clock *c, struct weir_vcpu_time_info *t)
{
    t->tsc_timestamp = c->tsc0;
    t->system_time = 0;
    t->tsc_to_system_mul = c->mul;
    t->tsc_shift = c->shift;
    t->flags = c->stable ? WEIR_PVCLOCK_TSC_STABLE : 0;
}

static void write_info(struct hv_vcpu *v, const struct hv_clock *c)
{
    struct weir_vcpu_time_info *t;
    uint32_t version;

    pthread_mutex_lock(&v->vm->d->m->lock);
    t = v->xen.info ? &v->xen.info->time : NULL;
    if (t) {
        version = (t->version & ~1u) + 1;
        weir_store_relaxed32(&t->version, version);
        weir_mb();
        fill(c, t);
        weir_mb();
        weir_store_relaxed32(&t->version, version + 1);
    }
    pthread_mutex_unlock(&v->vm->d->m->lock);
}

int hv_vcpu_time_area(struct hv_vcpu *v, uint64_t addr)
{
    struct weir_vcpu_time_info t = {.version = 0};
    int rc = hv_vcpu_read(v, addr, &t.version, sizeof(t.version));

    t.version = (t.version & ~1u) + 1;
    fill(&v->vm->xen_state.clock, &t);
    if (rc == 0)
        rc = hv_vcpu_write(v, addr, &t.version, sizeof(t.version));
    if (rc == 0)
        rc = hv_vcpu_write(v, addr, &t, sizeof(t));
    t.version++;
    return rc < 0 ? rc : hv_vcpu_write(v, addr, &t.version, sizeof(t.version));
}

void hv_vcpu_time_update(struct hv_vcpu *v)
{
    struct hv_vm *vm = v->vm;
    struct hv_clock *c = &vm->xen_state.clock;

    if (vm->xen)
        return;
    if (!c->valid && start_clock(vm) < 0) {
        hv_vm_crash(vm, "KVM tells no frequency of its time stamp counter");
        return;
    }
    write_info(v, c);
}

/* ---- run states --------------------------------------------------------- */

void hv_vcpu_runstate(struct hv_vcpu *v, struct weir_vcpu_runstate_info *out)
{
    uint64_t now = hv_vm_now(v->vm);
    uint64_t blocked = weir_load_relaxed64(&v->xen.blocked_ns);

    memset(out, 0, sizeof(*out));
    out->state = WEIR_RUNSTATE_RUNNING;
    out->state_entry_time = now;
    if (weir_load_acquire32(&v->state) != HV_VCPU_UP) {
        out->state = WEIR_RUNSTATE_OFFLINE;
        out->time[WEIR_RUNSTATE_OFFLINE] = now;
        return;
    }
    out->time[WEIR_RUNSTATE_BLOCKED] = blocked < now ? blocked : now;
    out->time[WEIR_RUNSTATE_RUNNING] = now - out->time[WEIR_RUNSTATE_BLOCKED];
}

int hv_vcpu_runstate_write(struct hv_vcpu *by, struct hv_vcpu *v, uint64_t addr)
{
    const size_t at =
        offsetof(struct weir_vcpu_runstate_info, state_entry_time);
    struct weir_vcpu_runstate_info r;
    bool tell = weir_load_relaxed32(&v->vm->xen_state.runstate_flag);
    uint64_t entry;
    int rc = 0;

    hv_vcpu_runstate(v, &r);
    entry = r.state_entry_time;
    if (tell) {
        r.state_entry_time |= WEIR_RUNSTATE_UPDATE;
        rc = hv_vcpu_write(by, addr + at, &r.state_entry_time, sizeof(entry));
    }
    if (rc == 0)
        rc = hv_vcpu_write(by, addr, &r, sizeof(r));
    if (rc == 0 && tell)
        rc = hv_vcpu_write(by, addr + at, &entry, sizeof(entry));
    return rc;
}

/* ---- timers ------------------------------------------------------------- */

int hv_vcpu_timer_init(struct hv_vcpu *v)
{
    v->xen.timer_fd =
        timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return v->xen.timer_fd < 0 ? -errno : 0;
}

void hv_vcpu_timer_set(struct hv_vcpu *v, uint64_t when_ns)
{
    struct itimerspec t = {0};
    uint64_t now, wait;

    if (v->vm->xen) {
        hv_kxen_timer(v, when_ns);
        return;
    }
    if (when_ns) {
        now = hv_vm_now(v->vm);
        wait = when_ns > now ? when_ns - now : 1;
        t.it_value.tv_sec = (time_t)(wait / NS);
        t.it_value.tv_nsec = (long)(wait % NS);
    }
    /* Any value of these is one that the kernel takes. */
    if (timerfd_settime(v->xen.timer_fd, 0, &t, NULL) < 0)
        hv_log("vCPU %u of domain %u: no timer (error %d)", v->id,
               v->vm->d->domid, errno);
}
