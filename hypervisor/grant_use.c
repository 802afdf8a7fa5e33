/* SPDX-License-Identifier: MIT
 *
 * Using others' grants: what process domains and VMs have in common.
 */
#include "hypervisor/hypercall.h"

#include "hypervisor/vm.h"

#include <errno.h>
#include <string.h>

int hv_use_begin(struct hv_domain *d, struct hv_handle *e, uint32_t *handle)
{
    struct hv_domain *granter = hv_domain_get(d->m, e->granter);
    int rc;

    if (!granter || granter->destroy)
        return WEIR_GNTST_BAD_DOMAIN;
    rc = hv_grant_acquire(&granter->grants, &d->m->frames, e->ref, d->domid,
                          e->readonly, &e->frame);
    if (rc != WEIR_GNTST_OKAY)
        return rc;
    rc = hv_track_add(&d->track, e, handle);
    if (rc < 0) {
        hv_grant_release(&granter->grants, e->ref, e->readonly);
        return rc == -ENOSPC ? WEIR_GNTST_NO_SPACE : WEIR_GNTST_GENERAL_ERROR;
    }
    hv_frames_map(&d->m->frames, e->frame);
    return WEIR_GNTST_OKAY;
}

void hv_use_end(struct hv_domain *d, uint32_t handle, struct hv_scrub *s)
{
    struct hv_handle *h = hv_track_get(&d->track, handle);
    struct hv_domain *granter = hv_domain_get(d->m, h->granter);

    if (granter)
        hv_grant_release(&granter->grants, h->ref, h->readonly);
    if (hv_frames_unmap(&d->m->frames, h->frame))
        s->frame[s->n++] = h->frame;
    hv_track_del(&d->track, handle);
}

/* One end of a copy, held while the bytes move. */
struct copy_end {
    struct hv_domain *granter; /* NULL: an own frame */
    grant_ref_t ref;
    bool readonly;
    uint8_t *at;
};

static int copy_begin(struct hv_domain *d, struct copy_end *e, bool is_gref,
                      domid_t dom, uint64_t which, uint16_t offset)
{
    mfn_t frame = which;
    int status;

    if (is_gref) {
        struct hv_domain *granter = hv_domain_get(d->m, dom);

        if (!granter || granter->destroy)
            return WEIR_GNTST_BAD_DOMAIN;
        if (which > UINT32_MAX)
            return WEIR_GNTST_BAD_GNTREF;
        e->ref = (grant_ref_t)which;
        status = hv_grant_acquire(&granter->grants, &d->m->frames, e->ref,
                                  d->domid, e->readonly, &frame);
        if (status != WEIR_GNTST_OKAY)
            return status;
        e->granter = granter;
    } else {
        if (d->vm)
            frame = hv_vm_own_frame(d->vm, which);
        if (!hv_frames_grantable(&d->m->frames, frame, d->domid))
            return WEIR_GNTST_BAD_PAGE;
    }
    e->at = (uint8_t *)hv_memory_at(&d->m->mem, frame) + offset;
    return WEIR_GNTST_OKAY;
}

static void copy_end(struct copy_end *e)
{
    if (e->granter)
        hv_grant_release(&e->granter->grants, e->ref, e->readonly);
}

int hv_use_copy(struct hv_domain *d, const struct weir_hv_copy_elem *c)
{
    struct copy_end src = {.readonly = true}, dst = {.readonly = false};
    int status;

    if ((c->flags & ~(WEIR_HV_COPY_SRC_GREF | WEIR_HV_COPY_DST_GREF)) ||
        (uint32_t)c->src_off + c->len > WEIR_PAGE_SIZE ||
        (uint32_t)c->dst_off + c->len > WEIR_PAGE_SIZE)
        return WEIR_GNTST_BAD_COPY_ARG;
    status = copy_begin(d, &src, c->flags & WEIR_HV_COPY_SRC_GREF, c->src_dom,
                        c->src, c->src_off);
    if (status != WEIR_GNTST_OKAY)
        return status;
    status = copy_begin(d, &dst, c->flags & WEIR_HV_COPY_DST_GREF, c->dst_dom,
                        c->dst, c->dst_off);
    if (status == WEIR_GNTST_OKAY) {
        /* Ends may be one frame, and the bytes may change meanwhile. */
        memmove(dst.at, src.at, c->len);
        copy_end(&dst);
    }
    copy_end(&src);
    return status;
}

int hv_table_grow(struct hv_domain *d)
{
    struct hv_machine *m = d->m;
    mfn_t frame = d->grants.first + d->grants.frames;
    int rc;

    if (d->grants.frames >= d->grants.max)
        return -ENOSPC;
    rc = hv_memory_populate(&m->mem, frame, 1);
    if (rc < 0)
        return rc;
    pthread_mutex_lock(&m->lock);
    rc = hv_grants_extend(&d->grants);
    hv_frames_set(&m->frames, frame, 1, HV_FRAME_TABLE);
    pthread_mutex_unlock(&m->lock);
    return rc;
}
