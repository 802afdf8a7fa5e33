/* SPDX-License-Identifier: MIT
 *
 * Pages that stay granted: the caller's areas, bounce pages, segment tables.
 */
#include "frontends/blk/blkfront_priv.h"

int weir_bf_alloc_table(struct weir_port *port, size_t bytes, void **out,
                        unsigned *pages)
{
    *pages = (unsigned)((bytes + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE);
    return port->ops->alloc_pages(port, *pages, out);
}

static void page_done(void *context, void *page)
{
    struct weir_port *port = context;

    port->ops->free_pages(port, page, 1);
}

/* A page that the backend still has mapped is freed when it lets go. */
void weir_bf_area_end(struct weir_blkfront *bf, struct weir_bf_area *a)
{
    if (a->base == NULL)
        return;
    for (unsigned i = 0; i < a->count; i++)
        weir_gnttab_end_deferred(bf->gnttab, a->ref[i],
                                 a->base + (size_t)i * WEIR_PAGE_SIZE,
                                 page_done, bf->port);
    bf->port->ops->free_pages(bf->port, a->ref, a->ref_pages);
    a->base = NULL;
    a->count = 0;
}

int weir_bf_area_new(struct weir_blkfront *bf, struct weir_bf_area *a,
                     unsigned count, bool readonly)
{
    struct weir_port *p = bf->port;
    void *base, *ref;
    int err;

    if (count == 0 || count > 1u << 20)
        return -WEIR_EINVAL;
    err = p->ops->alloc_pages(p, count, &base);
    if (err != 0)
        return err;
    err =
        weir_bf_alloc_table(p, count * sizeof(a->ref[0]), &ref, &a->ref_pages);
    if (err != 0) {
        p->ops->free_pages(p, base, count);
        return err;
    }
    a->base = base;
    a->ref = ref;
    for (a->count = 0; a->count < count && err == 0; a->count++)
        err = weir_gnttab_grant(bf->gnttab, bf->dev.backend_domid,
                                a->base + (size_t)a->count * WEIR_PAGE_SIZE,
                                readonly, &a->ref[a->count]);
    if (err == 0)
        return 0;
    a->count--; /* the one that failed */
    p->ops->free_pages(p, a->base + (size_t)a->count * WEIR_PAGE_SIZE,
                       count - a->count);
    weir_bf_area_end(bf, a);
    return err;
}

const struct weir_bf_area *weir_bf_find(const struct weir_blkfront *bf,
                                        const void *data, size_t len)
{
    uintptr_t p = (uintptr_t)data;

    for (unsigned i = 0; i < bf->areas; i++) {
        const struct weir_bf_area *a = &bf->area[i];
        uintptr_t base = (uintptr_t)a->base;
        size_t size = (size_t)a->count * WEIR_PAGE_SIZE;

        if (a->base != NULL && p >= base && p - base < size &&
            len <= size - (p - base))
            return a;
    }
    return NULL;
}

int weir_bf_pool_new(struct weir_blkfront *bf, struct weir_bf_pool *p,
                     unsigned count, bool readonly)
{
    void *next;
    unsigned pages;
    int err = weir_bf_area_new(bf, &p->area, count, readonly);

    if (err != 0)
        return err;
    /* The chain's words are private: not in the granted pages. */
    err = weir_bf_alloc_table(bf->port, count * sizeof(p->next[0]), &next,
                              &pages);
    if (err != 0) {
        weir_bf_area_end(bf, &p->area);
        return err;
    }
    p->next = next;
    p->free = WEIR_BF_NONE;
    p->nfree = count;
    for (unsigned i = count; i-- > 0;) {
        p->next[i] = p->free;
        p->free = (uint16_t)i;
    }
    return 0;
}

void weir_bf_pool_end(struct weir_blkfront *bf, struct weir_bf_pool *p)
{
    unsigned count = p->area.count;

    if (p->next == NULL)
        return;
    weir_bf_area_end(bf, &p->area);
    bf->port->ops->free_pages(
        bf->port, p->next,
        (unsigned)((count * sizeof(p->next[0]) + WEIR_PAGE_SIZE - 1) /
                   WEIR_PAGE_SIZE));
    p->next = NULL;
}

uint16_t weir_bf_pool_get(struct weir_bf_pool *p)
{
    uint16_t i = p->free;

    if (i != WEIR_BF_NONE) {
        p->free = p->next[i];
        p->next[i] = WEIR_BF_NONE;
        p->nfree--;
    }
    return i;
}

void weir_bf_pool_put(struct weir_bf_pool *p, uint16_t first)
{
    while (first != WEIR_BF_NONE) {
        uint16_t next = p->next[first];

        p->next[first] = p->free;
        p->free = first;
        p->nfree++;
        first = next;
    }
}
