/* SPDX-License-Identifier: MIT
 *
 * See config_scan.h.  The syntax: KEY = VALUE or KEY += VALUE, ended by a
 * newline or ';'; a value is a number, a quoted string or a [list] of values;
 * '#' starts a comment.
 */
#include "driverdomains/config_scan.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#define DEPTH_MAX 8

struct cursor {
    const char *p, *end;
    unsigned line;
    struct weir_cfg_scan *out;
};

static bool word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '_' || c == '.' || c == '-';
}

/* Blanks and comments; newlines too when lines is set. */
static void skip(struct cursor *c, bool lines)
{
    while (c->p < c->end) {
        if (*c->p == '\n' && lines)
            c->line++;
        else if (*c->p == '#') {
            while (c->p < c->end && *c->p != '\n')
                c->p++;
            continue;
        } else if (*c->p != ' ' && *c->p != '\t' && *c->p != '\r')
            return;
        c->p++;
    }
}

static int add(struct cursor *c, const char *key, size_t len, int item)
{
    struct weir_cfg_pos *pos = &c->out->pos[c->out->n];

    if (c->out->n == WEIR_CFG_POSITIONS)
        return -E2BIG;
    if (len >= WEIR_CFG_KEY)
        len = WEIR_CFG_KEY - 1;
    memcpy(pos->key, key, len);
    pos->key[len] = '\0';
    pos->item = item;
    pos->line = c->line;
    c->out->n++;
    return 0;
}

static int string(struct cursor *c)
{
    char quote = *c->p++;

    for (; c->p < c->end && *c->p != quote; c->p++) {
        if (*c->p == '\n')
            return -EINVAL;
        if (*c->p == '\\' && quote == '"' && c->p + 1 < c->end)
            c->p++;
    }
    if (c->p == c->end)
        return -EINVAL;
    c->p++;
    return 0;
}

static int scalar(struct cursor *c)
{
    const char *start = c->p;

    if (c->p < c->end && (*c->p == '"' || *c->p == '\''))
        return string(c);
    while (c->p < c->end && word_char(*c->p))
        c->p++;
    return c->p == start ? -EINVAL : 0;
}

/* Behind '[' up to behind its ']'; items of the outermost list are noted. */
static int list(struct cursor *c, const char *key, size_t keylen, int *item)
{
    int depth = 1, rc;

    while (depth) {
        skip(c, true);
        if (c->p == c->end)
            return -EINVAL;
        if (*c->p == ']') {
            depth--;
            c->p++;
        } else if (*c->p == ',') {
            c->p++;
        } else {
            rc = depth == 1 ? add(c, key, keylen, (*item)++) : 0;
            if (rc)
                return rc;
            if (*c->p != '[') {
                rc = scalar(c);
                if (rc)
                    return rc;
            } else {
                c->p++;
                if (++depth > DEPTH_MAX)
                    return -EINVAL;
            }
        }
    }
    return 0;
}

/* "disk += [..]" goes on counting where the last list ended. */
static int items_before(const struct weir_cfg_scan *s, const char *key,
                        size_t len)
{
    int n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->pos[i].item >= 0 && strlen(s->pos[i].key) == len &&
            !memcmp(s->pos[i].key, key, len))
            n++;
    return n;
}

static int setting(struct cursor *c)
{
    const char *key = c->p;
    size_t keylen;
    int item = 0, rc;

    while (c->p < c->end && word_char(*c->p))
        c->p++;
    keylen = (size_t)(c->p - key);
    if (keylen == 0)
        return -EINVAL;
    rc = add(c, key, keylen, -1);
    if (rc)
        return rc;
    skip(c, false);
    if (c->p < c->end && *c->p == '+') {
        c->p++;
        item = items_before(c->out, key, keylen);
    }
    if (c->p == c->end || *c->p != '=')
        return -EINVAL;
    c->p++;
    skip(c, false);
    if (c->p < c->end && *c->p == '[') {
        c->p++;
        rc = list(c, key, keylen, &item);
    } else {
        rc = scalar(c);
    }
    if (rc)
        return rc;
    skip(c, false);
    if (c->p < c->end && *c->p != ';' && *c->p != '\n')
        return -EINVAL;
    return 0;
}

int weir_cfg_scan(const char *text, size_t len, struct weir_cfg_scan *out,
                  unsigned *line)
{
    struct cursor c = {.p = text, .end = text + len, .line = 1, .out = out};
    int rc = 0;

    out->n = 0;
    while (rc == 0) {
        skip(&c, true);
        if (c.p == c.end)
            break;
        if (*c.p == ';')
            c.p++;
        else
            rc = setting(&c);
    }
    *line = c.line;
    return rc;
}

unsigned weir_cfg_line(const struct weir_cfg_scan *s, const char *key, int item)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->pos[i].item == item && !strcmp(s->pos[i].key, key))
            return s->pos[i].line;
    return 0;
}
