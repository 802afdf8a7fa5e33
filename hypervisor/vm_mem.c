/* SPDX-License-Identifier: MIT
 *
 * A VM's guest-physical address space: machine frames mapped over a range of
 * weir-hv's own addresses, with KVM's slots over that.
 */
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#define SLOTS 24 /* RAM, special pages, places for foreign ones */
/* Room for foreign pages above what RAM and the 4 GiB border leave. */
#define ROOM (UINT64_C(4) << 18)
#define STEP 8192 /* frames reserved with the lock held */

struct hv_vm_slots {
    struct {
        uint64_t first, count;
    } slot[SLOTS];
    unsigned n;
    int64_t vmas; /* seams of the p2m and the range itself */
};

/* ---- slots -------------------------------------------------------------- */

bool hv_vm_in_slot(const struct hv_vm *vm, uint64_t gfn)
{
    const struct hv_vm_slots *s = vm->slots;

    for (unsigned i = 0; i < s->n; i++)
        if (gfn >= s->slot[i].first &&
            gfn - s->slot[i].first < s->slot[i].count)
            return true;
    return false;
}

static int add_slot(struct hv_vm *vm, uint64_t gfn)
{
    struct kvm_userspace_memory_region r = {.slot = vm->slots->n};
    uint64_t first, count;
    int rc = hv_p2m_slot(vm->ram_pages, vm->gfns, gfn, &first, &count);

    if (rc < 0 || hv_vm_in_slot(vm, gfn))
        return rc;
    if (vm->slots->n == SLOTS)
        return -ENOSPC;
    r.guest_phys_addr = first << WEIR_PAGE_SHIFT;
    r.memory_size = count << WEIR_PAGE_SHIFT;
    r.userspace_addr = (uintptr_t)vm->base + r.guest_phys_addr;
    if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &r) < 0)
        return -errno;
    vm->slots->slot[vm->slots->n].first = first;
    vm->slots->slot[vm->slots->n++].count = count;
    return 0;
}

/* ---- mappings ----------------------------------------------------------- */

static int64_t beyond(int64_t vmas)
{
    return vmas > HV_VMAS_OWN ? vmas - HV_VMAS_OWN : 0;
}

/* Half of the machine's mappings are for what VMs have beyond their own, and
 * no VM gets more than a quarter of that. */
static int charge(struct hv_vm *vm, int64_t more)
{
    struct hv_machine *m = vm->d->m;
    struct hv_vm_slots *s = vm->slots;
    int64_t pool = (int64_t)m->max_vmas / 2, now = beyond(s->vmas + more);
    int64_t delta = now - beyond(s->vmas);
    int rc = 0;

    pthread_mutex_lock(&m->lock);
    if (delta > 0 && (now > pool / 4 || m->vmas + delta > pool))
        rc = -ENOSPC;
    else
        m->vmas += delta;
    pthread_mutex_unlock(&m->lock);
    if (rc == 0)
        s->vmas += more;
    return rc;
}

/* The other half: for so many VMs. */
static int charge_vm(struct hv_machine *m)
{
    int rc = 0;

    pthread_mutex_lock(&m->lock);
    if ((m->vms + 1) * HV_VMAS_OWN > m->max_vmas / 2)
        rc = -ENOSPC;
    else
        m->vms++;
    pthread_mutex_unlock(&m->lock);
    return rc;
}

/* Nothing else may come to lie in a gap of the range: the guest would see it.
 */
static void plug(struct hv_vm *vm, void *at, size_t len)
{
    if (mmap(at, len, PROT_READ,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE,
             -1, 0) == at)
        hv_vm_crash(vm, "no memory for a mapping of weir-hv");
}

static int map_pages(struct hv_vm *vm, uint64_t gfn, uint64_t n,
                     struct hv_p2m_entry e)
{
    void *at = vm->base + (gfn << WEIR_PAGE_SHIFT), *got;
    size_t len = n << WEIR_PAGE_SHIFT;
    int prot = e.readonly || e.type == HV_P2M_HOLE ? PROT_READ
                                                   : PROT_READ | PROT_WRITE;

    if (e.type == HV_P2M_HOLE)
        got = mmap(at, len, prot,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1,
                   0);
    else
        got = mmap(at, len, prot, MAP_SHARED | MAP_NORESERVE | MAP_FIXED,
                   vm->d->m->mem.fd,
                   (off_t)((uint64_t)e.frame << WEIR_PAGE_SHIFT));
    if (got != MAP_FAILED)
        return 0;
    plug(vm, at, len);
    return -ENOMEM;
}

/* Page gfn becomes what; what it was is the caller's. */
static int change(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what)
{
    struct hv_machine *m = vm->d->m;
    int rc, seams = hv_p2m_seams(vm, gfn, what);

    /* Granters' tables are read with this lock only. */
    pthread_mutex_lock(&m->lock);
    rc = hv_p2m_room(vm, gfn);
    pthread_mutex_unlock(&m->lock);
    if (rc == 0 && seams > 0)
        rc = charge(vm, seams);
    if (rc < 0)
        return rc;
    rc = map_pages(vm, gfn, 1, what);
    if (rc == 0) {
        pthread_mutex_lock(&m->lock);
        hv_p2m_set(vm, gfn, what);
        pthread_mutex_unlock(&m->lock);
    }
    if (rc == 0 ? seams < 0 : seams > 0)
        charge(vm, rc == 0 ? seams : -seams);
    return rc;
}

static void give_back(struct hv_vm *vm, mfn_t frame)
{
    struct hv_domain *d = vm->d;
    struct hv_scrub s = {.n = 0};

    pthread_mutex_lock(&d->m->lock);
    if (d->stats == frame)
        d->stats = 0;
    if (hv_frames_give_back(&d->m->frames, frame))
        s.frame[s.n++] = frame;
    pthread_mutex_unlock(&d->m->lock);
    hv_scrub(d->m, &s);
}

int hv_vm_put(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what)
{
    struct hv_p2m_entry was = hv_p2m_get(vm, gfn);
    int rc;

    if (was.type == HV_P2M_FOREIGN)
        return -EBUSY;
    rc = add_slot(vm, gfn);
    if (rc == 0)
        rc = change(vm, gfn, what);
    if (rc == 0 && was.type == HV_P2M_RAM)
        give_back(vm, was.frame);
    return rc;
}

int hv_vm_clear(struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry hole = {.type = HV_P2M_HOLE};

    if (hv_p2m_get(vm, gfn).type == HV_P2M_HOLE)
        return 0;
    return change(vm, gfn, hole);
}

int hv_vm_populate(struct hv_vm *vm, uint64_t gfn)
{
    struct hv_machine *m = vm->d->m;
    struct hv_p2m_entry e = {.type = HV_P2M_RAM};
    mfn_t frame;
    int rc;

    if (hv_p2m_get(vm, gfn).type != HV_P2M_HOLE)
        return -EBUSY;
    rc = hv_domain_reserve(vm->d, 1, true, &frame);
    if (rc < 0)
        return rc;
    rc = hv_memory_populate(&m->mem, frame, 1);
    if (rc == 0) {
        pthread_mutex_lock(&m->lock);
        hv_frames_set(&m->frames, frame, 1, HV_FRAME_RAM);
        pthread_mutex_unlock(&m->lock);
        e.frame = (uint32_t)frame;
        rc = hv_vm_put(vm, gfn, e);
    }
    if (rc < 0)
        give_back(vm, frame);
    return rc;
}

int hv_vm_give_back(struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry was = hv_p2m_get(vm, gfn);
    int rc;

    if (was.type != HV_P2M_RAM)
        return -EINVAL;
    rc = hv_vm_clear(vm, gfn);
    if (rc == 0)
        give_back(vm, was.frame);
    return rc;
}

/* ---- birth and end ------------------------------------------------------ */

static int map_ram(struct hv_vm *vm, uint64_t gfn, uint64_t n, mfn_t frame)
{
    struct hv_p2m_entry e = {.type = HV_P2M_RAM, .frame = (uint32_t)frame};
    int rc = charge(vm, hv_p2m_seams(vm, gfn, e));

    if (rc == 0)
        rc = map_pages(vm, gfn, n, e);
    for (uint64_t i = 0; i < n && rc == 0; i++, e.frame++)
        rc = hv_p2m_set(vm, gfn + i, e);
    return rc;
}

/* Nobody knows the domain yet.  In runs as long as there are. */
static int reserve_ram(struct hv_vm *vm)
{
    const uint64_t low_end = WEIR_VM_LOW_END >> WEIR_PAGE_SHIFT;
    uint64_t done = 0, step = STEP;
    mfn_t frame;

    while (done < vm->ram_pages) {
        uint64_t n = vm->ram_pages - done, gfn = done;
        int rc;

        if (done >= low_end)
            gfn += (WEIR_VM_HIGH - WEIR_VM_LOW_END) >> WEIR_PAGE_SHIFT;
        else if (n > low_end - done)
            n = low_end - done;
        if (n > step)
            n = step;
        rc = hv_domain_reserve(vm->d, (uint32_t)n, true, &frame);
        if (rc == -ENOMEM && n > 1) {
            step = n / 2;
            continue;
        }
        if (rc == 0)
            rc = map_ram(vm, gfn, n, frame);
        if (rc < 0)
            return rc;
        done += n;
    }
    return 0;
}

int hv_vm_mem_init(struct hv_vm *vm)
{
    struct hv_machine *m = vm->d->m;
    uint64_t top = vm->ram_pages + ((WEIR_VM_HIGH - WEIR_VM_LOW_END) >> 12);
    uint64_t high = WEIR_VM_HIGH >> WEIR_PAGE_SHIFT;
    void *base;
    int rc;

    vm->slots = calloc(1, sizeof(*vm->slots));
    if (!vm->slots || hv_p2m_init(vm, (top > high ? top : high) + ROOM) < 0)
        return -ENOMEM;
    rc = charge_vm(m);
    if (rc < 0)
        return rc;
    vm->slots->vmas = 1;
    base = mmap(NULL, vm->gfns << WEIR_PAGE_SHIFT, PROT_READ,
                MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (base == MAP_FAILED)
        return -errno;
    vm->base = base;
    rc = reserve_ram(vm);
    if (rc == 0)
        rc = add_slot(vm, 0);
    if (rc == 0 && vm->ram_pages > WEIR_VM_LOW_END >> WEIR_PAGE_SHIFT)
        rc = add_slot(vm, high);
    return rc;
}

void hv_vm_unmap(struct hv_vm *vm)
{
    struct hv_machine *m = vm->d->m;

    if (vm->base)
        munmap(vm->base, vm->gfns << WEIR_PAGE_SHIFT);
    vm->base = NULL;
    if (!vm->slots || !vm->slots->vmas)
        return;
    pthread_mutex_lock(&m->lock);
    m->vmas -= beyond(vm->slots->vmas);
    m->vms--;
    pthread_mutex_unlock(&m->lock);
    vm->slots->vmas = 0;
}

void hv_vm_mem_fini(struct hv_vm *vm)
{
    hv_p2m_fini(vm);
    free(vm->slots);
    vm->slots = NULL;
}
