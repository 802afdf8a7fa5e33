/* SPDX-License-Identifier: MIT */
#include "frontends/common/text.h"

#include "xenbus/wire.h"

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

    weir_xs_format_u64(v, digits);
    weir_text_str(t, digits);
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
