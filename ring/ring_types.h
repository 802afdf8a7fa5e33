/* SPDX-License-Identifier: MIT
 *
 * WEIR_RING_TYPES: the typed functions of one protocol's ring.  Included by
 * ring/ring.h.
 */
#ifndef WEIR_RING_RING_TYPES_H
#define WEIR_RING_RING_TYPES_H

#include "ring/ring.h"

/* Typed functions of a protocol.
 *
 * front_init, front_attach, back_init, back_attach   as above, without slot
 * front_free(r)            slots for further requests
 * front_put(r, req)        0, or -WEIR_ENOSPC; the peer sees it after push
 * front_push(r)            publish what was put; true: notify the peer now
 * front_get(r, rsp)        1 copied; 0 none; -WEIR_EPROTO
 * front_inflight(r)        requests published and not answered
 * front_arm(r)             1 more is there, do not sleep; 0 sleep: the peer
 *                          will notify; -WEIR_EPROTO
 * front_arm_after(r, n)    the same, but be notified only when n >= 1 more
 *                          responses (or all in flight, if fewer) are there
 * front_quiet(r)           polling: the peer need not notify
 * back_get(r, req)         1, 0, -WEIR_EPROTO
 * back_peek(r, k, req)     copy of the request k >= 0 after the next one, left
 *                          in the ring: 1, 0 not there, -WEIR_EPROTO.  A later
 *                          get copies again: use only what that one gives.
 * back_unget(r, req)       the request taken last goes back into its slot, which
 *                          a response may have overwritten: for a successor
 * back_available(r)        requests there, or -WEIR_EPROTO
 * back_put(r, rsp)         0; -WEIR_EINVAL when every taken request has its
 *                          response
 * back_unanswered(r)       requests taken that have no response put
 * back_push, back_arm, back_arm_after, back_quiet    as front
 */
#define WEIR_RING_TYPES(name, req_type, rsp_type)                              \
    union weir_##name##_ring_slot_ {                                           \
        req_type req;                                                          \
        rsp_type rsp;                                                          \
    };                                                                         \
    enum { WEIR_RING_SLOT_##name = sizeof(union weir_##name##_ring_slot_) };   \
    struct weir_##name##_front_ring {                                          \
        struct weir_ring_front r;                                              \
    };                                                                         \
    struct weir_##name##_back_ring {                                           \
        struct weir_ring_back r;                                               \
    };                                                                         \
    WEIR_INLINE uint32_t weir_##name##_ring_slots(unsigned npages)             \
    {                                                                          \
        return weir_ring_slots(npages, WEIR_RING_SLOT_##name);                 \
    }                                                                          \
    WEIR_RING_FRONT_(name, req_type, rsp_type)                                 \
    WEIR_RING_BACK_(name, req_type, rsp_type)

#define WEIR_RING_FRONT_(name, req_type, rsp_type)                             \
    WEIR_INLINE int weir_##name##_front_init(                                  \
        struct weir_##name##_front_ring *f, void *const *pages,                \
        unsigned npages)                                                       \
    {                                                                          \
        return weir_ring_front_init(&f->r, pages, npages,                      \
                                    WEIR_RING_SLOT_##name);                    \
    }                                                                          \
    WEIR_INLINE int weir_##name##_front_attach(                                \
        struct weir_##name##_front_ring *f, void *const *pages,                \
        unsigned npages, uint32_t req_prod, uint32_t rsp_cons)                 \
    {                                                                          \
        return weir_ring_front_attach(                                         \
            &f->r, pages, npages, WEIR_RING_SLOT_##name, req_prod, rsp_cons);  \
    }                                                                          \
    WEIR_INLINE uint32_t weir_##name##_front_free(                             \
        const struct weir_##name##_front_ring *f)                              \
    {                                                                          \
        return weir_ring_front_free_(&f->r);                                   \
    }                                                                          \
    WEIR_INLINE uint32_t weir_##name##_front_inflight(                         \
        const struct weir_##name##_front_ring *f)                              \
    {                                                                          \
        return f->r.req_pushed - f->r.rsp_cons;                                \
    }                                                                          \
    WEIR_INLINE int weir_##name##_front_put(                                   \
        struct weir_##name##_front_ring *f, const req_type *req)               \
    {                                                                          \
        return weir_ring_front_put_(&f->r, WEIR_RING_SLOT_##name, req,         \
                                    sizeof(*req));                             \
    }                                                                          \
    WEIR_INLINE bool weir_##name##_front_push(                                 \
        struct weir_##name##_front_ring *f)                                    \
    {                                                                          \
        return weir_ring_front_push_(&f->r);                                   \
    }                                                                          \
    WEIR_INLINE int weir_##name##_front_get(                                   \
        struct weir_##name##_front_ring *f, rsp_type *rsp)                     \
    {                                                                          \
        return weir_ring_front_get_(&f->r, WEIR_RING_SLOT_##name, rsp,         \
                                    sizeof(*rsp));                             \
    }                                                                          \
    WEIR_INLINE int weir_##name##_front_arm(                                   \
        struct weir_##name##_front_ring *f)                                    \
    {                                                                          \
        return weir_ring_front_arm_(&f->r, 1);                                 \
    }                                                                          \
    WEIR_INLINE int weir_##name##_front_arm_after(                             \
        struct weir_##name##_front_ring *f, uint32_t n)                        \
    {                                                                          \
        return weir_ring_front_arm_(&f->r, n);                                 \
    }                                                                          \
    WEIR_INLINE void weir_##name##_front_quiet(                                \
        struct weir_##name##_front_ring *f)                                    \
    {                                                                          \
        weir_ring_front_quiet_(&f->r);                                         \
    }

#define WEIR_RING_BACK_(name, req_type, rsp_type)                              \
    WEIR_INLINE int weir_##name##_back_init(struct weir_##name##_back_ring *b, \
                                            void *const *pages,                \
                                            unsigned npages)                   \
    {                                                                          \
        return weir_ring_back_init(&b->r, pages, npages,                       \
                                   WEIR_RING_SLOT_##name);                     \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_attach(                                 \
        struct weir_##name##_back_ring *b, void *const *pages,                 \
        unsigned npages, uint32_t req_cons, uint32_t rsp_prod)                 \
    {                                                                          \
        return weir_ring_back_attach(                                          \
            &b->r, pages, npages, WEIR_RING_SLOT_##name, req_cons, rsp_prod);  \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_get(struct weir_##name##_back_ring *b,  \
                                           req_type *req)                      \
    {                                                                          \
        return weir_ring_back_get_(&b->r, WEIR_RING_SLOT_##name, req,          \
                                   sizeof(*req));                              \
    }                                                                          \
    WEIR_INLINE void weir_##name##_back_unget(                                 \
        struct weir_##name##_back_ring *b, const req_type *req)                \
    {                                                                          \
        weir_ring_back_unget_(&b->r, WEIR_RING_SLOT_##name, req,               \
                              sizeof(*req));                                   \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_peek(struct weir_##name##_back_ring *b, \
                                            uint32_t ahead, req_type *req)     \
    {                                                                          \
        return weir_ring_back_peek_(&b->r, WEIR_RING_SLOT_##name, ahead, req,  \
                                    sizeof(*req));                             \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_available(                              \
        struct weir_##name##_back_ring *b)                                     \
    {                                                                          \
        int more = weir_ring_back_look_(&b->r);                                \
        return more < 0 ? more : (int)(b->r.req_seen - b->r.req_cons);         \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_put(struct weir_##name##_back_ring *b,  \
                                           const rsp_type *rsp)                \
    {                                                                          \
        return weir_ring_back_put_(&b->r, WEIR_RING_SLOT_##name, rsp,          \
                                   sizeof(*rsp));                              \
    }                                                                          \
    WEIR_INLINE uint32_t weir_##name##_back_unanswered(                        \
        const struct weir_##name##_back_ring *b)                               \
    {                                                                          \
        return b->r.req_cons - b->r.rsp_prod;                                  \
    }                                                                          \
    WEIR_INLINE bool weir_##name##_back_push(                                  \
        struct weir_##name##_back_ring *b)                                     \
    {                                                                          \
        return weir_ring_back_push_(&b->r);                                    \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_arm(struct weir_##name##_back_ring *b)  \
    {                                                                          \
        return weir_ring_back_arm_(&b->r, 1);                                  \
    }                                                                          \
    WEIR_INLINE int weir_##name##_back_arm_after(                              \
        struct weir_##name##_back_ring *b, uint32_t n)                         \
    {                                                                          \
        return weir_ring_back_arm_(&b->r, n);                                  \
    }                                                                          \
    WEIR_INLINE void weir_##name##_back_quiet(                                 \
        struct weir_##name##_back_ring *b)                                     \
    {                                                                          \
        weir_ring_back_quiet_(&b->r);                                          \
    }

#endif
