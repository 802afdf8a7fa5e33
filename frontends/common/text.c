/* SPDX-License-Identifier: MIT */
#include "frontends/common/text.h"

#include "ring/error.h"

void weir_text_init(struct weir_text *t, char *buf, size_t size)
{
    t->buf = buf;
    t->size = size;
    t->len = 0;
    t->full = size == 0;
    if (size > 0)
        buf[0] = '\0';
}

void weir_text_str(struct weir_text *t, const char *s)
{
    while (*s != '\0' && !t->full) {
        if (t->len + 1 >= t->size) {
            t->full = true;
            return;
        }
        t->buf[t->len++] = *s++;
        t->buf[t->len] = '\0';
    }
}

void weir_text_u64(struct weir_text *t, uint64_t v)
{
    char digits[21];
    unsigned i = sizeof(digits) - 1;

    digits[i] = '\0';
    do {
        digits[--i] = (char)('0' + v % 10);
        v /= 10;
    } while (v != 0);
    weir_text_str(t, &digits[i]);
}

size_t weir_text_len(const char *s)
{
    size_t n = 0;

    while (s[n] != '\0')
        n++;
    return n;
}

bool weir_text_equal(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return *a == *b;
}

bool weir_text_starts(const char *s, const char *prefix)
{
    while (*prefix != '\0')
        if (*s++ != *prefix++)
            return false;
    return true;
}

int weir_text_parse(const char *s, uint64_t *out)
{
    uint64_t v = 0;

    if (*s == '\0')
        return -WEIR_EINVAL;
    for (; *s != '\0'; s++) {
        if (*s < '0' || *s > '9' || v > (UINT64_MAX - 9) / 10)
            return -WEIR_EINVAL;
        v = v * 10 + (uint64_t)(*s - '0');
    }
    *out = v;
    return 0;
}
