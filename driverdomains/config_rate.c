/* SPDX-License-Identifier: MIT
 *
 * rate= of a vif, as xl takes it: NUMBER [K|M|G] (b|B) "/s" [@ NUMBER
 * (us|ms|s)].  Small b counts bits; K, M and G are powers of 1000.
 */
#include "driverdomains/config.h"

#include <errno.h>
#include <string.h>

#define WINDOW_MAX_US 10000000u

/* Digits at *s; moves *s behind them. */
static int number(const char **s, uint64_t *out)
{
    uint64_t v = 0;
    const char *p = *s;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(*p - '0'), &v))
            return -ERANGE;
    if (p == *s)
        return -EINVAL;
    *s = p;
    *out = v;
    return 0;
}

static int window(const char *s, uint32_t *us)
{
    uint64_t v, scale;

    if (number(&s, &v))
        return -EINVAL;
    if (!strcmp(s, "us"))
        scale = 1;
    else if (!strcmp(s, "ms"))
        scale = 1000;
    else if (!strcmp(s, "s"))
        scale = 1000000;
    else
        return -EINVAL;
    if (v == 0 || __builtin_mul_overflow(v, scale, &v) || v > WINDOW_MAX_US)
        return -ERANGE;
    *us = (uint32_t)v;
    return 0;
}

int weir_cfg_rate(const char *s, uint64_t *bytes_per_s, uint32_t *window_us)
{
    uint64_t v, scale = 1;
    uint32_t us = 0;
    bool bits;

    if (number(&s, &v))
        return -EINVAL;
    if (*s == 'K')
        scale = 1000;
    else if (*s == 'M')
        scale = 1000000;
    else if (*s == 'G')
        scale = 1000000000;
    if (scale != 1)
        s++;
    if (*s != 'b' && *s != 'B')
        return -EINVAL;
    bits = *s++ == 'b';
    if (strncmp(s, "/s", 2) || (s[2] && s[2] != '@'))
        return -EINVAL;
    if (s[2] == '@' && window(s + 3, &us))
        return -EINVAL;
    if (__builtin_mul_overflow(v, scale, &v))
        return -ERANGE;
    v = bits ? v / 8 : v;
    if (v == 0)
        return -ERANGE; /* would mean "no limit" */
    *bytes_per_s = v;
    *window_us = us;
    return 0;
}
