/* SPDX-License-Identifier: MIT */
#include "xenbus/ring_page.h"
#include "ring/barrier.h"
#include "ring/error.h"

int weir_xs_push(volatile char *ring, volatile uint32_t *prod,
                 const volatile uint32_t *cons, uint32_t *own, const void *buf,
                 size_t len, bool *notify)
{
    const char *from = buf;
    uint32_t used;

    /* Our producer index must be out before we look whether there is room:
     * the consumer decides by it whether we wait. */
    weir_mb();
    used = *own - weir_load_acquire32(cons);
    if (used > WEIR_XS_RING_SIZE)
        return -WEIR_EPROTO;
    if (len > WEIR_XS_RING_SIZE - used)
        len = WEIR_XS_RING_SIZE - used;
    for (size_t i = 0; i < len; i++)
        ring[(*own + i) % WEIR_XS_RING_SIZE] = from[i];
    if (len) {
        *own += (uint32_t)len;
        weir_store_release32(prod, *own);
        *notify = true;
    }
    return (int)len;
}

int weir_xs_pull(const volatile char *ring, const volatile uint32_t *prod,
                 volatile uint32_t *cons, uint32_t *own, void *buf, size_t len,
                 bool *notify)
{
    uint32_t before = *own, avail = weir_load_acquire32(prod) - before;
    char *to = buf;

    if (avail > WEIR_XS_RING_SIZE)
        return -WEIR_EPROTO;
    if (len > avail)
        len = avail;
    for (size_t i = 0; i < len; i++)
        to[i] = ring[(before + i) % WEIR_XS_RING_SIZE];
    if (len) {
        *own += (uint32_t)len;
        weir_store_release32(cons, *own);
        /* The producer sleeps only after it has seen a full ring: tell it
         * only if, without what we just took, the ring is full. */
        weir_mb();
        if (weir_load_relaxed32(prod) - before >= WEIR_XS_RING_SIZE)
            *notify = true;
    }
    return (int)len;
}
