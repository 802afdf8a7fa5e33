/* SPDX-License-Identifier: MIT
 *
 * grant_table_op: maps others' pages into the guest-physical address space,
 * copies, tells of the table.
 */
#include "hypervisor/vm_call.h"

#include "hypervisor/hypercall.h"

#include <errno.h>
#include <string.h>

#define BATCH 32 /* elements fetched at once */

/* ---- map and unmap ------------------------------------------------------ */

/* Undo a mapping whose page is not, or no longer, in the address space. */
static void let_go(struct hv_domain *d, uint32_t handle, struct hv_scrub *s)
{
    const struct hv_handle *h;

    pthread_mutex_lock(&d->m->lock);
    h = hv_track_get(&d->track, handle);
    hv_track_drop(&d->track, h->frame, h->readonly);
    hv_use_end(d, handle, s);
    pthread_mutex_unlock(&d->m->lock);
}

static int map_at(struct hv_vm *vm, struct hv_handle *h, uint32_t *handle,
                  struct hv_scrub *s)
{
    struct hv_p2m_entry e = {.type = HV_P2M_FOREIGN, .readonly = h->readonly};
    struct hv_domain *d = vm->d;
    int status;

    pthread_mutex_lock(&vm->lock);
    pthread_mutex_lock(&d->m->lock);
    /* Not over a page that weir-hv or KVM writes to. */
    status = hv_p2m_get(vm, h->gfn).type == HV_P2M_SPECIAL
                 ? WEIR_GNTST_GENERAL_ERROR
                 : hv_use_begin(d, h, handle);
    pthread_mutex_unlock(&d->m->lock);
    if (status == WEIR_GNTST_OKAY) {
        e.frame = (uint32_t)h->frame;
        e.handle = *handle & ((1u << 29) - 1);
        if (hv_vm_put(vm, h->gfn, e) < 0) {
            let_go(d, *handle, s);
            status = WEIR_GNTST_GENERAL_ERROR;
        }
    }
    pthread_mutex_unlock(&vm->lock);
    return status;
}

static void map_one(struct hv_vcpu *v, void *elem, struct hv_scrub *s)
{
    struct weir_gnttab_map_grant_ref *m = elem;
    struct hv_handle h = {
        .granter = m->dom,
        .ref = m->ref,
        .readonly = m->flags & WEIR_GNTMAP_READONLY,
        .gfn = (uint32_t)(m->host_addr >> WEIR_PAGE_SHIFT),
    };
    uint32_t handle = UINT32_MAX;
    int status;

    if (!(m->flags & (WEIR_GNTMAP_HOST_MAP | WEIR_GNTMAP_DEVICE_MAP)))
        status = WEIR_GNTST_BAD_GNTREF;
    else if ((m->flags & (WEIR_GNTMAP_DEVICE_MAP | WEIR_GNTMAP_APPLICATION_MAP |
                          WEIR_GNTMAP_CONTAINS_PTE)) ||
             m->host_addr % WEIR_PAGE_SIZE ||
             m->host_addr >> WEIR_PAGE_SHIFT > UINT32_MAX)
        status = WEIR_GNTST_GENERAL_ERROR;
    else
        status = map_at(v->vm, &h, &handle, s);
    m->status = (int16_t)status;
    if (status == WEIR_GNTST_OKAY) {
        m->handle = handle;
        m->dev_bus_addr = m->host_addr;
    }
}

static int unmap_at(struct hv_vm *vm, uint64_t addr, uint32_t handle,
                    struct hv_scrub *s)
{
    struct hv_domain *d = vm->d;
    const struct hv_handle *h;
    uint64_t gfn = 0;

    pthread_mutex_lock(&d->m->lock);
    h = hv_track_get(&d->track, handle);
    if (h)
        gfn = h->gfn;
    pthread_mutex_unlock(&d->m->lock);
    if (!h)
        return WEIR_GNTST_BAD_HANDLE;
    if (addr == 0)
        return WEIR_GNTST_OKAY; /* asks for nothing */
    if (addr != gfn << WEIR_PAGE_SHIFT)
        return WEIR_GNTST_GENERAL_ERROR;
    /* The page first: when the granter hears of it nobody sees it any more. */
    if (hv_vm_clear(vm, gfn) < 0)
        return WEIR_GNTST_GENERAL_ERROR;
    let_go(d, handle, s);
    return WEIR_GNTST_OKAY;
}

static void unmap_one(struct hv_vcpu *v, void *elem, struct hv_scrub *s)
{
    struct weir_gnttab_unmap_grant_ref *u = elem;

    pthread_mutex_lock(&v->vm->lock);
    u->status = (int16_t)unmap_at(v->vm, u->host_addr, u->handle, s);
    pthread_mutex_unlock(&v->vm->lock);
}

/* ---- copy --------------------------------------------------------------- */

static bool copy_ptr(const struct hv_domain *d,
                     const struct weir_gnttab_copy_ptr *p, bool gref,
                     domid_t *dom, uint64_t *which)
{
    *dom = p->domid == WEIR_DOMID_SELF ? d->domid : p->domid;
    *which = gref ? p->u.ref : p->u.gmfn;
    return gref || *dom == d->domid;
}

static void copy_one(struct hv_vcpu *v, void *elem, struct hv_scrub *s)
{
    struct weir_gnttab_copy *c = elem;
    struct hv_domain *d = v->vm->d;
    struct weir_hv_copy_elem e = {
        .src_off = c->source.offset,
        .dst_off = c->dest.offset,
        .len = c->len,
        .flags = c->flags,
    };
    int status = WEIR_GNTST_PERMISSION_DENIED;

    (void)s;
    /* One element at a time: a page is the longest the lock is held. */
    pthread_mutex_lock(&d->m->lock);
    if (copy_ptr(d, &c->source, c->flags & WEIR_GNTCOPY_SOURCE_GREF, &e.src_dom,
                 &e.src) &&
        copy_ptr(d, &c->dest, c->flags & WEIR_GNTCOPY_DEST_GREF, &e.dst_dom,
                 &e.dst))
        status = hv_use_copy(d, &e);
    pthread_mutex_unlock(&d->m->lock);
    c->status = (int16_t)status;
}

/* ---- batches ------------------------------------------------------------ */

struct batch_op {
    void (*one)(struct hv_vcpu *v, void *elem, struct hv_scrub *s);
    size_t size;
};

static const struct batch_op batch_ops[] = {
    [WEIR_GNTTABOP_MAP_GRANT_REF] = {map_one,
                                     sizeof(struct weir_gnttab_map_grant_ref)},
    [WEIR_GNTTABOP_UNMAP_GRANT_REF] = {unmap_one,
                                       sizeof(
                                           struct weir_gnttab_unmap_grant_ref)},
    [WEIR_GNTTABOP_COPY] = {copy_one, sizeof(struct weir_gnttab_copy)},
};

/* Elements are fetched, done and written back in pieces.  What was done before
 * a pointer to nothing stays done. */
static int64_t batch(struct hv_vcpu *v, const struct batch_op *op,
                     uint64_t addr, uint32_t count)
{
    union {
        struct weir_gnttab_copy align;
        uint8_t bytes[BATCH * sizeof(struct weir_gnttab_copy)];
    } buf;
    struct hv_scrub s;
    int rc = 0;

    s.n = 0;
    while (count && rc == 0) {
        uint32_t n = count < BATCH ? count : BATCH;

        rc = hv_vcpu_read(v, addr, buf.bytes, n * op->size);
        for (uint32_t i = 0; i < n && rc == 0; i++) {
            if (hv_vcpu_go_on(v))
                op->one(v, buf.bytes + i * op->size, &s);
            else
                rc = -WEIR_EAGAIN; /* nobody is there to read it */
        }
        if (rc == 0)
            rc = hv_vcpu_write(v, addr, buf.bytes, n * op->size);
        hv_scrub(v->vm->d->m, &s);
        addr += n * op->size;
        count -= n;
    }
    return rc;
}

/* ---- the table ---------------------------------------------------------- */

static int dom_status(const struct hv_vm *vm, uint16_t dom)
{
    int rc = hv_vm_self(vm, dom);

    if (rc == 0)
        return WEIR_GNTST_OKAY;
    return rc == -WEIR_ESRCH ? WEIR_GNTST_BAD_DOMAIN
                             : WEIR_GNTST_PERMISSION_DENIED;
}

static int grow_to(struct hv_vm *vm, uint32_t frames)
{
    struct hv_domain *d = vm->d;
    int rc = frames > d->grants.max ? -ENOSPC : 0;

    pthread_mutex_lock(&vm->lock);
    while (rc == 0 && d->grants.frames < frames)
        rc = hv_table_grow(d);
    pthread_mutex_unlock(&vm->lock);
    return rc;
}

static int64_t setup_table(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_gnttab_setup_table t;
    struct hv_vm *vm = v->vm;
    int rc = hv_vcpu_read(v, arg, &t, sizeof(t));

    if (rc < 0)
        return rc;
    t.status = (int16_t)dom_status(vm, t.dom);
    if (t.status == WEIR_GNTST_OKAY && grow_to(vm, t.nr_frames) < 0)
        t.status = WEIR_GNTST_GENERAL_ERROR;
    for (uint32_t i = 0; t.status == WEIR_GNTST_OKAY && i < t.nr_frames; i++) {
        uint64_t gfn;

        pthread_mutex_lock(&vm->lock);
        gfn = vm->xen_state.table_gfn[i];
        pthread_mutex_unlock(&vm->lock);
        if (!gfn)
            gfn = UINT64_MAX; /* add_to_physmap puts it somewhere */
        rc =
            hv_vcpu_write(v, t.frame_list + i * sizeof(gfn), &gfn, sizeof(gfn));
        if (rc < 0)
            return rc;
    }
    return hv_vcpu_write(v, arg, &t, sizeof(t));
}

static int64_t query_size(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_gnttab_query_size q;
    struct hv_domain *d = v->vm->d;
    int rc = hv_vcpu_read(v, arg, &q, sizeof(q));

    if (rc < 0)
        return rc;
    q.status = (int16_t)dom_status(v->vm, q.dom);
    if (q.status == WEIR_GNTST_OKAY) {
        pthread_mutex_lock(&d->m->lock);
        q.nr_frames = d->grants.frames;
        q.max_nr_frames = d->grants.max;
        pthread_mutex_unlock(&d->m->lock);
    }
    return hv_vcpu_write(v, arg, &q, sizeof(q));
}

static int64_t set_version(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_gnttab_set_version s;
    int rc = hv_vcpu_read(v, arg, &s, sizeof(s));

    if (rc < 0)
        return rc;
    if (s.version != 1)
        return s.version == 2 ? -WEIR_ENOSYS : -WEIR_EINVAL;
    return 0;
}

static int64_t get_version(struct hv_vcpu *v, uint64_t arg)
{
    struct weir_gnttab_get_version g;
    int rc = hv_vcpu_read(v, arg, &g, sizeof(g));

    if (rc == 0)
        rc = hv_vm_self(v->vm, g.dom);
    if (rc < 0)
        return rc;
    g.version = 1;
    return hv_vcpu_write(v, arg, &g, sizeof(g));
}

int64_t hv_call_grant_table_op(struct hv_vcpu *v, const uint64_t a[5])
{
    uint32_t count = (uint32_t)a[2];

    if (count > INT32_MAX)
        return -WEIR_EINVAL;
    switch (a[0]) {
    case WEIR_GNTTABOP_MAP_GRANT_REF:
    case WEIR_GNTTABOP_UNMAP_GRANT_REF:
    case WEIR_GNTTABOP_COPY:
        return batch(v, &batch_ops[a[0]], a[1], count);
    case WEIR_GNTTABOP_SETUP_TABLE:
        return count == 1 ? setup_table(v, a[1]) : -WEIR_EINVAL;
    case WEIR_GNTTABOP_QUERY_SIZE:
        return count == 1 ? query_size(v, a[1]) : -WEIR_EINVAL;
    case WEIR_GNTTABOP_SET_VERSION:
        return count == 1 ? set_version(v, a[1]) : -WEIR_EINVAL;
    case WEIR_GNTTABOP_GET_VERSION:
        return get_version(v, a[1]);
    default:
        return -WEIR_ENOSYS; /* transfer, version 2 and what needs it */
    }
}
