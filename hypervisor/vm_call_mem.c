/* SPDX-License-Identifier: MIT
 *
 * memory_op: where pages are in the guest-physical address space, and how many
 * the domain has.
 */
#include "hypervisor/vm_call.h"

#include "hypervisor/hypercall.h"
#include "hypervisor/vm_kxen.h"
#include "hypervisor/vm_map.h"
#include "ring/barrier.h"

#include <errno.h>
#include <string.h>

#define ORDER_MAX 9 /* of an extent, pages as a power of two */
#define BATCH     64

/* ---- special pages ------------------------------------------------------ */

/* A special page is at one place: where it was before is a hole now. */
static int put_special(struct hv_vm *vm, mfn_t frame, uint64_t *was,
                       uint64_t gfn)
{
    struct hv_p2m_entry e = {.type = HV_P2M_SPECIAL, .frame = (uint32_t)frame};
    struct hv_p2m_entry old;
    int rc = hv_vm_put(vm, gfn, e);

    if (rc < 0)
        return rc;
    old = hv_p2m_get(vm, *was);
    if (*was && *was != gfn && old.type == HV_P2M_SPECIAL && old.frame == frame)
        hv_vm_clear(vm, *was);
    *was = gfn;
    return 0;
}

static int put_table(struct hv_vm *vm, uint64_t idx, uint64_t gfn)
{
    struct hv_domain *d = vm->d;
    int rc = 0;

    if (idx >= d->grants.max)
        return -WEIR_EINVAL; /* also the status frames of version 2 */
    while (d->grants.frames <= idx && rc == 0)
        rc = hv_table_grow(d);
    if (rc < 0)
        return rc;
    return put_special(vm, d->grants.first + idx, &vm->xen_state.table_gfn[idx],
                       gfn);
}

static int put_shared_info(struct hv_vm *vm, uint64_t idx, uint64_t gfn)
{
    struct hv_vm_xen *x = &vm->xen_state;
    uint64_t was;
    int rc;

    if (idx != 0)
        return -WEIR_EINVAL;
    was = x->shared_gfn;
    rc = put_special(vm, x->shared_frame, &was, gfn);
    if (rc < 0)
        return rc;
    weir_store_release64(&x->shared_gfn, gfn);
    return vm->xen ? hv_kxen_shared_info(vm, gfn) : 0;
}

/* Refusals of the address space, as Xen calls them. */
static int xen_error(int rc)
{
    return rc == -EBUSY ? -WEIR_EINVAL : rc;
}

static int add_page(struct hv_vm *vm, uint32_t space, uint64_t idx,
                    uint64_t gfn)
{
    int rc;

    if (gfn > UINT32_MAX)
        return -WEIR_EINVAL;
    pthread_mutex_lock(&vm->lock);
    switch (space) {
    case WEIR_XENMAPSPACE_SHARED_INFO:
        rc = put_shared_info(vm, idx, gfn);
        break;
    case WEIR_XENMAPSPACE_GRANT_TABLE:
        rc = put_table(vm, idx, gfn);
        break;
    case WEIR_XENMAPSPACE_GMFN_FOREIGN:
        rc = -WEIR_EPERM;
        break;
    default:
        rc = -WEIR_EINVAL;
        break;
    }
    pthread_mutex_unlock(&vm->lock);
    if (rc == 0 && space == WEIR_XENMAPSPACE_SHARED_INFO && vm->xen)
        hv_vm_watch_again(vm);
    return xen_error(rc);
}

static int64_t add_to_physmap(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_add_to_physmap x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.space == WEIR_XENMAPSPACE_GMFN_FOREIGN)
        return -WEIR_ENOSYS;
    rc = hv_vm_self(v->vm, x.domid);
    return rc < 0 ? rc : add_page(v->vm, x.space, x.idx, x.gpfn);
}

static int64_t add_batch(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_add_to_physmap_batch x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    rc = hv_vm_self(v->vm, x.domid);
    for (unsigned i = 0; i < x.size && rc == 0; i++) {
        uint64_t idx, gfn;
        int32_t err;

        if (!hv_vcpu_go_on(v))
            return -WEIR_EAGAIN;
        rc = hv_vcpu_read(v, x.idxs + i * sizeof(idx), &idx, sizeof(idx));
        if (rc == 0)
            rc = hv_vcpu_read(v, x.gpfns + i * sizeof(gfn), &gfn, sizeof(gfn));
        if (rc < 0)
            break;
        err = add_page(v->vm, x.space, idx, gfn);
        rc = hv_vcpu_write(v, x.errs + i * sizeof(err), &err, sizeof(err));
    }
    return rc;
}

static int64_t remove_page(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_xen_remove_from_physmap x;
    struct hv_vm *vm = v->vm;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc == 0)
        rc = hv_vm_self(vm, x.domid);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&vm->lock);
    switch (hv_p2m_get(vm, x.gpfn).type) {
    case HV_P2M_RAM:
        rc = hv_vm_give_back(vm, x.gpfn);
        break;
    case HV_P2M_SPECIAL:
        rc = hv_vm_clear(vm, x.gpfn);
        break;
    default:
        rc = -WEIR_ENOENT; /* a grant goes by its unmap */
        break;
    }
    pthread_mutex_unlock(&vm->lock);
    return rc;
}

/* ---- ballooning --------------------------------------------------------- */

static int change_page(struct hv_vm *vm, unsigned cmd, uint64_t gfn)
{
    int rc;

    pthread_mutex_lock(&vm->lock);
    rc = cmd == WEIR_XENMEM_POPULATE_PHYSMAP ? hv_vm_populate(vm, gfn)
                                             : hv_vm_give_back(vm, gfn);
    pthread_mutex_unlock(&vm->lock);
    return rc;
}

/* All pages of an extent.  Populating is all or nothing; what was given back
 * before one that can't be stays given back. */
static bool change_extent(struct hv_vm *vm, unsigned cmd, uint64_t gfn,
                          uint64_t pages)
{
    if (gfn > UINT32_MAX || gfn & (pages - 1))
        return false;
    for (uint64_t i = 0; i < pages; i++) {
        if (change_page(vm, cmd, gfn + i) == 0)
            continue;
        while (cmd == WEIR_XENMEM_POPULATE_PHYSMAP && i--)
            change_page(vm, WEIR_XENMEM_DECREASE_RESERVATION, gfn + i);
        return false;
    }
    return true;
}

/* The number of extents done, whatever went wrong with the next. */
static int64_t reservation(struct hv_vcpu *v, unsigned cmd, uint64_t arg)
{
    struct weir_xen_memory_reservation x;
    uint64_t list[BATCH], done = 0;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc == 0)
        rc = hv_vm_self(v->vm, x.domid);
    if (rc < 0)
        return rc;
    if (x.extent_order > ORDER_MAX ||
        x.nr_extents > (uint64_t)INT64_MAX >> x.extent_order)
        return 0;
    while (done < x.nr_extents) {
        uint64_t n = x.nr_extents - done < BATCH ? x.nr_extents - done : BATCH;

        if (hv_vcpu_read(v, x.extent_start + done * sizeof(*list), list,
                         n * sizeof(*list)) < 0)
            break;
        for (uint64_t i = 0; i < n; i++, done++)
            if (!hv_vcpu_go_on(v) ||
                !change_extent(v->vm, cmd, list[i],
                               UINT64_C(1) << x.extent_order))
                return (int64_t)done;
    }
    return (int64_t)done;
}

/* ---- questions ---------------------------------------------------------- */

/* The highest guest frame number that is something. */
static int64_t highest(struct hv_vm *vm)
{
    uint64_t gfn;

    pthread_mutex_lock(&vm->lock);
    for (gfn = vm->gfns; gfn > 0; gfn--) {
        if (!vm->p2m[(gfn - 1) / HV_P2M_CHUNK])
            gfn -= (gfn - 1) % HV_P2M_CHUNK;
        else if (hv_p2m_get(vm, gfn - 1).type != HV_P2M_HOLE)
            break;
    }
    pthread_mutex_unlock(&vm->lock);
    return gfn ? (int64_t)gfn - 1 : 0;
}

static int64_t about(struct hv_vcpu *v, unsigned cmd, uint64_t arg)
{
    struct weir_xen_memory_domain x;
    struct hv_domain *d = v->vm->d;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));
    int64_t pages;

    if (rc == 0)
        rc = hv_vm_self(v->vm, x.domid);
    if (rc < 0)
        return rc;
    if (cmd == WEIR_XENMEM_MAXIMUM_GPFN)
        return highest(v->vm);
    if (cmd == WEIR_XENMEM_MAXIMUM_RESERVATION)
        return d->max_frames;
    pthread_mutex_lock(&d->m->lock);
    pages = d->frames;
    pthread_mutex_unlock(&d->m->lock);
    return pages;
}

static int64_t memory_map(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_vm_range range[WEIR_VM_MAP_MAX];
    unsigned n = weir_vm_map(v->vm->ram_pages, range);
    struct weir_xen_memory_map x;
    int rc = hv_vcpu_read(v, arg, &x, sizeof(x));

    if (rc < 0)
        return rc;
    if (x.nr_entries > n)
        x.nr_entries = n;
    for (unsigned i = 0; i < x.nr_entries && rc == 0; i++) {
        struct weir_e820entry e = {range[i].addr, range[i].size, range[i].type};

        rc = hv_vcpu_write(v, x.buffer + i * sizeof(e), &e, sizeof(e));
    }
    return rc < 0 ? rc : hv_vcpu_write(v, arg, &x, sizeof(x));
}

int64_t hv_call_memory_op(struct hv_vcpu *v, const uint64_t a[5])
{
    switch (a[0]) {
    case WEIR_XENMEM_POPULATE_PHYSMAP:
    case WEIR_XENMEM_DECREASE_RESERVATION:
        return reservation(v, (unsigned)a[0], a[1]);
    case WEIR_XENMEM_INCREASE_RESERVATION:
        return 0; /* pages at no place are of no use: none */
    case WEIR_XENMEM_ADD_TO_PHYSMAP:
        return add_to_physmap(v, a[1]);
    case WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH:
        return add_batch(v, a[1]);
    case WEIR_XENMEM_REMOVE_FROM_PHYSMAP:
        return remove_page(v, a[1]);
    case WEIR_XENMEM_MEMORY_MAP:
        return memory_map(v, a[1]);
    case WEIR_XENMEM_CURRENT_RESERVATION:
    case WEIR_XENMEM_MAXIMUM_RESERVATION:
    case WEIR_XENMEM_MAXIMUM_GPFN:
        return about(v, (unsigned)a[0], a[1]);
    case WEIR_XENMEM_MAXIMUM_RAM_PAGE:
        return (int64_t)v->vm->d->m->frames.count - 1;
    case WEIR_XENMEM_MACHINE_MEMORY_MAP:
        return -WEIR_EPERM;
    default:
        return -WEIR_ENOSYS;
    }
}
