/* SPDX-License-Identifier: MIT
 *
 * Ring: set-up, and the slots that straddle two pages.
 */
#include "ring/ring.h"

#include "ring/checked.h"

uint32_t weir_ring_slots(unsigned npages, uint32_t slot)
{
    if (npages < 1 || npages > WEIR_RING_MAX_PAGES || slot == 0)
        return 0;
    return weir_pow2_floor(
        (npages * WEIR_RING_PAGE_SIZE - WEIR_RING_HEADER_SIZE) / slot);
}

static int mem_init(struct weir_ring_mem *m, void *const *pages,
                    unsigned npages, uint32_t slot)
{
    uint32_t slots = weir_ring_slots(npages, slot);
    bool neighbours = true;

    /* A slot lies in at most two pages. */
    if (slots == 0 || slot > WEIR_RING_PAGE_SIZE)
        return -WEIR_EINVAL;
    weir_memset(m, 0, sizeof(*m));
    for (unsigned i = 0; i < npages; i++) {
        if (pages[i] == NULL ||
            ((uintptr_t)pages[i] & (WEIR_RING_PAGE_SIZE - 1)) != 0)
            return -WEIR_EINVAL;
        m->page[i] = pages[i];
        if ((uintptr_t)pages[i] !=
            (uintptr_t)pages[0] + (uintptr_t)i * WEIR_RING_PAGE_SIZE)
            neighbours = false;
    }
    m->npages = npages;
    m->mask = slots - 1;
    m->hdr = (volatile struct weir_sring_header *)pages[0];
    m->base = neighbours ? m->page[0] : NULL;
    return 0;
}

int weir_ring_front_attach(struct weir_ring_front *r, void *const *pages,
                           unsigned npages, uint32_t slot, uint32_t req_prod,
                           uint32_t rsp_cons)
{
    int rc = mem_init(&r->mem, pages, npages, slot);

    if (rc != 0)
        return rc;
    if (req_prod - rsp_cons > r->mem.mask + 1)
        return -WEIR_EINVAL;
    r->req_prod = r->req_pushed = req_prod;
    r->rsp_cons = r->rsp_seen = rsp_cons;
    r->broken = false;
    return 0;
}

int weir_ring_front_init(struct weir_ring_front *r, void *const *pages,
                         unsigned npages, uint32_t slot)
{
    int rc = weir_ring_front_attach(r, pages, npages, slot, 0, 0);

    if (rc != 0)
        return rc;
    for (unsigned i = 0; i < npages; i++)
        weir_memset(r->mem.page[i], 0, WEIR_RING_PAGE_SIZE);
    weir_store_relaxed32(&r->mem.hdr->req_event, 1);
    weir_store_release32(&r->mem.hdr->rsp_event, 1);
    return 0;
}

int weir_ring_back_attach(struct weir_ring_back *r, void *const *pages,
                          unsigned npages, uint32_t slot, uint32_t req_cons,
                          uint32_t rsp_prod)
{
    int rc = mem_init(&r->mem, pages, npages, slot);

    if (rc != 0)
        return rc;
    if (req_cons - rsp_prod > r->mem.mask + 1)
        return -WEIR_EINVAL;
    r->req_cons = r->req_seen = req_cons;
    r->rsp_prod = r->rsp_pushed = rsp_prod;
    r->broken = false;
    /* A predecessor may have died between its commit and this. */
    weir_store_release32(&r->mem.hdr->rsp_prod, rsp_prod);
    return 0;
}

int weir_ring_back_init(struct weir_ring_back *r, void *const *pages,
                        unsigned npages, uint32_t slot)
{
    struct weir_ring_indexes now;
    int rc = mem_init(&r->mem, pages, npages, slot);

    if (rc != 0)
        return rc;
    now = weir_ring_read_indexes(&r->mem);
    if (now.req_prod - now.rsp_prod > r->mem.mask + 1)
        return -WEIR_EPROTO;
    return weir_ring_back_attach(r, pages, npages, slot, now.rsp_prod,
                                 now.rsp_prod);
}

struct weir_ring_indexes weir_ring_read_indexes(const struct weir_ring_mem *m)
{
    struct weir_ring_indexes now = {
        .req_prod = weir_load_acquire32(&m->hdr->req_prod),
        .req_event = weir_load_relaxed32(&m->hdr->req_event),
        .rsp_prod = weir_load_acquire32(&m->hdr->rsp_prod),
        .rsp_event = weir_load_relaxed32(&m->hdr->rsp_event),
    };

    return now;
}

void weir_ring_copy_out_split(const struct weir_ring_mem *m, uint32_t off,
                              void *dst, uint32_t len)
{
    uint32_t page = off / WEIR_RING_PAGE_SIZE;
    uint32_t in_page = off & (WEIR_RING_PAGE_SIZE - 1);
    uint32_t first = WEIR_RING_PAGE_SIZE - in_page;

    if (first > len)
        first = len;
    weir_memcpy(dst, m->page[page] + in_page, first);
    if (len > first)
        weir_memcpy((uint8_t *)dst + first, m->page[page + 1], len - first);
}

void weir_ring_copy_in_split(const struct weir_ring_mem *m, uint32_t off,
                             const void *src, uint32_t len)
{
    uint32_t page = off / WEIR_RING_PAGE_SIZE;
    uint32_t in_page = off & (WEIR_RING_PAGE_SIZE - 1);
    uint32_t first = WEIR_RING_PAGE_SIZE - in_page;

    if (first > len)
        first = len;
    weir_memcpy(m->page[page] + in_page, src, first);
    if (len > first)
        weir_memcpy(m->page[page + 1], (const uint8_t *)src + first,
                    len - first);
}
