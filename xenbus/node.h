/* SPDX-License-Identifier: MIT
 *
 * The registry's tree: reference-counted nodes, copied on write, so that a
 * snapshot of the whole is one reference to its root.
 *
 * A node may be changed in place when it and all above it have one reference;
 * weir_tree_own makes that so for one path.  The top is an unnamed node whose
 * children are "" (the path "/") and the special nodes ("@releaseDomain"), so
 * that a path's components are what lies between its slashes.
 *
 * Functions return NULL or -ENOMEM when memory is short; the tree is then as
 * it was.
 */
#ifndef WEIR_XENBUS_NODE_H
#define WEIR_XENBUS_NODE_H

#include "xenbus/wire.h"

struct weir_node {
    uint32_t refs;
    uint32_t nchildren, room; /* of children: used, allocated */
    uint32_t value_len;
    uint16_t name_len, nperms;
    uint64_t gen;     /* of value and permissions */
    uint64_t listgen; /* of the list of children */
    size_t *total;    /* bytes of all nodes there are, shared by all */
    struct weir_node **children; /* sorted by name */
    struct weir_xs_perm *perms;
    char *value;
    char name[];
};

struct weir_node *weir_node_new(size_t *total, const char *name, size_t len);
struct weir_node *weir_node_ref(struct weir_node *n);
void weir_node_unref(struct weir_node *n); /* NULL is fine */
/* What the node itself takes, as quotas count it. */
size_t weir_node_bytes(const struct weir_node *n);
int weir_node_set_value(struct weir_node *n, const void *value, size_t len);
int weir_node_set_perms(struct weir_node *n, const struct weir_xs_perm *perms,
                        unsigned count);
/* parent has one reference; takes over the caller's reference to child. */
int weir_node_add(struct weir_node *parent, struct weir_node *child);

/* path is valid and absolute, or special.  The node, or NULL. */
struct weir_node *weir_tree_find(struct weir_node *top, const char *path);
/* The deepest node on path that exists, never NULL for paths below "/";
 * *len is the length of its path ("/": 1). */
struct weir_node *weir_tree_nearest(struct weir_node *top, const char *path,
                                    size_t *len);
struct weir_node *weir_tree_own(struct weir_node **top, const char *path);
/* Removes path and what is below.  0, -ENOENT, -ENOMEM. */
int weir_tree_remove(struct weir_node **top, const char *path, uint64_t gen);

/* Length of the parent's path ("/a": 1, "/a/b": 2); 0 when there is none. */
size_t weir_path_parent(const char *path);
/* The path without its last component, in buf of WEIR_XS_PATH_MAX + 1. */
bool weir_path_parent_copy(const char *path, char *buf);

#endif
