/* SPDX-License-Identifier: MIT
 *
 * Registry: requests that change the tree.
 */
#include <errno.h>
#include <string.h>

#include "xenbus/change.h"
#include "xenbus/journal.h"

int xs_change_begin(struct xs_change *ch, struct weir_store_conn *c,
                    const char *arg, bool special)
{
    int r = xs_abs_path(c, arg, special, ch->path);

    ch->c = c;
    if (!r)
        ch->v = xs_view_of(c, &r);
    return r;
}

bool xs_too_big(struct weir_store_conn *c, size_t name, size_t value,
                size_t perms)
{
    return xs_over(c, WEIR_QUOTA_NODE_SIZE, 0,
                   name + value + perms * sizeof(struct weir_xs_perm));
}

static int tell(struct xs_change *ch)
{
    if (ch->v.tx)
        return xs_tx_note(ch->c, ch->v.tx, ch->path, TX_CHANGED, 0);
    xs_j_node(ch->c->s, ch->path);
    xs_fire(ch->c->s, ch->path, NULL);
    return 0;
}

/* Quotas for n more nodes below parent, with all names and the value. */
static int room_for(struct xs_change *ch, const struct weir_node *parent,
                    unsigned n, size_t value)
{
    struct weir_store_conn *c = ch->c;
    size_t fixed = sizeof(struct weir_node) +
                   parent->nperms * sizeof(struct weir_xs_perm) + 1;
    int64_t have = (int64_t)c->d->nodes + (ch->v.tx ? ch->v.tx->created : 0);

    if (xs_too_big(c, strlen(strrchr(ch->path, '/') + 1), value,
                   parent->nperms))
        return -ENOSPC;
    if (xs_over(c, WEIR_QUOTA_NODES, have > 0 ? (uint64_t)have : 0, n))
        return -ENOSPC;
    if (xs_over(c, WEIR_QUOTA_MEMORY, c->d->memory,
                n * fixed + strlen(ch->path) + value))
        return -ENOMEM;
    if (!ch->v.tx &&
        xs_j_full(c, n * fixed + strlen(ch->path) + value + XS_J_DOMAIN))
        return -ENOSPC;
    return 0;
}

/* A node named [name, name + len) with its parent's permissions; who creates
 * it owns it, unless privileged. */
static struct weir_node *child_of(struct xs_change *ch,
                                  const struct weir_node *parent,
                                  const char *name, size_t len)
{
    struct weir_store *s = ch->c->s;
    struct weir_node *n = weir_node_new(&s->node_bytes, name, len);

    if (!n)
        return NULL;
    n->gen = n->listgen = ++s->gen;
    if (weir_node_set_perms(n, parent->perms, parent->nperms)) {
        weir_node_unref(n);
        return NULL;
    }
    if (!ch->c->privileged)
        n->perms[0].domid = ch->c->d->domid;
    return n;
}

/* All nodes of rest ("b/c"), each below the one before; the last gets value.
 * *first is a tree of its own until it is hooked in. */
static int chain(struct xs_change *ch, const struct weir_node *parent,
                 const char *rest, const void *value, size_t len,
                 struct weir_node **first)
{
    struct weir_node *last = NULL, *n;

    *first = NULL;
    while (rest) {
        size_t part = strcspn(rest, "/");

        n = child_of(ch, last ? last : parent, rest, part);
        if (!n || (last && weir_node_add(last, n))) {
            weir_node_unref(n);
            goto fail;
        }
        if (!*first)
            *first = n;
        last = n;
        rest = rest[part] ? rest + part + 1 : NULL;
    }
    if (last && !weir_node_set_value(last, value, len))
        return 0;
fail:
    weir_node_unref(*first);
    return -ENOMEM;
}

/* Notes each new path in the transaction; end is where the old part ends. */
static int note_new(struct xs_change *ch, size_t end, size_t value)
{
    char path[WEIR_XS_PATH_MAX + 1];
    size_t len = strlen(ch->path);

    for (size_t i = end + 1; ch->v.tx && i <= len; i++) {
        int r;

        if (ch->path[i] && ch->path[i] != '/')
            continue;
        memcpy(path, ch->path, i);
        path[i] = '\0';
        r = xs_tx_note(ch->c, ch->v.tx, path, DEP_EXISTS | TX_WRITTEN,
                       sizeof(struct weir_node) + (i == len ? value : 0));
        if (r)
            return r;
    }
    return 0;
}

static int charge_chain(struct weir_store *s, const struct weir_node *first)
{
    if (!xs_domain_get(s, xs_owner(first)))
        return -ENOMEM;
    for (; first; first = first->nchildren ? first->children[0] : NULL)
        xs_charge(s, first);
    return 0;
}

static int create(struct xs_change *ch, const void *value, size_t len)
{
    struct weir_store *s = ch->c->s;
    char up[WEIR_XS_PATH_MAX + 1];
    struct weir_node *parent, *first;
    const char *rest;
    unsigned count = 1;
    size_t end;
    int r;

    parent = weir_tree_nearest(*ch->v.top, ch->path, &end);
    if (!parent)
        return -ENOENT;
    memcpy(up, ch->path, end);
    up[end] = '\0';
    rest = ch->path + end + (end > 1);
    for (const char *p = rest; *p; p++)
        count += *p == '/';
    r = room_for(ch, parent, count, len);
    if (!r)
        r = note_new(ch, end, len);
    if (!r)
        r = chain(ch, parent, rest, value, len, &first);
    if (r)
        return r;
    parent = weir_tree_own(ch->v.top, up);
    r = parent ? 0 : -ENOMEM;
    if (!r && !ch->v.tx)
        r = charge_chain(s, first);
    if (!r) {
        r = weir_node_add(parent, first);
        if (r && !ch->v.tx)
            xs_uncharge_tree(s, first);
    }
    if (r) {
        weir_node_unref(first);
        return r;
    }
    parent->listgen = ++s->gen;
    if (ch->v.tx)
        ch->v.tx->created += count;
    return 0;
}

static int overwrite(struct xs_change *ch, const struct weir_node *old,
                     const void *value, size_t len)
{
    struct weir_store_conn *c = ch->c;
    size_t more = len > old->value_len ? len - old->value_len : 0;
    struct weir_node *n;
    int r;

    if (xs_too_big(c, old->name_len, len, old->nperms))
        return -ENOSPC;
    if (xs_owner(old) == c->d->domid &&
        xs_over(c, WEIR_QUOTA_MEMORY, c->d->memory, more))
        return -ENOMEM;
    if (!ch->v.tx && more && xs_j_full(c, more))
        return -ENOSPC;
    r = xs_tx_note(c, ch->v.tx, ch->path, TX_WRITTEN, ch->v.tx ? len : 0);
    if (r)
        return r;
    n = weir_tree_own(ch->v.top, ch->path);
    if (!n)
        return -ENOMEM;
    if (!ch->v.tx)
        xs_uncharge(c->s, n);
    r = weir_node_set_value(n, value, len);
    if (!ch->v.tx)
        xs_charge(c->s, n);
    if (!r)
        n->gen = ++c->s->gen;
    return r;
}

int xs_do_write(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *arg, *value;
    struct weir_node *n;
    struct xs_change ch;
    int r;

    if (weir_xs_split(p, len, &arg, 1, false) < 1)
        return -EINVAL;
    value = arg + strlen(arg) + 1;
    len -= (size_t)(value - p);
    r = xs_change_begin(&ch, c, arg, false);
    if (r)
        return r;
    n = xs_get(c, &ch.v, ch.path, WEIR_XS_PERM_WRITE, &r);
    if (n)
        r = overwrite(&ch, n, value, len);
    else if (r == -ENOENT)
        r = create(&ch, value, len);
    if (!r)
        r = tell(&ch);
    return r ? r : xs_reply_ok(c);
}

/* A request with a path and nothing else. */
static int begin_one(struct xs_change *ch, struct weir_store_conn *c,
                     const char *p, size_t len)
{
    const char *arg;

    if (weir_xs_split(p, len, &arg, 1, true) != 1)
        return -EINVAL;
    return xs_change_begin(ch, c, arg, false);
}

int xs_do_mkdir(struct weir_store_conn *c, const char *p, size_t len)
{
    struct xs_change ch;
    int r = begin_one(&ch, c, p, len);

    if (r)
        return r;
    if (!xs_get(c, &ch.v, ch.path, WEIR_XS_PERM_WRITE, &r)) {
        if (r == -ENOENT)
            r = create(&ch, "", 0);
        if (!r)
            r = tell(&ch);
    }
    return r ? r : xs_reply_ok(c);
}

/* A transaction that removes a tree relies on every node in it. */
static int note_tree(struct xs_change *ch, const struct weir_node *n,
                     char *path, size_t len)
{
    int r;

    path[len] = '\0';
    r = xs_tx_note(ch->c, ch->v.tx, path, DEP_NODE | DEP_LIST | TX_WRITTEN, 0);
    for (uint32_t i = 0; !r && i < n->nchildren; i++) {
        const struct weir_node *child = n->children[i];

        path[len] = '/';
        memcpy(path + len + 1, child->name, child->name_len);
        r = note_tree(ch, child, path, len + 1 + child->name_len);
    }
    return r;
}

static int64_t owned_by(const struct weir_node *n, domid_t domid)
{
    int64_t sum = xs_owner(n) == domid;

    for (uint32_t i = 0; i < n->nchildren; i++)
        sum += owned_by(n->children[i], domid);
    return sum;
}

static int rm_in_tx(struct xs_change *ch, const struct weir_node *n)
{
    char path[WEIR_XS_PATH_MAX + 1];
    int64_t freed = owned_by(n, ch->c->d->domid);
    int r;

    strcpy(path, ch->path);
    r = note_tree(ch, n, path, strlen(path));
    if (!r)
        r = xs_tx_note(ch->c, ch->v.tx, ch->path, TX_REMOVED, 0);
    if (!r)
        r = weir_tree_remove(ch->v.top, ch->path, ++ch->c->s->gen);
    if (!r)
        ch->v.tx->created -= freed;
    return r;
}

static int rm_now(struct xs_change *ch)
{
    struct weir_store *s = ch->c->s;
    struct weir_node *before = weir_node_ref(s->top);
    struct weir_node *n = weir_tree_find(before, ch->path);
    int r = weir_tree_remove(&s->top, ch->path, ++s->gen);

    if (!r) {
        xs_uncharge_tree(s, n);
        xs_j_rm(s, ch->path);
        xs_fire_removed(s, ch->path, before);
    }
    weir_node_unref(before);
    return r;
}

int xs_do_rm(struct weir_store_conn *c, const char *p, size_t len)
{
    char up[WEIR_XS_PATH_MAX + 1];
    struct weir_node *n;
    struct xs_change ch;
    int r = begin_one(&ch, c, p, len);

    if (r)
        return r;
    n = xs_get(c, &ch.v, ch.path, WEIR_XS_PERM_WRITE, &r);
    if (n && !strcmp(ch.path, "/"))
        r = -EINVAL;
    else if (n)
        r = ch.v.tx ? rm_in_tx(&ch, n) : rm_now(&ch);
    else if (r == -ENOENT && weir_path_parent_copy(ch.path, up) &&
             weir_tree_find(*ch.v.top, up))
        r = 0; /* not there is what was asked for */
    return r ? r : xs_reply_ok(c);
}
