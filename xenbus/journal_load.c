/* SPDX-License-Identifier: MIT
 *
 * Journal: what a predecessor wrote, checked and done again.  It died at any
 * instruction; and nothing here may be more than an error if its bytes are
 * spoilt.
 */
#include <errno.h>
#include <string.h>

#include "xenbus/journal.h"

#define DEPTH_MAX (WEIR_XS_PATH_MAX / 2 + 2)

/* Of the tree being built: the last node of each depth. */
struct builder {
    struct weir_node *at[DEPTH_MAX];
    size_t path_len[DEPTH_MAX];
    unsigned depth; /* of the last one */
    bool begun, whole;
};

struct load {
    struct weir_store *s;
    struct xs_journal *j;
    struct builder tree;
};

const void *xs_in_take(struct xs_input *in, size_t len)
{
    const void *p = in->at;

    if (len > in->left)
        return NULL;
    in->at += len;
    in->left -= len;
    return p;
}

/* A node as a record has it, checked. */
struct image {
    struct xs_rec_node h;
    const char *name, *value;
    struct weir_xs_perm perms[WEIR_XS_PAYLOAD_MAX / 2];
};

static int take_node(struct xs_input *in, struct image *m)
{
    const void *h = xs_in_take(in, sizeof(m->h));
    const uint8_t *perms;

    if (!h)
        return -EBADMSG;
    memcpy(&m->h, h, sizeof(m->h));
    m->name = xs_in_take(in, m->h.name_len);
    perms = xs_in_take(in, 4u * m->h.nperms);
    m->value = xs_in_take(in, m->h.value_len);
    if (!m->name || !perms || !m->value || in->left || !m->h.nperms ||
        m->h.nperms > WEIR_XS_PAYLOAD_MAX / 2 ||
        m->h.value_len > WEIR_XS_PAYLOAD_MAX)
        return -EBADMSG;
    for (unsigned i = 0; i < m->h.nperms; i++) {
        const uint8_t *e = perms + (size_t)i * 4;

        m->perms[i].domid = (domid_t)(e[0] | e[1] << 8);
        m->perms[i].mask = e[2];
        if (m->perms[i].domid > WEIR_XS_DOMID_MAX ||
            e[2] & ~(WEIR_XS_PERM_READ | WEIR_XS_PERM_WRITE))
            return -EBADMSG;
    }
    return 0;
}

static int new_node(struct weir_store *s, const struct image *m,
                    const char *name, size_t len, bool last,
                    struct weir_node **out)
{
    struct weir_node *n = weir_node_new(&s->node_bytes, name, len);

    if (!n)
        return -ENOMEM;
    n->gen = n->listgen = ++s->gen;
    if (weir_node_set_perms(n, m->perms, m->h.nperms) ||
        weir_node_set_value(n, m->value, last ? m->h.value_len : 0)) {
        weir_node_unref(n);
        return -ENOMEM;
    }
    *out = n;
    return 0;
}

static int hook_in(struct weir_store *s, struct weir_node *parent,
                   struct weir_node *n)
{
    int r = xs_charge(s, n);

    if (!r) {
        r = weir_node_add(parent, n);
        if (r)
            xs_uncharge(s, n);
    }
    if (r)
        weir_node_unref(n);
    return r == -EEXIST ? -EBADMSG : r;
}

/* Depth 0 is the top, 1 "/" and the special nodes. */
static bool name_fits(const struct builder *b, const struct image *m)
{
    char path[WEIR_XS_PATH_MAX + 2];
    unsigned d = m->h.depth;
    size_t len = m->h.name_len;

    if (d == 0)
        return len == 0;
    if (d == 1 && len == 0)
        return true;
    if (len == 0 || len > WEIR_XS_PATH_MAX ||
        (d > 1 && b->path_len[d - 1] + 1 + len > WEIR_XS_PATH_MAX) ||
        memchr(m->name, '/', len) || memchr(m->name, '\0', len))
        return false;
    if (d > 1 && b->at[1]->name_len) /* special nodes have no children */
        return false;
    path[0] = '/';
    memcpy(path + 1, m->name, len);
    path[len + 1] = '\0';
    return d == 1
               ? weir_xs_path_check(path + 1, len, true) == 0 && path[1] == '@'
               : weir_xs_path_check(path, len + 1, false) == 0;
}

static int load_tree(struct load *l, struct xs_input *in)
{
    struct builder *b = &l->tree;
    struct weir_store *s = l->s;
    struct weir_node *n;
    struct image m;
    int r = take_node(in, &m);
    unsigned d;

    if (r)
        return r;
    d = m.h.depth;
    if (b->whole || d >= DEPTH_MAX ||
        (b->begun ? d == 0 || d > b->depth + 1 : d != 0) || !name_fits(b, &m))
        return -EBADMSG;
    r = new_node(s, &m, m.name, m.h.name_len, true, &n);
    if (r)
        return r;
    if (d == 0) { /* instead of what a new store has */
        r = xs_charge(s, n);
        if (r) {
            weir_node_unref(n);
            return r;
        }
        xs_uncharge_tree(s, s->top);
        weir_node_unref(s->top);
        s->top = n;
    } else {
        r = hook_in(s, b->at[d - 1], n);
    }
    if (r)
        return r;
    b->begun = true;
    b->at[d] = n;
    b->path_len[d] = d > 1 ? b->path_len[d - 1] + 1 + m.h.name_len : 0;
    b->depth = d;
    return 0;
}

static int take_path(const char *p, size_t len, char path[WEIR_XS_PATH_MAX + 1])
{
    if (!len || len > WEIR_XS_PATH_MAX || memchr(p, '\0', len))
        return -EBADMSG;
    memcpy(path, p, len);
    path[len] = '\0';
    if ((path[0] != '/' && path[0] != '@') ||
        weir_xs_path_check(path, len, true))
        return -EBADMSG;
    return 0;
}

/* What is missing above it has its permissions (request_write.c, chain). */
static int add_missing(struct weir_store *s, const struct image *m,
                       const char *path)
{
    struct weir_node *n, *child;
    size_t end;

    n = weir_tree_nearest(s->top, path, &end);
    if (!n || path[0] != '/')
        return -EBADMSG;
    while (path[end]) {
        const char *name = path + end + (end > 1 || path[end] == '/');
        size_t len = strcspn(name, "/");
        int r = new_node(s, m, name, len, !name[len], &child);

        if (!r)
            r = hook_in(s, n, child);
        if (r)
            return r;
        n->listgen = ++s->gen;
        n = child;
        end = (size_t)(name + len - path);
    }
    return 0;
}

static int load_node(struct load *l, struct xs_input *in)
{
    char path[WEIR_XS_PATH_MAX + 1];
    struct weir_store *s = l->s;
    struct weir_node *n;
    struct image m;
    int r = take_node(in, &m);

    if (!r)
        r = take_path(m.name, m.h.name_len, path);
    if (r)
        return r;
    n = weir_tree_own(&s->top, path);
    if (!n)
        return weir_tree_find(s->top, path) ? -ENOMEM
                                            : add_missing(s, &m, path);
    if (!xs_domain_get(s, m.perms[0].domid))
        return -ENOMEM;
    xs_uncharge(s, n);
    if (weir_node_set_perms(n, m.perms, m.h.nperms) ||
        weir_node_set_value(n, m.value, m.h.value_len))
        r = -ENOMEM;
    n->gen = ++s->gen;
    xs_charge(s, n);
    return r;
}

static int load_rm(struct load *l, struct xs_input *in)
{
    char path[WEIR_XS_PATH_MAX + 1];
    size_t len = in->left;
    struct weir_node *n;
    int r = take_path(xs_in_take(in, len), len, path);

    if (r)
        return r;
    n = weir_tree_find(l->s->top, path);
    if (!n)
        return 0; /* went with its parent */
    if (path[0] != '/' || !path[1])
        return -EBADMSG;
    weir_node_ref(n);
    r = weir_tree_remove(&l->s->top, path, ++l->s->gen);
    if (!r)
        xs_uncharge_tree(l->s, n);
    weir_node_unref(n);
    return r;
}

static int load_domain(struct load *l, const struct xs_rec *r,
                       struct xs_input *in)
{
    const void *p = xs_in_take(in, sizeof(struct xs_rec_domain));
    struct xs_rec_domain v;
    struct xs_domain *d;

    if (!p || in->left)
        return -EBADMSG;
    memcpy(&v, p, sizeof(v));
    if (r->type == XS_REC_DEFAULTS) {
        memcpy(l->s->quota, v.quota, sizeof(v.quota));
        return 0;
    }
    if (v.target < -1 || v.target > (int32_t)WEIR_XS_DOMID_MAX ||
        v.features & ~XS_FEATURES)
        return -EBADMSG;
    d = xs_domain_get(l->s, r->domid);
    if (!d)
        return -ENOMEM;
    memcpy(d->quota, v.quota, sizeof(d->quota));
    d->features = v.features;
    d->target = v.target;
    d->introduced = v.introduced;
    d->configured = v.configured;
    return 0;
}

static int load_one(struct load *l, const struct xs_rec *r, struct xs_input *in)
{
    switch (r->type) {
    case XS_REC_TREE:
        return load_tree(l, in);
    case XS_REC_DEFAULTS:
    case XS_REC_DOMAIN:
        return load_domain(l, r, in);
    case XS_REC_NODE:
        return load_node(l, in);
    case XS_REC_RM:
        return load_rm(l, in);
    case XS_REC_GONE:
        return r->domid && xs_domain_find(l->s, r->domid)
                   ? xs_domain_gone(l->s, r->domid)
                   : -EBADMSG;
    default:
        return xs_load_conn(l->s, l->j, r, in);
    }
}

int xs_j_replay(struct weir_store *s, struct xs_journal *j, const uint8_t *rec,
                uint64_t len)
{
    static struct load l; /* large */
    int r = 0;

    memset(&l, 0, sizeof(l));
    l.s = s;
    l.j = j;
    while (!r && len >= sizeof(struct xs_rec)) {
        struct xs_input in;
        struct xs_rec h;
        uint64_t whole;

        memcpy(&h, rec, sizeof(h));
        in.at = rec + sizeof(h);
        in.left = h.len;
        whole = sizeof(h) + (((uint64_t)h.len + 7) & ~(uint64_t)7);
        if (whole > len || h.domid > WEIR_XS_DOMID_MAX)
            return -EBADMSG;
        if (j->maybe) /* it went on: that output happened */
            r = xs_load_out(j->maybe, j->maybe_out);
        j->maybe = NULL;
        if (!r)
            r = load_one(&l, &h, &in);
        rec += whole;
        len -= whole;
        if (l.tree.begun && h.type != XS_REC_TREE)
            l.tree.whole = true;
    }
    return r ? r : l.tree.begun && !len ? 0 : -EBADMSG;
}

int xs_j_load(struct weir_store *s, struct xs_journal *j)
{
    uint64_t done = j->run[j->at]->done;
    int r;

    if (done > xs_j_size(j->pages))
        return -EBADMSG;
    j->done = j->tail = done;
    s->gen = j->head->restarts << 40; /* no number is used twice */
    s->loading = true;
    r = xs_j_replay(s, j, j->run[j->at]->rec, done);
    s->loading = false;
    xs_tx_doomed_start(s);
    j->overflow = true; /* the next commit is a snapshot: settles maybe */
    return r;
}
