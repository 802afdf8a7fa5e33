/* SPDX-License-Identifier: MIT
 *
 * What the freestanding code needs of the compiler (gcc or clang, C11).
 */
#ifndef WEIR_RING_COMPILER_H
#define WEIR_RING_COMPILER_H

#include <stddef.h>
#include <stdint.h>

#define weir_likely(x)   __builtin_expect(!!(x), 1)
#define weir_unlikely(x) __builtin_expect(!!(x), 0)

/* For the ring's hot path: sizes passed as constants must stay constants. */
#define WEIR_INLINE            static inline __attribute__((always_inline, unused))
#define WEIR_NOINLINE          __attribute__((noinline, cold))
#define WEIR_UNUSED            __attribute__((unused))
#define WEIR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

#define WEIR_STATIC_ASSERT(cond, why) _Static_assert(cond, why)

/* Elements of an array; a pointer is a compile error (zero-width trick: the
 * address of an array has another type than the address of its element). */
#define WEIR_ARRAY_SIZE(a)                                                     \
    (sizeof(a) / sizeof((a)[0]) +                                              \
     0 * sizeof(struct {                                                       \
         int not_a_pointer : 1 - 2 * __builtin_types_compatible_p(             \
                                         __typeof__(a), __typeof__(&(a)[0]));  \
     }))
#define WEIR_FIELD_SIZE(type, field) sizeof(((type *)0)->field)

/* The struct that holds member at ptr. */
#define weir_container_of(ptr, type, member)                                   \
    ((type *)(void *)((char *)(uintptr_t)(1 ? (ptr)                            \
                                            : (__typeof__(&((type *)0)         \
                                                               ->member))0) -  \
                      offsetof(type, member)))

/* memcpy and memset that stay the compiler's own under -ffreestanding, so that
 * a constant size becomes plain moves. */
#define weir_memcpy(dst, src, n) __builtin_memcpy((dst), (src), (n))
#define weir_memset(dst, c, n)   __builtin_memset((dst), (c), (n))

#endif
