/* SPDX-License-Identifier: MIT
 *
 * Registry: requests that read the tree.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenbus/store_int.h"

/* The one path argument, and its readable node. */
static int get_one(struct weir_store_conn *c, const char *p, size_t len,
                   bool special, uint32_t dep, struct weir_node **n)
{
    char path[WEIR_XS_PATH_MAX + 1];
    struct xs_view v;
    const char *arg;
    int r;

    if (weir_xs_split(p, len, &arg, 1, true) != 1)
        return -EINVAL;
    r = xs_abs_path(c, arg, special, path);
    if (r)
        return r;
    v = xs_view_of(c, &r);
    if (r)
        return r;
    *n = xs_get(c, &v, path, WEIR_XS_PERM_READ, &r);
    return r ? r : xs_tx_note(c, v.tx, path, dep, 0);
}

int xs_do_read(struct weir_store_conn *c, const char *p, size_t len)
{
    struct weir_node *n;
    int r = get_one(c, p, len, false, DEP_NODE, &n);

    return r ? r : xs_reply(c, n->value, n->value_len);
}

int xs_do_get_perms(struct weir_store_conn *c, const char *p, size_t len)
{
    char out[WEIR_XS_PAYLOAD_MAX];
    struct weir_node *n;
    size_t used = 0;
    int r = get_one(c, p, len, true, DEP_NODE, &n);

    if (r)
        return r;
    for (unsigned i = 0; i < n->nperms; i++) {
        if (used + WEIR_XS_PERM_STR > sizeof(out))
            return -E2BIG;
        used += weir_xs_perm_format(&n->perms[i], out + used) + 1;
    }
    return xs_reply(c, out, used);
}

int xs_do_directory(struct weir_store_conn *c, const char *p, size_t len)
{
    char out[WEIR_XS_PAYLOAD_MAX];
    struct weir_node *n;
    size_t used = 0;
    int r = get_one(c, p, len, false, DEP_LIST, &n);

    if (r)
        return r;
    for (uint32_t i = 0; i < n->nchildren; i++) {
        const struct weir_node *child = n->children[i];

        if (child->name_len + 1u > sizeof(out) - used)
            return -E2BIG; /* the client goes on with DIRECTORY_PART */
        memcpy(out + used, child->name, child->name_len + 1u);
        used += child->name_len + 1u;
    }
    return xs_reply(c, out, used);
}

/* Names from byte offset of the list on, as many as fit whole; an empty name
 * behind the last one of the list. */
int xs_do_directory_part(struct weir_store_conn *c, const char *p, size_t len)
{
    char out[WEIR_XS_PAYLOAD_MAX];
    const char *argv[2];
    struct weir_node *n;
    uint64_t offset, at = 0;
    size_t used;
    uint32_t i = 0;
    int r;

    if (weir_xs_split(p, len, argv, 2, true) != 2 ||
        weir_xs_parse_u64(argv[1], &offset))
        return -EINVAL;
    r = get_one(c, argv[0], strlen(argv[0]) + 1, false, DEP_LIST, &n);
    if (r)
        return r;
    used = (size_t)snprintf(out, sizeof(out), "%llu",
                            (unsigned long long)n->listgen) +
           1;
    while (i < n->nchildren && at < offset)
        at += n->children[i++]->name_len + 1u;
    for (; i < n->nchildren; i++) {
        size_t need = n->children[i]->name_len + 1u;

        if (need + 1 > sizeof(out) - used)
            return xs_reply(c, out, used);
        memcpy(out + used, n->children[i]->name, need);
        used += need;
    }
    out[used++] = '\0';
    return xs_reply(c, out, used);
}
