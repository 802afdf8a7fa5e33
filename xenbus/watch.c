/* SPDX-License-Identifier: MIT
 *
 * Registry: watches, and who is told of what.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

/* What the connection may do with a node: READ, WRITE, OWNER. */
unsigned xs_allowed(const struct weir_store_conn *c, const struct weir_node *n)
{
    const unsigned all = WEIR_XS_PERM_READ | WEIR_XS_PERM_WRITE | PERM_OWNER;
    int32_t me = c->d->domid, target = c->d->target;

    if (c->privileged)
        return all;
    if (!n->nperms)
        return 0;
    if (n->perms[0].domid == me || n->perms[0].domid == target)
        return all;
    for (unsigned i = 1; i < n->nperms; i++)
        if (n->perms[i].domid == me || n->perms[i].domid == target)
            return n->perms[i].mask;
    return n->perms[0].mask;
}

/* An event on path is for those who may read the node or its parent, before
 * or after the change. */
static bool may_read(const struct weir_store_conn *c, struct weir_node *top,
                     const char *path)
{
    char up[WEIR_XS_PATH_MAX + 1];
    const struct weir_node *n = weir_tree_find(top, path);

    if (n && xs_allowed(c, n) & WEIR_XS_PERM_READ)
        return true;
    if (!n || !weir_path_parent_copy(path, up))
        return false;
    n = weir_tree_find(top, up);
    return n && xs_allowed(c, n) & WEIR_XS_PERM_READ;
}

static bool permitted(const struct weir_store_conn *c, const char *path,
                      struct weir_node *before)
{
    if (c->privileged)
        return true;
    return may_read(c, c->s->top, path) ||
           (before && may_read(c, before, path));
}

static bool matches(const struct xs_watch *w, const char *path)
{
    unsigned levels;

    if (!weir_xs_path_below(path, w->path, &levels))
        return false;
    return w->depth < 0 || levels <= (unsigned)w->depth;
}

void xs_fire(struct weir_store *s, const char *path, struct weir_node *before)
{
    for (struct weir_store_conn *c = s->conns; c; c = c->next) {
        int ok = -1;

        for (struct xs_watch *w = c->watches; w; w = w->next) {
            if (!matches(w, path))
                continue;
            if (ok < 0)
                ok = permitted(c, path, before);
            if (!ok)
                break;
            xs_event(c, w, path + w->prefix);
            if (c->dead) /* its watches are gone */
                break;
        }
    }
}

/* Watches on what went with path hear of it under their own path. */
void xs_fire_removed(struct weir_store *s, const char *path,
                     struct weir_node *before)
{
    xs_fire(s, path, before);
    for (struct weir_store_conn *c = s->conns; c; c = c->next)
        for (struct xs_watch *w = c->watches; w; w = w->next) {
            unsigned levels;

            if (!weir_xs_path_below(w->path, path, &levels) || !levels)
                continue;
            if (!weir_tree_find(before, w->path) ||
                !permitted(c, w->path, before))
                continue;
            xs_event(c, w, w->path + w->prefix);
            if (c->dead)
                break;
        }
}

/* "@releaseDomain" for plain watches, "@releaseDomain/5" for those of depth 1,
 * and for those on exactly that. */
void xs_fire_special(struct weir_store *s, const char *path, domid_t domid)
{
    char full[32];
    struct weir_node *n = weir_tree_find(s->top, path);

    snprintf(full, sizeof(full), "%s/%u", path, domid);
    for (struct weir_store_conn *c = s->conns; c; c = c->next) {
        if (!n || !(xs_allowed(c, n) & WEIR_XS_PERM_READ))
            continue;
        for (struct xs_watch *w = c->watches; w; w = w->next) {
            if (!strcmp(w->path, full))
                xs_event(c, w, full);
            else if (!strcmp(w->path, path))
                xs_event(c, w, w->depth == 1 ? full : path);
            if (c->dead)
                break;
        }
    }
}

static size_t watch_bytes(const char *path, const char *token)
{
    return sizeof(struct xs_watch) + strlen(path) + strlen(token);
}

static size_t watch_record(const char *path, const char *token)
{
    return sizeof(struct xs_rec) + sizeof(struct xs_rec_watch) + strlen(path) +
           strlen(token) + 2 + 7;
}

static void watch_free(struct weir_store_conn *c, struct xs_watch *w)
{
    c->d->memory -= watch_bytes(w->path, w->token);
    c->s->extra_bytes -= watch_record(w->path, w->token);
    c->d->watches--;
    free(w->path);
    free(w->token);
    free(w);
}

void xs_watch_free_all(struct weir_store_conn *c)
{
    while (c->watches) {
        struct xs_watch *w = c->watches;

        c->watches = w->next;
        watch_free(c, w);
    }
}

static struct xs_watch **find(struct weir_store_conn *c, const char *path,
                              const char *token)
{
    struct xs_watch **p = &c->watches;

    while (*p && (strcmp((*p)->path, path) || strcmp((*p)->token, token)))
        p = &(*p)->next;
    return p;
}

static int depth_arg(const char *path, const char *arg, int *depth)
{
    uint64_t v;

    *depth = -1;
    if (!arg || !*arg) /* old clients send an empty reserved string */
        return 0;
    if (weir_xs_parse_u64(arg, &v) || v > WEIR_XS_PATH_MAX)
        return -EINVAL;
    if (path[0] == '@' && v != 1)
        return -EINVAL;
    *depth = (int)v;
    return 0;
}

/* Behind the last watch. */
int xs_watch_begin(struct weir_store_conn *c, const char *path,
                   const char *token, unsigned prefix, int depth)
{
    struct xs_watch **end = find(c, path, token);
    struct xs_watch *w = *end ? NULL : calloc(1, sizeof(*w));

    if (!w)
        return *end ? -EEXIST : -ENOMEM;
    w->path = strdup(path);
    w->token = strdup(token);
    if (!w->path || !w->token) {
        free(w->path);
        free(w->token);
        free(w);
        return -ENOMEM;
    }
    w->depth = depth;
    w->prefix = prefix;
    *end = w;
    c->d->watches++;
    c->d->memory += watch_bytes(path, token);
    c->s->extra_bytes += watch_record(path, token);
    xs_j_watch(c, w, XS_REC_WATCH);
    return 0;
}

static unsigned prefix_of(const struct weir_store_conn *c, const char *arg)
{
    char base[32];

    if (arg[0] == '/' || arg[0] == '@')
        return 0;
    return (unsigned)snprintf(base, sizeof(base), "/local/domain/%u/",
                              c->d->domid);
}

int xs_do_watch(struct weir_store_conn *c, const char *p, size_t len)
{
    char path[WEIR_XS_PATH_MAX + 1];
    const char *argv[3] = {0};
    int n = weir_xs_split(p, len, argv, 3, true), depth, r;
    struct xs_watch **end;

    if (n < 2 || n > 3)
        return -EINVAL;
    r = xs_abs_path(c, argv[0], true, path); /* "@name/5": of one domain */
    if (!r)
        r = depth_arg(path, argv[2], &depth);
    if (r)
        return r;
    end = find(c, path, argv[1]);
    if (*end)
        return -EEXIST;
    if (xs_over(c, WEIR_QUOTA_WATCHES, c->d->watches, 1))
        return -E2BIG;
    if (xs_over(c, WEIR_QUOTA_MEMORY, c->d->memory, watch_bytes(path, argv[1])))
        return -ENOMEM;
    /* An event that could not be sent would be one nobody hears of. */
    if (strlen(path) + strlen(argv[1]) + 2 > WEIR_XS_PAYLOAD_MAX)
        return -EINVAL;
    if (xs_j_full(c, watch_record(path, argv[1])))
        return -ENOSPC;
    r = xs_watch_begin(c, path, argv[1], prefix_of(c, argv[0]), depth);
    if (r)
        return r;
    r = xs_reply_ok(c);
    if (!c->dead) /* for want of memory: its watches are gone */
        xs_event(c, *end, argv[0]);
    return r;
}

int xs_watch_end(struct weir_store_conn *c, const char *path, const char *token)
{
    struct xs_watch **at = find(c, path, token), *w = *at;

    if (!w)
        return -ENOENT;
    *at = w->next;
    xs_j_watch(c, w, XS_REC_UNWATCH);
    watch_free(c, w);
    return 0;
}

int xs_do_unwatch(struct weir_store_conn *c, const char *p, size_t len)
{
    char path[WEIR_XS_PATH_MAX + 1];
    const char *argv[2];
    int n = weir_xs_split(p, len, argv, 2, true), r;

    if (n < 2 || n > 3)
        return -EINVAL;
    r = xs_abs_path(c, argv[0], true, path);
    if (r)
        return r;
    r = xs_watch_end(c, path, argv[1]);
    return r ? r : xs_reply_ok(c);
}
