/* SPDX-License-Identifier: MIT */
#include "tests/crash/leaks.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STEP_MS 50
#define SHOWN   40 /* lines of a comparison */

static int by_key(const void *a, const void *b)
{
    const struct leaks_line *x = a, *y = b;

    return strcmp(x->key, y->key);
}

static struct leaks_line *find(const struct leaks *l, const char *key)
{
    for (unsigned i = 0; i < l->n; i++)
        if (strcmp(l->line[i].key, key) == 0)
            return &l->line[i];
    return NULL;
}

static struct leaks_line *grow(struct leaks *l)
{
    struct leaks_line *more;

    if (l->n >= LEAKS_LINES)
        return NULL;
    more = realloc(l->line, (l->n + 1) * sizeof(*more));
    if (more == NULL)
        return NULL;
    l->line = more;
    memset(&more[l->n], 0, sizeof(*more));
    return &more[l->n++];
}

void leaks_add(struct leaks *l, int64_t room, uint64_t value, const char *fmt,
               ...)
{
    char key[LEAKS_KEY];
    struct leaks_line *line;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(key, sizeof(key), fmt, ap);
    va_end(ap);
    key[strcspn(key, "\t\n")] = '\0';
    line = find(l, key);
    if (line == NULL) {
        line = grow(l);
        if (line == NULL)
            return;
        memcpy(line->key, key, sizeof(line->key));
        line->room = room;
    }
    line->value += value;
}

void leaks_free(struct leaks *l)
{
    free(l->line);
    memset(l, 0, sizeof(*l));
}

int leaks_write(const struct leaks *l, FILE *to)
{
    qsort(l->line, l->n, sizeof(l->line[0]), by_key);
    for (unsigned i = 0; i < l->n; i++)
        fprintf(to, "%s\t%" PRIu64 "\t%" PRId64 "\n", l->line[i].key,
                l->line[i].value, l->line[i].room);
    return fflush(to) != 0 ? -errno : 0;
}

int leaks_read(struct leaks *l, FILE *from)
{
    char text[LEAKS_KEY + 64], key[LEAKS_KEY];
    uint64_t value;
    int64_t room;

    memset(l, 0, sizeof(*l));
    while (fgets(text, sizeof(text), from) != NULL) {
        if (sscanf(text, "%159[^\t]\t%" SCNu64 "\t%" SCNd64, key, &value,
                   &room) != 3)
            return -EINVAL;
        leaks_add(l, room, value, "%s", key);
    }
    return l->n == 0 ? -ENODATA : 0;
}

static void drop(struct leaks *l, const char *pattern)
{
    unsigned n = 0;

    for (unsigned i = 0; i < l->n; i++)
        if (fnmatch(pattern, l->line[i].key, 0) != 0)
            l->line[n++] = l->line[i];
    l->n = n;
}

static bool is_right(const struct leaks_line *was, uint64_t now)
{
    if (was->room == LEAKS_SAME)
        return now == was->value;
    return now <= was->value + (uint64_t)was->room;
}

/* Keys that only now are there were 0 before. */
static void add_new(struct leaks *before, const struct leaks *now)
{
    for (unsigned i = 0; i < now->n; i++)
        if (find(before, now->line[i].key) == NULL)
            leaks_add(before, now->line[i].room, 0, "%s", now->line[i].key);
}

static unsigned look(struct leaks *before, const struct leaks *now, bool tell)
{
    unsigned wrong = 0;

    for (unsigned i = 0; i < before->n; i++) {
        struct leaks_line *was = &before->line[i];
        const struct leaks_line *is = find(now, was->key);
        uint64_t value = is == NULL ? 0 : is->value;

        if (is_right(was, value))
            was->right = true;
        if (was->right)
            continue;
        if (tell && wrong < SHOWN)
            fprintf(stderr, "LEFT: %s: %" PRIu64 ", before %" PRIu64 "\n",
                    was->key, value, was->value);
        wrong++;
    }
    return wrong;
}

/* What was dropped before shall not come back as new. */
static void drop_all(struct leaks *now, char *const *patterns)
{
    for (unsigned i = 0; patterns != NULL && patterns[i] != NULL; i++)
        drop(now, patterns[i]);
}

int leaks_compare(struct leaks *before, const char *state_dir,
                  char *const *patterns, unsigned ms)
{
    unsigned wrong = 1;
    int err = 0;

    drop_all(before, patterns);
    for (unsigned spent = 0; err == 0 && wrong != 0; spent += STEP_MS) {
        struct leaks now = {0};

        err = leaks_take(&now, state_dir);
        if (err == 0) {
            drop_all(&now, patterns);
            add_new(before, &now);
            wrong = look(before, &now, spent >= ms);
        }
        leaks_free(&now);
        if (spent >= ms)
            break;
        if (wrong != 0)
            nanosleep(&(struct timespec){0, STEP_MS * 1000000}, NULL);
    }
    return err != 0 ? err : (int)wrong;
}
