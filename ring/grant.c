/* SPDX-License-Identifier: MIT
 *
 * Granting side of the grant table: entries and the free list.  What waits
 * (deferred ends, waiters) is in grant_wait.c.
 */
#include "ring/grant.h"

#include "ring/grant_private.h"

static void push_free(struct weir_gnttab *gt, grant_ref_t ref)
{
    struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

    r->state = WEIR_REF_FREE;
    r->next = gt->head;
    gt->head = ref;
    gt->nfree++;
}

/* Enter what the table has gained into the free list, a frame at a time. */
static int learn(struct weir_gnttab *gt)
{
    while (gt->nknown + WEIR_GRANTS_PER_FRAME <= gt->nrefs) {
        uint32_t frame = gt->nknown / WEIR_GRANTS_PER_FRAME;
        uint32_t first = gt->nknown;
        void *pages;

        if (frame == WEIR_GNTTAB_MAX_FRAMES)
            return -WEIR_ENOSPC;
        if (gt->port->ops->alloc_pages(gt->port, WEIR_GNTTAB_CHUNK_PAGES,
                                       &pages) != 0)
            return -WEIR_ENOSPC;
        gt->chunk[frame] = pages;
        gt->nknown += WEIR_GRANTS_PER_FRAME;
        if (first < WEIR_GNTTAB_NR_RESERVED)
            first = WEIR_GNTTAB_NR_RESERVED;
        /* Downwards, so that low references are handed out first. */
        for (uint32_t ref = gt->nknown; ref-- > first;) {
            /* Not ours when the builder of the domain has filled it. */
            if (weir_load_relaxed16(&gt->entries[ref].flags) == 0)
                push_free(gt, ref);
        }
    }
    return 0;
}

static int grow(struct weir_gnttab *gt)
{
    uint32_t had = gt->nfree;
    int rc = 0;

    /* An earlier growth may be waiting for private pages. */
    if (gt->nknown + WEIR_GRANTS_PER_FRAME > gt->nrefs)
        rc = gt->port->ops->grant_table(gt->port, true, &gt->entries,
                                        &gt->nrefs);
    if (rc == 0)
        rc = learn(gt);
    return gt->nfree > had ? 0 : rc != 0 ? rc : -WEIR_ENOSPC;
}

int weir_gnttab_init(struct weir_gnttab *gt, struct weir_port *port)
{
    int rc;

    weir_memset(gt, 0, sizeof(*gt));
    gt->port = port;
    gt->head = gt->deferred = WEIR_GRANT_REF_NONE;
    gt->waiters_tail = &gt->waiters;
    rc = port->ops->grant_table(port, false, &gt->entries, &gt->nrefs);
    if (rc == 0 && gt->nrefs < WEIR_GRANTS_PER_FRAME)
        rc = port->ops->grant_table(port, true, &gt->entries, &gt->nrefs);
    if (rc == 0)
        rc = learn(gt);
    if (rc == -WEIR_ENOSPC && gt->nknown == 0)
        rc = -WEIR_ENOMEM;
    return gt->nknown > 0 ? 0 : rc != 0 ? rc : -WEIR_ENOMEM;
}

int weir_gnttab_fini(struct weir_gnttab *gt)
{
    bool busy;

    weir_spin_lock(&gt->lock);
    busy = gt->ndeferred != 0;
    for (uint32_t ref = 0; ref < gt->nknown && !busy; ref++)
        busy = weir_gnttab_ref_(gt, ref)->state > WEIR_REF_FREE;
    weir_spin_unlock(&gt->lock);
    if (busy)
        return -WEIR_EBUSY;
    for (uint32_t i = 0; i < WEIR_GNTTAB_MAX_FRAMES; i++) {
        if (gt->chunk[i] != NULL)
            gt->port->ops->free_pages(gt->port, gt->chunk[i],
                                      WEIR_GNTTAB_CHUNK_PAGES);
    }
    weir_memset(gt, 0, sizeof(*gt));
    return 0;
}

/* The order of grant_abi.h: the entry is valid only with its flags. */
static void fill(struct weir_gnttab *gt, grant_ref_t ref, domid_t domid,
                 uint32_t frame, bool readonly)
{
    volatile struct weir_grant_entry_v1 *e = &gt->entries[ref];

    weir_store_relaxed16(&e->domid, domid);
    weir_store_relaxed32(&e->frame, frame);
    weir_store_release16(&e->flags, WEIR_GTF_PERMIT_ACCESS |
                                        (readonly ? WEIR_GTF_READONLY : 0));
}

static int grant_from(struct weir_gnttab *gt, uint32_t *head, uint32_t *count,
                      domid_t domid, const void *page, bool readonly,
                      grant_ref_t *ref)
{
    mfn_t frame = gt->port->ops->frame(gt->port, page);
    struct weir_gnttab_ref *r;

    if (frame > UINT32_MAX)
        return -WEIR_ERANGE;
    *ref = *head;
    r = weir_gnttab_ref_(gt, *ref);
    *head = r->next;
    (*count)--;
    r->state = WEIR_REF_GRANTED;
    fill(gt, *ref, domid, (uint32_t)frame, readonly);
    return 0;
}

int weir_gnttab_grant(struct weir_gnttab *gt, domid_t domid, const void *page,
                      bool readonly, grant_ref_t *ref)
{
    int rc = 0;

    weir_spin_lock(&gt->lock);
    if (gt->nfree == 0)
        rc = grow(gt);
    if (rc == 0)
        rc = grant_from(gt, &gt->head, &gt->nfree, domid, page, readonly, ref);
    weir_spin_unlock(&gt->lock);
    return rc;
}

int weir_gnttab_revoke_(struct weir_gnttab *gt, grant_ref_t ref)
{
    volatile uint16_t *flags = &gt->entries[ref].flags;
    uint16_t seen = weir_load_relaxed16(flags);

    /* Each failure means that the hypervisor changed the use bits meanwhile;
     * a peer that maps and unmaps all the time looks busy. */
    for (unsigned attempt = 0; attempt < 16; attempt++) {
        uint16_t was;

        if ((seen & (WEIR_GTF_READING | WEIR_GTF_WRITING)) != 0)
            return -WEIR_EBUSY;
        was = weir_cmpxchg16(flags, seen, 0);
        if (was == seen)
            return 0;
        seen = was;
    }
    return -WEIR_EBUSY;
}

/* End ref, lock held; the caller puts it into a free list. */
static int end_locked(struct weir_gnttab *gt, grant_ref_t ref)
{
    if (ref >= gt->nknown ||
        weir_gnttab_ref_(gt, ref)->state != WEIR_REF_GRANTED)
        return -WEIR_EINVAL;
    return weir_gnttab_revoke_(gt, ref);
}

void weir_gnttab_release_(struct weir_gnttab *gt, grant_ref_t ref)
{
    push_free(gt, ref);
}

int weir_gnttab_end(struct weir_gnttab *gt, grant_ref_t ref)
{
    struct weir_gnttab_waiter *ready = NULL;
    int rc;

    weir_spin_lock(&gt->lock);
    rc = end_locked(gt, ref);
    if (rc == 0) {
        push_free(gt, ref);
        ready = weir_gnttab_take_ready_(gt);
    }
    weir_spin_unlock(&gt->lock);
    weir_gnttab_call_ready_(gt, ready);
    return rc;
}

bool weir_gnttab_in_use(struct weir_gnttab *gt, grant_ref_t ref)
{
    bool in_use = false;

    weir_spin_lock(&gt->lock);
    if (ref < gt->nknown)
        in_use = (weir_load_relaxed16(&gt->entries[ref].flags) &
                  (WEIR_GTF_READING | WEIR_GTF_WRITING)) != 0;
    weir_spin_unlock(&gt->lock);
    return in_use;
}

int weir_gnttab_reserve(struct weir_gnttab *gt, struct weir_gnttab_pool *pool,
                        uint32_t count)
{
    int rc = 0;

    weir_spin_lock(&gt->lock);
    while (rc == 0 && gt->nfree < count)
        rc = grow(gt);
    if (pool->total == 0)
        pool->head = WEIR_GRANT_REF_NONE;
    for (uint32_t i = 0; rc == 0 && i < count; i++) {
        grant_ref_t ref = gt->head;
        struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

        gt->head = r->next;
        gt->nfree--;
        r->state = WEIR_REF_RESERVED;
        r->next = pool->head;
        pool->head = ref;
        pool->count++;
        pool->total++;
    }
    weir_spin_unlock(&gt->lock);
    return rc;
}

int weir_gnttab_pool_grant(struct weir_gnttab *gt,
                           struct weir_gnttab_pool *pool, domid_t domid,
                           const void *page, bool readonly, grant_ref_t *ref)
{
    int rc = -WEIR_ENOSPC;

    weir_spin_lock(&gt->lock);
    if (pool->count > 0)
        rc = grant_from(gt, &pool->head, &pool->count, domid, page, readonly,
                        ref);
    weir_spin_unlock(&gt->lock);
    return rc;
}

int weir_gnttab_pool_end(struct weir_gnttab *gt, struct weir_gnttab_pool *pool,
                         grant_ref_t ref)
{
    int rc;

    weir_spin_lock(&gt->lock);
    rc = pool->count < pool->total ? end_locked(gt, ref) : -WEIR_EINVAL;
    if (rc == 0) {
        struct weir_gnttab_ref *r = weir_gnttab_ref_(gt, ref);

        r->state = WEIR_REF_RESERVED;
        r->next = pool->head;
        pool->head = ref;
        pool->count++;
    }
    weir_spin_unlock(&gt->lock);
    return rc;
}

void weir_gnttab_unreserve(struct weir_gnttab *gt,
                           struct weir_gnttab_pool *pool)
{
    struct weir_gnttab_waiter *ready;

    weir_spin_lock(&gt->lock);
    while (pool->count > 0) {
        grant_ref_t ref = pool->head;

        pool->head = weir_gnttab_ref_(gt, ref)->next;
        pool->count--;
        push_free(gt, ref);
    }
    pool->total = 0;
    ready = weir_gnttab_take_ready_(gt);
    weir_spin_unlock(&gt->lock);
    weir_gnttab_call_ready_(gt, ready);
}

uint32_t weir_gnttab_free_refs(struct weir_gnttab *gt)
{
    uint32_t n;

    weir_spin_lock(&gt->lock);
    n = gt->nfree;
    weir_spin_unlock(&gt->lock);
    return n;
}
