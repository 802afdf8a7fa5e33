/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/node.h"

size_t weir_node_bytes(const struct weir_node *n)
{
    return sizeof(*n) + n->name_len + 1 + n->value_len +
           n->nperms * sizeof(*n->perms);
}

static size_t heap_bytes(const struct weir_node *n)
{
    return weir_node_bytes(n) + n->room * sizeof(*n->children);
}

struct weir_node *weir_node_new(size_t *total, const char *name, size_t len)
{
    struct weir_node *n = calloc(1, sizeof(*n) + len + 1);

    if (!n)
        return NULL;
    n->refs = 1;
    n->total = total;
    n->name_len = (uint16_t)len;
    memcpy(n->name, name, len);
    *total += heap_bytes(n);
    return n;
}

struct weir_node *weir_node_ref(struct weir_node *n)
{
    n->refs++;
    return n;
}

/* Recursion is as deep as a path has components: at most 1536. */
void weir_node_unref(struct weir_node *n)
{
    if (!n || --n->refs)
        return;
    *n->total -= heap_bytes(n);
    for (uint32_t i = 0; i < n->nchildren; i++)
        weir_node_unref(n->children[i]);
    free(n->children);
    free(n->perms);
    free(n->value);
    free(n);
}

static void *copy_of(const void *p, size_t len)
{
    void *q = malloc(len ? len : 1);

    if (q && len)
        memcpy(q, p, len);
    return q;
}

int weir_node_set_value(struct weir_node *n, const void *value, size_t len)
{
    char *v = copy_of(value, len);

    if (!v)
        return -ENOMEM;
    free(n->value);
    *n->total = *n->total - n->value_len + len;
    n->value = v;
    n->value_len = (uint32_t)len;
    return 0;
}

int weir_node_set_perms(struct weir_node *n, const struct weir_xs_perm *perms,
                        unsigned count)
{
    struct weir_xs_perm *p = copy_of(perms, count * sizeof(*perms));

    if (!p)
        return -ENOMEM;
    free(n->perms);
    *n->total -= heap_bytes(n);
    n->perms = p;
    n->nperms = (uint16_t)count;
    *n->total += heap_bytes(n);
    return 0;
}

static int compare(const struct weir_node *n, const char *name, size_t len)
{
    size_t min = n->name_len < len ? n->name_len : len;
    int c = memcmp(n->name, name, min);

    if (c)
        return c;
    return n->name_len < len ? -1 : n->name_len > len;
}

/* Where name is, or would be inserted. */
static bool position(const struct weir_node *n, const char *name, size_t len,
                     uint32_t *pos)
{
    uint32_t lo = 0, hi = n->nchildren;

    while (lo < hi) {
        uint32_t mid = lo + (hi - lo) / 2;
        int c = compare(n->children[mid], name, len);

        if (!c) {
            *pos = mid;
            return true;
        }
        if (c < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *pos = lo;
    return false;
}

int weir_node_add(struct weir_node *parent, struct weir_node *child)
{
    uint32_t pos;

    if (position(parent, child->name, child->name_len, &pos))
        return -EEXIST;
    if (parent->nchildren == parent->room) {
        uint32_t room = parent->room ? parent->room * 2 : 4;
        struct weir_node **c =
            realloc(parent->children, room * sizeof(*parent->children));

        if (!c)
            return -ENOMEM;
        *parent->total += (room - parent->room) * sizeof(*c);
        parent->children = c;
        parent->room = room;
    }
    memmove(parent->children + pos + 1, parent->children + pos,
            (parent->nchildren - pos) * sizeof(*parent->children));
    parent->children[pos] = child;
    parent->nchildren++;
    return 0;
}

static struct weir_node *copy_node(const struct weir_node *from)
{
    struct weir_node *n =
        weir_node_new(from->total, from->name, from->name_len);

    if (!n)
        return NULL;
    if (weir_node_set_value(n, from->value, from->value_len) ||
        weir_node_set_perms(n, from->perms, from->nperms))
        goto fail;
    n->gen = from->gen;
    n->listgen = from->listgen;
    if (from->nchildren) {
        n->children = malloc(from->nchildren * sizeof(*n->children));
        if (!n->children)
            goto fail;
        n->room = from->nchildren;
        *n->total += n->room * sizeof(*n->children);
        for (uint32_t i = 0; i < from->nchildren; i++)
            n->children[i] = weir_node_ref(from->children[i]);
        n->nchildren = from->nchildren;
    }
    return n;
fail:
    weir_node_unref(n);
    return NULL;
}

/* The next component of a path: "/a" is "" and "a", "/" is "". */
static bool component(const char **at, const char **name, size_t *len)
{
    const char *p = *at;

    if (!p)
        return false;
    *name = p;
    while (*p && *p != '/')
        p++;
    *len = (size_t)(p - *name);
    *at = *p && p[1] ? p + 1 : NULL;
    return true;
}

struct weir_node *weir_tree_nearest(struct weir_node *top, const char *path,
                                    size_t *end)
{
    struct weir_node *n = top, *found = NULL;
    const char *at = path, *name;
    size_t len;
    uint32_t pos;

    *end = 0;
    while (component(&at, &name, &len) && position(n, name, len, &pos)) {
        n = found = n->children[pos];
        *end = (size_t)(name + len - path);
    }
    if (found && !*end)
        *end = 1; /* "/" itself */
    return found;
}

struct weir_node *weir_tree_find(struct weir_node *top, const char *path)
{
    size_t end;
    struct weir_node *n = weir_tree_nearest(top, path, &end);

    return n && !path[end] ? n : NULL;
}

static bool own(struct weir_node **slot)
{
    struct weir_node *n;

    if ((*slot)->refs == 1)
        return true;
    n = copy_node(*slot);
    if (!n)
        return false;
    weir_node_unref(*slot);
    *slot = n;
    return true;
}

struct weir_node *weir_tree_own(struct weir_node **top, const char *path)
{
    struct weir_node **slot = top;
    const char *at = path, *name;
    size_t len;
    uint32_t pos;

    if (!own(slot))
        return NULL;
    while (component(&at, &name, &len)) {
        if (!position(*slot, name, len, &pos))
            return NULL;
        slot = &(*slot)->children[pos];
        if (!own(slot))
            return NULL;
    }
    return *slot;
}

size_t weir_path_parent(const char *path)
{
    size_t n = strlen(path);

    if (path[0] != '/' || n <= 1)
        return 0;
    while (path[n - 1] != '/')
        n--;
    return n > 1 ? n - 1 : 1;
}

bool weir_path_parent_copy(const char *path, char *buf)
{
    size_t n = weir_path_parent(path);

    memcpy(buf, path, n);
    buf[n] = '\0';
    return n;
}

int weir_tree_remove(struct weir_node **top, const char *path, uint64_t gen)
{
    char up[WEIR_XS_PATH_MAX + 1];
    struct weir_node *parent;
    const char *name;
    uint32_t pos;

    if (!weir_path_parent_copy(path, up) || !weir_tree_find(*top, path))
        return -ENOENT;
    parent = weir_tree_own(top, up);
    if (!parent)
        return -ENOMEM;
    name = strrchr(path, '/') + 1;
    if (!position(parent, name, strlen(name), &pos))
        return -ENOENT;
    weir_node_unref(parent->children[pos]);
    parent->nchildren--;
    memmove(parent->children + pos, parent->children + pos + 1,
            (parent->nchildren - pos) * sizeof(*parent->children));
    parent->listgen = gen;
    return 0;
}
