/* SPDX-License-Identifier: MIT
 *
 * The request/response ring (ring_abi.h), both ends.
 *
 * The peer writes into the same pages at any time, so: a slot is copied out
 * once and only the copy is used; every index that counts is kept in private
 * memory; the peer's producer index is validated before it is believed; and no
 * pointer into the pages is ever given out.  A producer index that cannot be
 * true marks the ring broken: from then on the calls that look at it return
 * -WEIR_EPROTO, and the caller closes the connection.
 *
 * Use WEIR_RING_TYPES(name, req_type, rsp_type) (ring_types.h) to get typed
 * functions weir_NAME_front_* and weir_NAME_back_*; blkif_ring.h and
 * netif_ring.h have those of the Xen protocols.  One thread uses an end at a
 * time.
 *
 *   front: put ... put, push (notify the peer when it says so); get until 0;
 *          before sleeping arm, and go on when it returns 1
 *   back:  get until 0; put, put, push (notify); arm likewise
 */
#ifndef WEIR_RING_RING_H
#define WEIR_RING_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/barrier.h"
#include "ring/compiler.h"
#include "ring/error.h"
#include "ring/ring_abi.h"

#define WEIR_RING_PAGE_SIZE 4096u

/* The mapped pages; private to this library. */
struct weir_ring_mem {
    uint8_t *base; /* of page 0 when the pages are neighbours, else NULL */
    volatile struct weir_sring_header *hdr;
    uint32_t mask; /* slots - 1 */
    uint32_t npages;
    uint8_t *page[WEIR_RING_MAX_PAGES];
};

struct weir_ring_front {
    struct weir_ring_mem mem;
    uint32_t req_prod;   /* put */
    uint32_t req_pushed; /* published */
    uint32_t rsp_cons;   /* got */
    uint32_t rsp_seen;   /* the peer's rsp_prod, validated */
    bool broken;
};

struct weir_ring_back {
    struct weir_ring_mem mem;
    uint32_t rsp_prod;   /* put */
    uint32_t rsp_pushed; /* published */
    uint32_t req_cons;   /* got */
    uint32_t req_seen;   /* the peer's req_prod, validated */
    bool broken;
};

/* What the shared header holds at one moment: the peer's word, not truth. */
struct weir_ring_indexes {
    uint32_t req_prod, req_event, rsp_prod, rsp_event;
};

/* Untyped set-up.  pages: npages (1-16) page-aligned addresses of the ring's
 * pages in order; slot: bytes of a slot.  Errors: -WEIR_EINVAL. */

/* Slots of a ring of npages; 0 when none fits. */
uint32_t weir_ring_slots(unsigned npages, uint32_t slot);
/* Format fresh pages and be their frontend. */
int weir_ring_front_init(struct weir_ring_front *r, void *const *pages,
                         unsigned npages, uint32_t slot);
/* Be the frontend of a ring in use, at known private indexes: requests below
 * req_prod were published, responses below rsp_cons taken. */
int weir_ring_front_attach(struct weir_ring_front *r, void *const *pages,
                           unsigned npages, uint32_t slot, uint32_t req_prod,
                           uint32_t rsp_cons);
/* Be the backend of a ring whose past requests are all answered: continue at
 * the page's rsp_prod.  -WEIR_EPROTO when its indexes cannot be true. */
int weir_ring_back_init(struct weir_ring_back *r, void *const *pages,
                        unsigned npages, uint32_t slot);
/* Successor of a backend, at known private indexes: requests below req_cons
 * were taken, responses below rsp_prod published: the page's rsp_prod is stored
 * again. */
int weir_ring_back_attach(struct weir_ring_back *r, void *const *pages,
                          unsigned npages, uint32_t slot, uint32_t req_cons,
                          uint32_t rsp_prod);
struct weir_ring_indexes weir_ring_read_indexes(const struct weir_ring_mem *m);

/* The rest is private: use the typed functions. */

/* Slots that lie in two pages, or pages that are not neighbours. */
void weir_ring_copy_out_split(const struct weir_ring_mem *m, uint32_t off,
                              void *dst, uint32_t len);
void weir_ring_copy_in_split(const struct weir_ring_mem *m, uint32_t off,
                             const void *src, uint32_t len);

WEIR_INLINE uint8_t *weir_ring_at_(const struct weir_ring_mem *m, uint32_t off,
                                   uint32_t len)
{
    if (weir_likely(m->base != NULL))
        return m->base + off;
    if ((off & (WEIR_RING_PAGE_SIZE - 1)) + len <= WEIR_RING_PAGE_SIZE)
        return m->page[off / WEIR_RING_PAGE_SIZE] +
               (off & (WEIR_RING_PAGE_SIZE - 1));
    return NULL;
}

/* Copy one slot to private memory.  The barrier keeps the compiler from using
 * the slot itself, which may change, instead of the copy. */
WEIR_INLINE void weir_ring_copy_out_(const struct weir_ring_mem *m,
                                     uint32_t idx, uint32_t slot, void *dst,
                                     uint32_t len)
{
    uint32_t off = WEIR_RING_HEADER_SIZE + (idx & m->mask) * slot;
    const uint8_t *p = weir_ring_at_(m, off, len);

    if (weir_likely(p != NULL))
        weir_memcpy(dst, p, len);
    else
        weir_ring_copy_out_split(m, off, dst, len);
    weir_compiler_barrier();
}

WEIR_INLINE void weir_ring_copy_in_(const struct weir_ring_mem *m, uint32_t idx,
                                    uint32_t slot, const void *src,
                                    uint32_t len)
{
    uint32_t off = WEIR_RING_HEADER_SIZE + (idx & m->mask) * slot;
    uint8_t *p = weir_ring_at_(m, off, len);

    if (weir_likely(p != NULL))
        weir_memcpy(p, src, len);
    else
        weir_ring_copy_in_split(m, off, src, len);
}

/* The slot that comes next, fetched while its index is still being waited for:
 * the two cache misses overlap. */
WEIR_INLINE void weir_ring_prefetch_(const struct weir_ring_mem *m,
                                     uint32_t idx, uint32_t slot, uint32_t len)
{
    uint32_t off = WEIR_RING_HEADER_SIZE + (idx & m->mask) * slot;

    for (uint32_t at = 0; at < len; at += 64)
        __builtin_prefetch(weir_ring_at_(m, off + at, 1));
}

/* Publish new_prod after old; true: the peer asked to be notified. */
WEIR_INLINE bool weir_ring_publish_(volatile uint32_t *prod,
                                    const volatile uint32_t *event,
                                    uint32_t old, uint32_t new_prod)
{
    if (new_prod == old)
        return false;
    weir_store_release32(prod, new_prod);
    weir_mb(); /* the index before the look at event: see ring_abi.h */
    return new_prod - weir_load_relaxed32(event) < new_prod - old;
}

WEIR_INLINE uint32_t weir_ring_front_free_(const struct weir_ring_front *r)
{
    return r->mem.mask + 1 - (r->req_prod - r->rsp_cons);
}

WEIR_INLINE int weir_ring_front_put_(struct weir_ring_front *r, uint32_t slot,
                                     const void *req, uint32_t len)
{
    if (weir_unlikely(weir_ring_front_free_(r) == 0))
        return -WEIR_ENOSPC;
    weir_ring_copy_in_(&r->mem, r->req_prod, slot, req, len);
    r->req_prod++;
    return 0;
}

WEIR_INLINE bool weir_ring_front_push_(struct weir_ring_front *r)
{
    uint32_t old = r->req_pushed;

    r->req_pushed = r->req_prod;
    return weir_ring_publish_(&r->mem.hdr->req_prod, &r->mem.hdr->req_event,
                              old, r->req_prod);
}

/* Look at the peer's index: 1 there is more, 0 not, or -WEIR_EPROTO: more
 * responses than requests were sent. */
WEIR_INLINE int weir_ring_front_look_(struct weir_ring_front *r)
{
    uint32_t prod = weir_load_acquire32(&r->mem.hdr->rsp_prod);

    if (weir_unlikely(r->broken ||
                      prod - r->rsp_cons > r->req_pushed - r->rsp_cons)) {
        r->broken = true;
        return -WEIR_EPROTO;
    }
    r->rsp_seen = prod;
    return prod != r->rsp_cons;
}

WEIR_INLINE int weir_ring_front_get_(struct weir_ring_front *r, uint32_t slot,
                                     void *rsp, uint32_t len)
{
    if (r->rsp_seen == r->rsp_cons) {
        int more;

        weir_ring_prefetch_(&r->mem, r->rsp_cons, slot, len);
        more = weir_ring_front_look_(r);
        if (more <= 0)
            return more;
    }
    weir_ring_copy_out_(&r->mem, r->rsp_cons, slot, rsp, len);
    r->rsp_cons++;
    return 1;
}

WEIR_INLINE int weir_ring_front_arm_(struct weir_ring_front *r, uint32_t after)
{
    int more = weir_ring_front_look_(r);
    uint32_t inflight = r->req_pushed - r->rsp_cons;

    if (more != 0)
        return more;
    if (after > inflight) /* else the notification might never come */
        after = inflight > 0 ? inflight : 1;
    weir_store_relaxed32(&r->mem.hdr->rsp_event, r->rsp_cons + after);
    weir_mb();
    more = weir_ring_front_look_(r);
    /* With a batch asked for, fewer than it are no reason to stay awake. */
    return more > 0 && r->rsp_seen - r->rsp_cons < after ? 0 : more;
}

WEIR_INLINE void weir_ring_front_quiet_(struct weir_ring_front *r)
{
    weir_store_relaxed32(&r->mem.hdr->rsp_event, r->rsp_cons);
}

WEIR_INLINE int weir_ring_back_look_(struct weir_ring_back *r)
{
    uint32_t prod = weir_load_acquire32(&r->mem.hdr->req_prod);

    if (weir_unlikely(r->broken || prod - r->rsp_prod > r->mem.mask + 1 ||
                      prod - r->rsp_prod < r->req_cons - r->rsp_prod)) {
        r->broken = true;
        return -WEIR_EPROTO;
    }
    r->req_seen = prod;
    return prod != r->req_cons;
}

WEIR_INLINE int weir_ring_back_get_(struct weir_ring_back *r, uint32_t slot,
                                    void *req, uint32_t len)
{
    if (r->req_seen == r->req_cons) {
        int more;

        weir_ring_prefetch_(&r->mem, r->req_cons, slot, len);
        more = weir_ring_back_look_(r);
        if (more <= 0)
            return more;
    }
    weir_ring_copy_out_(&r->mem, r->req_cons, slot, req, len);
    r->req_cons++;
    return 1;
}

WEIR_INLINE void weir_ring_back_unget_(struct weir_ring_back *r, uint32_t slot,
                                       const void *req, uint32_t len)
{
    if (r->req_cons != r->rsp_prod)
        weir_ring_copy_in_(&r->mem, --r->req_cons, slot, req, len);
}

WEIR_INLINE int weir_ring_back_peek_(struct weir_ring_back *r, uint32_t slot,
                                     uint32_t ahead, void *req, uint32_t len)
{
    if (r->req_seen - r->req_cons <= ahead) {
        int more = weir_ring_back_look_(r);
        if (more < 0)
            return more;
        if (r->req_seen - r->req_cons <= ahead)
            return 0;
    }
    weir_ring_copy_out_(&r->mem, r->req_cons + ahead, slot, req, len);
    return 1;
}

WEIR_INLINE int weir_ring_back_put_(struct weir_ring_back *r, uint32_t slot,
                                    const void *rsp, uint32_t len)
{
    if (weir_unlikely(r->rsp_prod == r->req_cons))
        return -WEIR_EINVAL; /* no request is unanswered */
    weir_ring_copy_in_(&r->mem, r->rsp_prod, slot, rsp, len);
    r->rsp_prod++;
    return 0;
}

WEIR_INLINE bool weir_ring_back_push_(struct weir_ring_back *r)
{
    uint32_t old = r->rsp_pushed;

    r->rsp_pushed = r->rsp_prod;
    return weir_ring_publish_(&r->mem.hdr->rsp_prod, &r->mem.hdr->rsp_event,
                              old, r->rsp_prod);
}

WEIR_INLINE int weir_ring_back_arm_(struct weir_ring_back *r, uint32_t after)
{
    int more = weir_ring_back_look_(r);

    if (more < 0 || r->req_seen - r->req_cons >= after)
        return more;
    weir_store_relaxed32(&r->mem.hdr->req_event, r->req_cons + after);
    weir_mb();
    more = weir_ring_back_look_(r);
    return more > 0 && r->req_seen - r->req_cons < after ? 0 : more;
}

WEIR_INLINE void weir_ring_back_quiet_(struct weir_ring_back *r)
{
    weir_store_relaxed32(&r->mem.hdr->req_event, r->req_cons);
}

#include "ring/ring_types.h"

#endif
