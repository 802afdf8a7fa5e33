/* SPDX-License-Identifier: MIT
 *
 * Registry: what each domain owns, may have, and leaves behind.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

struct xs_domain *xs_domain_find(struct weir_store *s, unsigned domid)
{
    struct xs_domain *d = s->domains[domid % DOMAIN_BUCKETS];

    while (d && d->domid != domid)
        d = d->next;
    return d;
}

struct xs_domain *xs_domain_next(struct weir_store *s,
                                 const struct xs_domain *d)
{
    unsigned bucket = d ? d->domid % DOMAIN_BUCKETS + 1 : 0;

    if (d && d->next)
        return d->next;
    while (bucket < DOMAIN_BUCKETS && !s->domains[bucket])
        bucket++;
    return bucket < DOMAIN_BUCKETS ? s->domains[bucket] : NULL;
}

struct xs_domain *xs_domain_get(struct weir_store *s, unsigned domid)
{
    struct xs_domain *d = xs_domain_find(s, domid);

    if (d || domid > WEIR_XS_DOMID_MAX)
        return d;
    d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->domid = (domid_t)domid;
    d->target = -1;
    d->features = XS_FEATURES;
    memcpy(d->quota, s->quota, sizeof(d->quota));
    d->next = s->domains[domid % DOMAIN_BUCKETS];
    s->domains[domid % DOMAIN_BUCKETS] = d;
    s->extra_bytes += XS_J_DOMAIN;
    return d;
}

/* Forgets a domain that is not introduced and owns nothing. */
void xs_domain_put(struct weir_store *s, struct xs_domain *d)
{
    struct xs_domain **at;

    if (!d || d->introduced || d->configured || d->nodes || d->memory ||
        d->watches || d->transactions)
        return;
    for (struct weir_store_conn *c = s->conns; c; c = c->next)
        if (c->d == d)
            return;
    at = &s->domains[d->domid % DOMAIN_BUCKETS];
    while (*at != d)
        at = &(*at)->next;
    *at = d->next;
    s->extra_bytes -= XS_J_DOMAIN;
    free(d);
}

bool xs_over(struct weir_store_conn *c, enum weir_store_quota q, uint64_t have,
             uint64_t more)
{
    uint64_t limit = c->d->quota[q];

    if (c->privileged || !limit || !more || have + more <= limit)
        return false;
    c->quota_hit = weir_store_quota_name(q);
    if (xs_may_log(c->s, &c->d->logged_ns[q]))
        xs_log(c->s, WEIR_LOG_WARN,
               "domain %u: quota '%s' reached (%llu); --quota sets another",
               c->d->domid, c->quota_hit, (unsigned long long)limit);
    return true;
}

unsigned xs_owner(const struct weir_node *n)
{
    return n->nperms ? n->perms[0].domid : 0;
}

int xs_charge(struct weir_store *s, const struct weir_node *n)
{
    struct xs_domain *d = xs_domain_get(s, xs_owner(n));

    if (!d)
        return -ENOMEM;
    d->nodes++;
    d->memory += weir_node_bytes(n);
    s->tree_bytes += weir_node_bytes(n);
    return 0;
}

void xs_uncharge(struct weir_store *s, const struct weir_node *n)
{
    struct xs_domain *d = xs_domain_find(s, xs_owner(n));

    d->nodes--;
    d->memory -= weir_node_bytes(n);
    s->tree_bytes -= weir_node_bytes(n);
}

void xs_uncharge_tree(struct weir_store *s, const struct weir_node *n)
{
    xs_uncharge(s, n);
    for (uint32_t i = 0; i < n->nchildren; i++)
        xs_uncharge_tree(s, n->children[i]);
}

/* Paths that match, collected before anything is changed. */
struct found {
    struct found *next;
    char path[];
};

struct search {
    domid_t domid;
    bool owned; /* nodes it owns, topmost only; else those that name it */
    struct found **tail;
    char path[WEIR_XS_PATH_MAX + 1];
};

static bool names_it(const struct weir_node *n, domid_t domid)
{
    for (unsigned i = 1; i < n->nperms; i++)
        if (n->perms[i].domid == domid)
            return true;
    return false;
}

static int search(struct search *f, const struct weir_node *n, size_t len)
{
    bool hit = f->owned ? xs_owner(n) == f->domid : names_it(n, f->domid);
    int r = 0;

    if (hit && len) {
        struct found *p = malloc(sizeof(*p) + len + 1);

        if (!p)
            return -ENOMEM;
        p->next = NULL;
        memcpy(p->path, f->path, len);
        p->path[len] = '\0';
        *f->tail = p;
        f->tail = &p->next;
        if (f->owned && len > 1)
            return 0; /* what is below goes with it; "/" stays */
    }
    for (uint32_t i = 0; !r && i < n->nchildren; i++) {
        const struct weir_node *c = n->children[i];
        size_t at = len > 1 || (len && f->path[0] != '/') ? len : 0;

        /* "" is the root, "@x" special, all else "<parent>/<name>" */
        if (len || !c->name_len)
            f->path[at++] = '/';
        memcpy(f->path + at, c->name, c->name_len);
        r = search(f, c, at + c->name_len);
    }
    return r;
}

static struct found *search_all(struct weir_store *s, domid_t domid, bool owned)
{
    struct search f = {.domid = domid, .owned = owned};
    struct found *first = NULL;

    f.tail = &first;
    if (search(&f, s->top, 0))
        xs_log(s, WEIR_LOG_ERROR,
               "domain %u: out of memory, some of its nodes stay", domid);
    return first;
}

/* "/" and special nodes cannot go: they go back to domain 0. */
static void take_back(struct weir_store *s, const char *path)
{
    struct weir_node *n = weir_tree_own(&s->top, path);

    if (!n)
        return;
    xs_uncharge(s, n);
    n->perms[0].domid = 0;
    n->gen = ++s->gen;
    xs_charge(s, n);
}

static void remove_node(struct weir_store *s, const char *path)
{
    struct weir_node *before, *n;

    if (path[0] != '/' || !path[1]) {
        take_back(s, path);
        return;
    }
    before = weir_node_ref(s->top);
    n = weir_tree_find(before, path);
    if (n && !weir_tree_remove(&s->top, path, ++s->gen)) {
        xs_uncharge_tree(s, n);
        xs_fire_removed(s, path, before);
    }
    weir_node_unref(before);
}

/* A later domain of the same number must not find rights of its namesake. */
static void drop_perms(struct weir_store *s, const char *path, domid_t domid)
{
    struct weir_node *n = weir_tree_own(&s->top, path);
    unsigned kept = 1;

    if (!n)
        return;
    xs_uncharge(s, n);
    for (unsigned i = 1; i < n->nperms; i++)
        if (n->perms[i].domid != domid)
            n->perms[kept++] = n->perms[i];
    *n->total -= (n->nperms - kept) * sizeof(*n->perms);
    n->nperms = (uint16_t)kept;
    n->gen = ++s->gen;
    xs_charge(s, n);
}

int xs_domain_gone(struct weir_store *s, domid_t domid)
{
    struct xs_domain *d = xs_domain_find(s, domid), *o;
    struct found *f, *next;

    if (!d)
        return -ENOENT;
    xs_j_gone(s, domid);
    for (f = search_all(s, domid, true); f; f = next) {
        next = f->next;
        remove_node(s, f->path);
        free(f);
    }
    for (f = search_all(s, domid, false); f; f = next) {
        next = f->next;
        drop_perms(s, f->path, domid);
        free(f);
    }
    for (o = xs_domain_next(s, NULL); o; o = xs_domain_next(s, o))
        if (o->target == domid)
            o->target = -1;
    d->introduced = d->configured = false;
    d->target = -1;
    xs_fire_special(s, "@releaseDomain", domid);
    xs_domain_put(s, d);
    return 0;
}
