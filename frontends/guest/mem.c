/* SPDX-License-Identifier: MIT
 *
 * The four functions that compiled code may call, for kernels without a C
 * library (one that has one keeps its own).
 */
#include <stddef.h>

#define WEAK __attribute__((weak))

WEAK void *memcpy(void *restrict to, const void *restrict from, size_t n);
WEAK void *memmove(void *to, const void *from, size_t n);
WEAK void *memset(void *to, int c, size_t n);
WEAK int memcmp(const void *a, const void *b, size_t n);

/* Also for memmove, which cannot use memcpy: that may be another's. */
static inline void *forward(void *to, const void *from, size_t n)
{
    void *at = to;

    __asm__ volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(n) : : "memory");
    return to;
}

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    return forward(to, from, n);
}

void *memmove(void *to, const void *from, size_t n)
{
    char *last = (char *)to + n - 1;
    const char *from_last = (const char *)from + n - 1;

    if ((size_t)((char *)to - (const char *)from) >= n)
        return forward(to, from, n);
    __asm__ volatile("std; rep movsb; cld"
                     : "+D"(last), "+S"(from_last), "+c"(n)
                     :
                     : "memory");
    return to;
}

void *memset(void *to, int c, size_t n)
{
    void *at = to;

    __asm__ volatile("rep stosb" : "+D"(at), "+c"(n) : "a"(c) : "memory");
    return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *p = a, *q = b;

    for (size_t i = 0; i < n; i++)
        if (p[i] != q[i])
            return p[i] < q[i] ? -1 : 1;
    return 0;
}
