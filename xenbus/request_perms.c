/* SPDX-License-Identifier: MIT
 *
 * Registry: who may do what with a node.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/change.h"
#include "xenbus/journal.h"

static int parse_perms(struct weir_store_conn *c, const char *p, size_t len,
                       struct weir_xs_perm **out, unsigned *count)
{
    int n = weir_xs_split(p, len, NULL, 0, true);
    struct weir_xs_perm *perms;

    if (n < 1)
        return -EINVAL;
    if (xs_over(c, WEIR_QUOTA_PERMS, 0, (uint64_t)n))
        return -ENOSPC;
    perms = calloc((size_t)n, sizeof(*perms));
    if (!perms)
        return -ENOMEM;
    for (int i = 0; i < n; i++, p += strlen(p) + 1)
        if (weir_xs_perm_parse(p, &perms[i]) ||
            perms[i].domid > WEIR_XS_DOMID_MAX) {
            free(perms);
            return -EINVAL;
        }
    *out = perms;
    *count = (unsigned)n;
    return 0;
}

static int replace_perms(struct xs_change *ch, const struct weir_xs_perm *perms,
                         unsigned count)
{
    struct weir_store *s = ch->c->s;
    bool now = !ch->v.tx;
    struct weir_node *n;
    int r;

    if (now && xs_j_full(ch->c, XS_J_DOMAIN + count * sizeof(*perms)))
        return -ENOSPC;
    if (!xs_domain_get(s, perms[0].domid))
        return -ENOMEM;
    r = xs_tx_note(ch->c, ch->v.tx, ch->path, TX_WRITTEN | TX_CHANGED,
                   now ? 0 : count * sizeof(*perms));
    if (r)
        return r;
    n = weir_tree_own(ch->v.top, ch->path);
    if (!n)
        return -ENOMEM;
    if (now)
        xs_uncharge(s, n);
    r = weir_node_set_perms(n, perms, count);
    if (now)
        xs_charge(s, n);
    if (r)
        return r;
    n->gen = ++s->gen;
    if (now)
        xs_j_node(s, ch->path);
    return 0;
}

static int set_perms(struct xs_change *ch, const struct weir_xs_perm *perms,
                     unsigned count)
{
    struct weir_store_conn *c = ch->c;
    struct weir_node *n, *before;
    int r;

    n = xs_get(c, &ch->v, ch->path, WEIR_XS_PERM_WRITE | PERM_OWNER, &r);
    if (!n)
        return r;
    if (!c->privileged && perms[0].domid != xs_owner(n))
        return -EPERM;
    if (xs_too_big(c, n->name_len, n->value_len, count))
        return -ENOSPC;
    before = weir_node_ref(c->s->top); /* who lost access hears of it too */
    r = replace_perms(ch, perms, count);
    if (!r && !ch->v.tx)
        xs_fire(c->s, ch->path, before);
    weir_node_unref(before);
    return r;
}

int xs_do_set_perms(struct weir_store_conn *c, const char *p, size_t len)
{
    struct weir_xs_perm *perms;
    struct xs_change ch;
    const char *arg;
    unsigned count;
    size_t skip;
    int r;

    if (weir_xs_split(p, len, &arg, 1, true) < 2)
        return -EINVAL;
    skip = strlen(arg) + 1;
    r = xs_change_begin(&ch, c, arg, true);
    if (!r)
        r = parse_perms(c, p + skip, len - skip, &perms, &count);
    if (r)
        return r;
    r = set_perms(&ch, perms, count);
    free(perms);
    return r ? r : xs_reply_ok(c);
}
