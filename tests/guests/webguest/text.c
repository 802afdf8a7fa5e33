/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void web_text_free(struct web_text *t)
{
    free(t->p);
    *t = (struct web_text){0};
}

static bool room(struct web_text *t, size_t more)
{
    size_t cap = t->cap ? t->cap : 1024;
    char *p;

    if (t->failed || more > WEB_TEXT_MAX - t->len) {
        t->failed = true;
        return false;
    }
    while (cap < t->len + more + 1)
        cap *= 2;
    if (cap == t->cap)
        return true;
    p = realloc(t->p, cap);
    if (!p) {
        t->failed = true;
        return false;
    }
    t->p = p;
    t->cap = cap;
    return true;
}

static void add_bytes(struct web_text *t, const char *s, size_t n)
{
    if (!room(t, n))
        return;
    memcpy(t->p + t->len, s, n);
    t->len += n;
    t->p[t->len] = '\0';
}

void web_text_add(struct web_text *t, const char *s)
{
    add_bytes(t, s, strlen(s));
}

void web_text_printf(struct web_text *t, const char *fmt, ...)
{
    char line[512];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(line))
        t->failed = true;
    else
        add_bytes(t, line, (size_t)n);
}

static bool url_safe(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || (c && strchr("-._~/", c));
}

void web_text_add_url(struct web_text *t, const char *path)
{
    for (; *path; path++) {
        if (url_safe(*path))
            add_bytes(t, path, 1);
        else
            web_text_printf(t, "%%%02X", (unsigned char)*path);
    }
}

void web_text_add_html(struct web_text *t, const char *text)
{
    for (; *text; text++) {
        switch (*text) {
        case '&':
            web_text_add(t, "&amp;");
            break;
        case '<':
            web_text_add(t, "&lt;");
            break;
        case '>':
            web_text_add(t, "&gt;");
            break;
        case '"':
            web_text_add(t, "&quot;");
            break;
        default:
            add_bytes(t, text, 1);
        }
    }
}

/* Days since 1970-01-01 to a date, in years that begin on 1 March. */
static void civil(uint64_t days, unsigned *y, unsigned *m, unsigned *d)
{
    uint64_t z = days + 719468; /* since 0000-03-01 */
    uint64_t era = z / 146097, doe = z % 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    uint64_t mp = (5 * doy + 2) / 153;

    *d = (unsigned)(doy - (153 * mp + 2) / 5 + 1);
    *m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    *y = (unsigned)(yoe + era * 400 + (*m <= 2 ? 1 : 0));
}

void web_text_add_date(struct web_text *t, uint64_t s)
{
    static const char days[][4] = {"Thu", "Fri", "Sat", "Sun",
                                   "Mon", "Tue", "Wed"};
    static const char months[][4] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    unsigned y, m, d;

    civil(s / 86400, &y, &m, &d);
    web_text_printf(t, "%s, %02u %s %04u %02u:%02u:%02u GMT",
                    days[s / 86400 % 7], d, months[m - 1], y,
                    (unsigned)(s / 3600 % 24), (unsigned)(s / 60 % 60),
                    (unsigned)(s % 60));
}
