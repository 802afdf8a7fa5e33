/* SPDX-License-Identifier: MIT
 *
 * The fake machine: grants, mapped and copied, and what tests ask about them.
 */
#include "tests/unit/fake_private.h"

#include <stdlib.h>
#include <string.h>

static struct weir_grant_entry_v1 *entry(struct fake_domain *d, grant_ref_t ref)
{
    struct weir_grant_entry_v1 *table =
        (void *)(d->m->mem + (size_t)d->table_first * WEIR_PAGE_SIZE);

    return &table[ref];
}

/* Use ref of granter for `by`: marks the entry, as one compare-exchange with
 * the checks. 0 and *frame, or -error. */
static int begin_use(struct fake_domain *granter, grant_ref_t ref, domid_t by,
                     bool readonly, uint32_t *frame)
{
    struct fake_active *act;
    struct weir_grant_entry_v1 *e;
    uint16_t flags;

    if (granter == NULL)
        return -WEIR_ENODEV;
    if (ref >= granter->table_frames * WEIR_GRANTS_PER_FRAME)
        return -WEIR_EINVAL;
    e = entry(granter, ref);
    act = &granter->active[ref];
    flags = __atomic_load_n(&e->flags, __ATOMIC_ACQUIRE);
    for (;;) {
        uint16_t want =
            flags | WEIR_GTF_READING | (readonly ? 0 : WEIR_GTF_WRITING);

        if ((flags & WEIR_GTF_TYPE_MASK) != WEIR_GTF_PERMIT_ACCESS ||
            __atomic_load_n(&e->domid, __ATOMIC_RELAXED) != by)
            return -WEIR_EINVAL;
        if (!readonly && (flags & WEIR_GTF_READONLY) != 0)
            return -WEIR_EACCES;
        if (__atomic_compare_exchange_n(&e->flags, &flags, want, false,
                                        __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
            break;
    }
    if (act->uses == 0)
        act->frame = __atomic_load_n(&e->frame, __ATOMIC_RELAXED);
    *frame = act->frame;
    act->uses++;
    act->writers += !readonly;
    return 0;
}

static void end_use(struct fake_domain *granter, grant_ref_t ref, bool readonly)
{
    struct fake_active *act = &granter->active[ref];
    uint16_t clear = 0;

    act->uses--;
    act->writers -= !readonly;
    if (act->writers == 0)
        clear |= WEIR_GTF_WRITING;
    if (act->uses == 0)
        clear |= WEIR_GTF_READING;
    if (!granter->dead)
        __atomic_fetch_and(&entry(granter, ref)->flags, (uint16_t)~clear,
                           __ATOMIC_SEQ_CST);
}

/* begin_use, and the frame must be the granter's. */
static int begin_checked(struct fake_domain *granter, grant_ref_t ref,
                         domid_t by, bool readonly, uint32_t *frame)
{
    int rc = begin_use(granter, ref, by, readonly, frame);

    if (rc == 0 && (*frame >= granter->m->nframes ||
                    granter->m->frame[*frame].owner != granter ||
                    granter->m->frame[*frame].orphan)) {
        end_use(granter, ref, readonly);
        rc = -WEIR_EFAULT;
    }
    return rc;
}

/* A free handle; handle 0 is never used. */
static uint32_t new_handle(struct fake_domain *d)
{
    uint32_t h;

    for (h = 1; h < d->map_slots; h++) {
        if (d->maps[h].granter == NULL)
            return h;
    }
    d->map_slots = d->map_slots == 0 ? 64 : d->map_slots * 2;
    d->maps = realloc(d->maps, d->map_slots * sizeof(*d->maps));
    if (d->maps == NULL)
        abort();
    memset(&d->maps[h == 1 ? 0 : h], 0,
           (d->map_slots - (h == 1 ? 0 : h)) * sizeof(*d->maps));
    return h;
}

static int map_one(struct fake_domain *d, struct weir_map_op *op)
{
    struct fake_domain *granter = fake_find(d->m, op->dom);
    uint32_t frame;
    int rc = fake_enter(d, WEIR_FAKE_MAP);

    if (rc == 0 && d->nmaps >= d->max_maps)
        rc = -WEIR_ENOSPC;
    if (rc == 0)
        rc = begin_checked(granter, op->ref, d->domid, op->readonly, &frame);
    if (rc != 0)
        return rc;
    if (d->ro_count[frame] == UINT8_MAX || d->rw_count[frame] == UINT8_MAX) {
        end_use(granter, op->ref, op->readonly);
        return -WEIR_ENOSPC;
    }
    op->handle = new_handle(d);
    d->maps[op->handle] =
        (struct fake_map){granter, op->ref, frame, op->readonly};
    d->nmaps++;
    d->m->frame[frame].foreign++;
    if (op->readonly)
        d->ro_count[frame]++;
    else
        d->rw_count[frame]++;
    fake_protect(d, frame);
    op->addr = d->window + (size_t)frame * WEIR_PAGE_SIZE;
    return 0;
}

int fake_map(struct weir_port *p, struct weir_map_op *ops, unsigned n)
{
    struct fake_domain *d = fake_of(p);

    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < n; i++)
        ops[i].status = map_one(d, &ops[i]);
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

static void unmap_handle(struct fake_domain *d, uint32_t handle)
{
    struct fake_map map = d->maps[handle];
    struct fake_frame *f = &d->m->frame[map.frame];

    d->maps[handle] = (struct fake_map){0};
    d->nmaps--;
    if (map.readonly)
        d->ro_count[map.frame]--;
    else
        d->rw_count[map.frame]--;
    f->foreign--;
    end_use(map.granter, map.ref, map.readonly);
    if (f->orphan && f->foreign == 0)
        *f = (struct fake_frame){0};
    fake_protect(d, map.frame);
}

static int unmap_one(struct fake_domain *d, struct weir_unmap_op *op)
{
    int rc = fake_enter(d, WEIR_FAKE_UNMAP);

    if (rc != 0)
        return rc;
    if (op->handle >= d->map_slots || d->maps[op->handle].granter == NULL ||
        op->addr !=
            d->window + (size_t)d->maps[op->handle].frame * WEIR_PAGE_SIZE)
        return -WEIR_EINVAL;
    unmap_handle(d, op->handle);
    return 0;
}

int fake_unmap(struct weir_port *p, struct weir_unmap_op *ops, unsigned n)
{
    struct fake_domain *d = fake_of(p);

    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < n; i++)
        ops[i].status = unmap_one(d, &ops[i]);
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

void fake_unmap_all(struct fake_domain *d)
{
    for (uint32_t h = 1; h < d->map_slots; h++) {
        if (d->maps[h].granter != NULL)
            unmap_handle(d, h);
    }
}

/* Where one side of a copy is; granter is set while the grant is in use. */
struct side {
    struct fake_domain *granter;
    uint8_t *at;
};

static int open_side(struct fake_domain *d, const struct weir_copy_end *end,
                     uint16_t len, bool readonly, struct side *s)
{
    uint32_t frame;

    if ((uint32_t)end->offset + len > WEIR_PAGE_SIZE)
        return -WEIR_EINVAL;
    if (end->is_grant) {
        struct fake_domain *granter = fake_find(d->m, end->dom);
        int rc = begin_checked(granter, end->ref, d->domid, readonly, &frame);

        if (rc != 0)
            return rc;
        s->granter = granter;
    } else {
        mfn_t own = d->port.ops->frame(&d->port, end->page);

        if (own == 0 || d->m->frame[own].owner != d)
            return -WEIR_EFAULT;
        frame = (uint32_t)own;
    }
    s->at = d->m->mem + (size_t)frame * WEIR_PAGE_SIZE + end->offset;
    return 0;
}

static int copy_one(struct fake_domain *d, const struct weir_copy_op *op)
{
    struct side src = {0}, dst = {0};
    int rc = fake_enter(d, WEIR_FAKE_COPY);

    if (rc == 0)
        rc = open_side(d, &op->src, op->len, true, &src);
    if (rc == 0)
        rc = open_side(d, &op->dst, op->len, false, &dst);
    if (rc == 0)
        memmove(dst.at, src.at, op->len);
    if (dst.granter != NULL)
        end_use(dst.granter, op->dst.ref, false);
    if (src.granter != NULL)
        end_use(src.granter, op->src.ref, true);
    return rc;
}

int fake_copy(struct weir_port *p, struct weir_copy_op *ops, unsigned n)
{
    struct fake_domain *d = fake_of(p);

    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < n; i++)
        ops[i].status = copy_one(d, &ops[i]);
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

unsigned weir_fake_granted(struct weir_port *port)
{
    struct fake_domain *d = fake_of(port);
    unsigned granted = 0;

    pthread_mutex_lock(&d->m->lock);
    for (grant_ref_t ref = 0;
         !d->dead && ref < d->table_frames * WEIR_GRANTS_PER_FRAME; ref++)
        granted += __atomic_load_n(&entry(d, ref)->flags, __ATOMIC_RELAXED) !=
                   WEIR_GTF_INVALID;
    pthread_mutex_unlock(&d->m->lock);
    return granted;
}

/* The entry the builder of a domain would fill. */
static void set_store_entry(struct fake_domain *d, domid_t store,
                            uint32_t frame, uint16_t flags)
{
    struct weir_grant_entry_v1 *e = entry(d, WEIR_GNTTAB_RESERVED_XENSTORE);

    pthread_mutex_lock(&d->m->lock);
    e->domid = store;
    e->frame = frame;
    __atomic_store_n(&e->flags, flags, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&d->m->lock);
}

int weir_fake_store_pair(struct weir_port *guest, struct weir_port *store,
                         mfn_t *frame, evtchn_port_t *evtchn)
{
    struct weir_port_start *start = &guest->start;
    int rc = guest->ops->alloc_pages(guest, 1, &start->store_page);

    if (rc != 0)
        return rc;
    rc = guest->ops->evtchn_alloc(guest, store->start.domid,
                                  &start->store_evtchn);
    if (rc != 0)
        return rc;
    *frame = guest->ops->frame(guest, start->store_page);
    *evtchn = start->store_evtchn;
    set_store_entry(fake_of(guest), store->start.domid, (uint32_t)*frame,
                    WEIR_GTF_PERMIT_ACCESS);
    return 0;
}

void weir_fake_store_unpair(struct weir_port *guest)
{
    struct weir_port_start *start = &guest->start;

    guest->ops->evtchn_close(guest, start->store_evtchn);
    set_store_entry(fake_of(guest), 0, 0, WEIR_GTF_INVALID);
    guest->ops->free_pages(guest, start->store_page, 1);
    start->store_page = NULL;
    start->store_evtchn = 0;
}
