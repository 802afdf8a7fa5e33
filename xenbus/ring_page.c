/* SPDX-License-Identifier: MIT */
#include "xenbus/ring_page.h"
#include "ring/barrier.h"
#include "ring/error.h"

int weir_xs_put(volatile char *ring, const volatile uint32_t *cons,
                uint32_t *own, const void *buf, size_t len)
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
    *own += (uint32_t)len;
    return (int)len;
}

int weir_xs_push(volatile char *ring, volatile uint32_t *prod,
                 const volatile uint32_t *cons, uint32_t *own, const void *buf,
                 size_t len, bool *notify)
{
    int n = weir_xs_put(ring, cons, own, buf, len);

    if (n > 0) {
        weir_store_release32(prod, *own);
        *notify = true;
    }
    return n;
}

int weir_xs_take(const volatile char *ring, const volatile uint32_t *prod,
                 uint32_t *own, void *buf, size_t len)
{
    uint32_t avail = weir_load_acquire32(prod) - *own;
    char *to = buf;

    if (avail > WEIR_XS_RING_SIZE)
        return -WEIR_EPROTO;
    if (len > avail)
        len = avail;
    for (size_t i = 0; i < len; i++)
        to[i] = ring[(*own + i) % WEIR_XS_RING_SIZE];
    *own += (uint32_t)len;
    return (int)len;
}

/* The producer sleeps only after it has seen a full ring: it has to be told
 * only if, without what was just taken, the ring is full. */
bool weir_xs_taken(const volatile uint32_t *prod, volatile uint32_t *cons,
                   uint32_t own, int n)
{
    weir_store_release32(cons, own);
    weir_mb();
    return weir_load_relaxed32(prod) - (own - (uint32_t)n) >= WEIR_XS_RING_SIZE;
}

int weir_xs_pull(const volatile char *ring, const volatile uint32_t *prod,
                 volatile uint32_t *cons, uint32_t *own, void *buf, size_t len,
                 bool *notify)
{
    int n = weir_xs_take(ring, prod, own, buf, len);

    if (n > 0 && weir_xs_taken(prod, cons, *own, n))
        *notify = true;
    return n;
}
