/* SPDX-License-Identifier: MIT
 *
 * All atomics and memory barriers of the project.
 *
 * Two kinds of words use them.  Words shared with another domain (ring
 * indexes, grant flags, pending bits) have one writer each and a peer that may
 * be hostile: whatever was loaded is a private copy from then on.  Words
 * shared by threads of one domain are ordinary.  Both pairings are the same:
 * a release store is seen by an acquire load together with all that was
 * written before it.
 *
 * Pointers are to volatile objects so that a load happens exactly once.
 */
#ifndef WEIR_RING_BARRIER_H
#define WEIR_RING_BARRIER_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/compiler.h"

/* The compiler may neither move accesses across nor repeat a load made before:
 * after it, shared memory may hold something else. */
WEIR_INLINE void weir_compiler_barrier(void)
{
    __asm__ volatile("" ::: "memory");
}

/* Full barrier: the one order that neither acquire nor release gives, an
 * earlier store against a later load.  A locked add is cheaper than mfence. */
WEIR_INLINE void weir_mb(void)
{
#if defined(__x86_64__)
    __asm__ volatile("lock; addl $0, -4(%%rsp)" ::: "memory", "cc");
#else
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
#endif
}

/* In a spin loop: lets the other hardware thread run, saves power. */
WEIR_INLINE void weir_pause(void)
{
#if defined(__x86_64__)
    __asm__ volatile("pause" ::: "memory");
#elif defined(__aarch64__)
    __asm__ volatile("yield" ::: "memory");
#else
    weir_compiler_barrier();
#endif
}

#define WEIR_BARRIER_LOADS_STORES(bits)                                        \
    WEIR_INLINE uint##bits##_t weir_load_relaxed##bits(                        \
        const volatile uint##bits##_t *p)                                      \
    {                                                                          \
        return __atomic_load_n(p, __ATOMIC_RELAXED);                           \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_load_acquire##bits(                        \
        const volatile uint##bits##_t *p)                                      \
    {                                                                          \
        return __atomic_load_n(p, __ATOMIC_ACQUIRE);                           \
    }                                                                          \
    WEIR_INLINE void weir_store_relaxed##bits(volatile uint##bits##_t *p,      \
                                              uint##bits##_t v)                \
    {                                                                          \
        __atomic_store_n(p, v, __ATOMIC_RELAXED);                              \
    }                                                                          \
    WEIR_INLINE void weir_store_release##bits(volatile uint##bits##_t *p,      \
                                              uint##bits##_t v)                \
    {                                                                          \
        __atomic_store_n(p, v, __ATOMIC_RELEASE);                              \
    }

/* Read-modify-write, fully ordered.  cmpxchg returns what was there: equal to
 * want when it stored new. */
#define WEIR_BARRIER_RMW(bits)                                                 \
    WEIR_INLINE uint##bits##_t weir_cmpxchg##bits(volatile uint##bits##_t *p,  \
                                                  uint##bits##_t want,         \
                                                  uint##bits##_t new_value)    \
    {                                                                          \
        __atomic_compare_exchange_n(p, &want, new_value, false,                \
                                    __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);       \
        return want;                                                           \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_xchg##bits(volatile uint##bits##_t *p,     \
                                               uint##bits##_t v)               \
    {                                                                          \
        return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);                    \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_fetch_or##bits(volatile uint##bits##_t *p, \
                                                   uint##bits##_t v)           \
    {                                                                          \
        return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);                      \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_fetch_and##bits(                           \
        volatile uint##bits##_t *p, uint##bits##_t v)                          \
    {                                                                          \
        return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);                     \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_fetch_add##bits(                           \
        volatile uint##bits##_t *p, uint##bits##_t v)                          \
    {                                                                          \
        return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);                     \
    }                                                                          \
    WEIR_INLINE uint##bits##_t weir_fetch_sub##bits(                           \
        volatile uint##bits##_t *p, uint##bits##_t v)                          \
    {                                                                          \
        return __atomic_fetch_sub(p, v, __ATOMIC_SEQ_CST);                     \
    }

WEIR_BARRIER_LOADS_STORES(8)
WEIR_BARRIER_LOADS_STORES(16)
WEIR_BARRIER_LOADS_STORES(32)
WEIR_BARRIER_LOADS_STORES(64)
WEIR_BARRIER_RMW(8)
WEIR_BARRIER_RMW(16)
WEIR_BARRIER_RMW(32)
WEIR_BARRIER_RMW(64)

/* A word that only its owner thread changes and others read (statistics):
 * no lock prefix needed. */
WEIR_INLINE void weir_count64(volatile uint64_t *p, uint64_t n)
{
    weir_store_relaxed64(p, weir_load_relaxed64(p) + n);
}

/* Small lock between threads of one domain, for short sections that make no
 * blocking call.  {0} is unlocked. */
struct weir_spinlock {
    volatile uint32_t held;
};

WEIR_INLINE void weir_spin_lock(struct weir_spinlock *l)
{
    while (__atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE) != 0) {
        while (weir_load_relaxed32(&l->held) != 0)
            weir_pause();
    }
}

WEIR_INLINE bool weir_spin_trylock(struct weir_spinlock *l)
{
    return __atomic_exchange_n(&l->held, 1u, __ATOMIC_ACQUIRE) == 0;
}

WEIR_INLINE void weir_spin_unlock(struct weir_spinlock *l)
{
    weir_store_release32(&l->held, 0);
}

#endif
