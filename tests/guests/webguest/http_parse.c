/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/http_parse.h"

#include <string.h>

struct slice {
    const char *p;
    size_t n;
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

static bool same(struct slice s, const char *word)
{
    size_t n = strlen(word);

    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(s.p[i]) != lower(word[i]))
            return false;
    return true;
}

static bool is_token_char(char c)
{
    if ((c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z'))
        return true;
    return c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static struct slice trim(struct slice s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Up to the first c, which is taken away; everything when there is none. */
static struct slice cut(struct slice *s, char c)
{
    const char *at = s->n ? memchr(s->p, c, s->n) : NULL;
    struct slice head = {s->p, at ? (size_t)(at - s->p) : s->n};

    s->p += head.n + (at ? 1 : 0);
    s->n -= head.n + (at ? 1 : 0);
    return head;
}

static bool number(struct slice s, uint64_t *out)
{
    uint64_t v = 0;

    if (s.n == 0)
        return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9' ||
            __builtin_mul_overflow(v, (uint64_t)10, &v) ||
            __builtin_add_overflow(v, (uint64_t)(s.p[i] - '0'), &v))
            return false;
    }
    *out = v;
    return true;
}

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Next byte of a target, %-escapes decoded; -1 when it is malformed. */
static int decode(struct slice *s)
{
    int c = (unsigned char)s->p[0];
    bool escaped = c == '%';

    if (escaped) {
        if (s->n < 3 || hex(s->p[1]) < 0 || hex(s->p[2]) < 0)
            return -1;
        c = hex(s->p[1]) << 4 | hex(s->p[2]);
        s->p += 2, s->n -= 2;
    }
    s->p++, s->n--;
    if (c == '/' && escaped) /* would make a separator of a name */
        return -1;
    return c < 0x20 || c == 0x7f ? -1 : c;
}

/* Take the last segment of out[0..n) away: ".." above the root is refused. */
static int pop_segment(const char *out, size_t n)
{
    if (n == 0)
        return -400;
    while (out[--n] != '/')
        ;
    return (int)n;
}

/* Join the segment out[start..n) (out[start] is '/') to what precedes it. */
static int close_segment(char *out, size_t start, size_t n)
{
    struct slice seg = {out + start + 1, n - start - 1};

    if (seg.n == 0 || same(seg, "."))
        return (int)start;
    if (same(seg, ".."))
        return pop_segment(out, start);
    if (seg.n > 255)
        return -404;
    return (int)n;
}

static int parse_path(struct slice target, struct web_request *r)
{
    size_t n = 0, start = 0;
    struct slice path = cut(&target, '?');
    int c, k;

    if (path.n == 0 || path.p[0] != '/')
        return -400;
    r->slash = path.p[path.n - 1] == '/';
    while (path.n) {
        bool separator = path.p[0] == '/';

        if ((c = decode(&path)) < 0)
            return -400;
        if (separator && n > 0) {
            if ((k = close_segment(r->path, start, n)) < 0)
                return k;
            n = (size_t)k;
        }
        if (separator)
            start = n;
        if (n + 1 >= sizeof(r->path))
            return -414;
        r->path[n++] = (char)c;
    }
    if ((k = close_segment(r->path, start, n)) < 0)
        return k;
    n = (size_t)k;
    if (n == 0)
        r->path[n++] = '/';
    r->path[n] = '\0';
    return 0;
}

static int parse_line(struct slice line, struct web_request *r, bool *is_11)
{
    static const char *const names[] = {"GET", "HEAD", "PUT", "OPTIONS"};
    struct slice method = cut(&line, ' ');
    struct slice target = cut(&line, ' ');

    if (method.n == 0 || target.n == 0)
        return -400;
    for (size_t i = 0; i < method.n; i++)
        if (!is_token_char(method.p[i]))
            return -400;
    if (line.n != 8 || memcmp(line.p, "HTTP/", 5) != 0 || line.p[6] != '.')
        return -400;
    if (line.p[5] != '1' || line.p[7] < '0' || line.p[7] > '9')
        return -505;
    *is_11 = line.p[7] != '0';
    r->keep_alive = *is_11;
    r->method = WEB_UNKNOWN;
    for (unsigned i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (method.n == strlen(names[i]) &&
            memcmp(method.p, names[i], method.n) == 0)
            r->method = (enum web_method)i;
    if (r->method == WEB_OPTIONS && same(target, "*"))
        target.p = "/";
    return parse_path(target, r);
}

/* A Range that is malformed or asks for several ranges is ignored, as the
 * standard allows; of several fields the last one counts. */
static void parse_range(struct slice v, struct web_request *r)
{
    struct slice unit = cut(&v, '=');
    struct slice first;

    r->range = WEB_RANGE_NONE;
    if (!same(trim(unit), "bytes") || (v.n && memchr(v.p, ',', v.n)))
        return;
    v = trim(v);
    if (v.n == 0 || !memchr(v.p, '-', v.n))
        return;
    first = cut(&v, '-');
    if (first.n == 0) {
        if (number(v, &r->last))
            r->range = WEB_RANGE_SUFFIX;
    } else if (number(first, &r->first)) {
        if (v.n == 0)
            r->range = WEB_RANGE_FROM;
        else if (number(v, &r->last) && r->first <= r->last)
            r->range = WEB_RANGE_CLOSED;
    }
}

static void parse_connection(struct slice v, struct web_request *r)
{
    while (v.n) {
        struct slice word = trim(cut(&v, ','));

        if (same(word, "close"))
            r->keep_alive = false;
        else if (same(word, "keep-alive"))
            r->keep_alive = true;
    }
}

static int parse_length(struct slice v, struct web_request *r)
{
    uint64_t n;

    if (!number(v, &n) || (r->has_length && n != r->length))
        return -400;
    r->has_length = true;
    r->length = n;
    return 0;
}

static int parse_field(struct slice name, struct slice v, struct web_request *r,
                       unsigned *hosts)
{
    if (same(name, "host")) {
        ++*hosts;
    } else if (same(name, "content-length")) {
        return parse_length(v, r);
    } else if (same(name, "transfer-encoding")) {
        return -501;
    } else if (same(name, "connection")) {
        parse_connection(v, r);
    } else if (same(name, "expect")) {
        if (!same(v, "100-continue"))
            return -417;
        r->expect_continue = true;
    } else if (same(name, "range")) {
        parse_range(v, r);
    } else if (same(name, "if-range")) {
        r->has_if_range = true;
        if (v.n < sizeof(r->if_range)) {
            memcpy(r->if_range, v.p, v.n);
            r->if_range[v.n] = '\0';
        }
    }
    return 0;
}

static int parse_fields(struct slice s, struct web_request *r, bool is_11)
{
    unsigned hosts = 0;

    while (s.n) {
        struct slice line = cut(&s, '\n');
        struct slice name;
        int err;

        if (line.n && line.p[line.n - 1] == '\r')
            line.n--;
        if (line.n == 0)
            break;
        if (!memchr(line.p, ':', line.n))
            return -400;
        name = cut(&line, ':');
        if (name.n == 0)
            return -400;
        for (size_t i = 0; i < name.n; i++)
            if (!is_token_char(name.p[i]))
                return -400;
        for (size_t i = 0; i < line.n; i++)
            if ((unsigned char)line.p[i] < 0x20 && line.p[i] != '\t')
                return -400;
        if ((err = parse_field(name, trim(line), r, &hosts)) < 0)
            return err;
    }
    return hosts > 1 || (is_11 && hosts == 0) ? -400 : 0;
}

/* Length of the head with its empty line, 0 when its end is not there yet. */
static size_t head_length(const char *buf, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (buf[i] != '\n')
            continue;
        if (i + 1 < len && buf[i + 1] == '\n')
            return i + 2;
        if (i + 2 < len && buf[i + 1] == '\r' && buf[i + 2] == '\n')
            return i + 3;
    }
    return 0;
}

int web_http_parse(const char *buf, size_t len, struct web_request *r)
{
    size_t skip = 0, head;
    struct slice all, line;
    bool is_11 = false;
    int err;

    /* A client may send an empty line after a body. */
    while (skip < len && skip < 4 && (buf[skip] == '\r' || buf[skip] == '\n'))
        skip++;
    head = head_length(buf + skip, len - skip);
    if (head + skip > WEB_REQUEST_MAX || (head == 0 && len >= WEB_REQUEST_MAX))
        return -431;
    if (head == 0)
        return 0;
    memset(r, 0, sizeof(*r));
    all = (struct slice){buf + skip, head};
    line = cut(&all, '\n');
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    if ((err = parse_line(line, r, &is_11)) < 0)
        return err;
    if ((err = parse_fields(all, r, is_11)) < 0)
        return err;
    return (int)(skip + head);
}

int web_http_range(const struct web_request *r, uint64_t size, uint64_t *first,
                   uint64_t *last)
{
    *first = 0;
    *last = size - 1;
    switch (r->range) {
    case WEB_RANGE_NONE:
        return 0;
    case WEB_RANGE_SUFFIX:
        if (r->last == 0 || size == 0)
            return -416;
        if (r->last < size)
            *first = size - r->last;
        return 1;
    case WEB_RANGE_FROM:
    case WEB_RANGE_CLOSED:
        if (r->first >= size)
            return -416;
        *first = r->first;
        if (r->range == WEB_RANGE_CLOSED && r->last < size)
            *last = r->last;
        return 1;
    }
    return 0;
}
