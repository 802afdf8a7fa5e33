/* SPDX-License-Identifier: MIT
 *
 * Registry: from a message to its handler.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenbus/store_int.h"

struct request {
    xs_handler *handle;
    bool privileged;
    bool writes; /* may change the tree */
};

static const struct request requests[WEIR_XS_TYPE_COUNT] = {
    [WEIR_XS_CONTROL] = {.handle = xs_do_control, .privileged = true},
    [WEIR_XS_DIRECTORY] = {.handle = xs_do_directory},
    [WEIR_XS_READ] = {.handle = xs_do_read},
    [WEIR_XS_GET_PERMS] = {.handle = xs_do_get_perms},
    [WEIR_XS_WATCH] = {.handle = xs_do_watch},
    [WEIR_XS_UNWATCH] = {.handle = xs_do_unwatch},
    [WEIR_XS_TRANSACTION_START] = {.handle = xs_do_tx_start},
    [WEIR_XS_TRANSACTION_END] = {.handle = xs_do_tx_end, .writes = true},
    [WEIR_XS_INTRODUCE] = {.handle = xs_do_introduce, .privileged = true},
    [WEIR_XS_RELEASE] = {.handle = xs_do_release,
                         .privileged = true,
                         .writes = true},
    [WEIR_XS_GET_DOMAIN_PATH] = {.handle = xs_do_domain_path},
    [WEIR_XS_WRITE] = {.handle = xs_do_write, .writes = true},
    [WEIR_XS_MKDIR] = {.handle = xs_do_mkdir, .writes = true},
    [WEIR_XS_RM] = {.handle = xs_do_rm, .writes = true},
    [WEIR_XS_SET_PERMS] = {.handle = xs_do_set_perms, .writes = true},
    [WEIR_XS_IS_DOMAIN_INTRODUCED] = {.handle = xs_do_is_introduced},
    [WEIR_XS_RESUME] = {.handle = xs_do_resume, .privileged = true},
    [WEIR_XS_SET_TARGET] = {.handle = xs_do_set_target, .privileged = true},
    [WEIR_XS_RESET_WATCHES] = {.handle = xs_do_reset_watches},
    [WEIR_XS_DIRECTORY_PART] = {.handle = xs_do_directory_part},
    [WEIR_XS_GET_FEATURE] = {.handle = xs_do_get_feature},
    [WEIR_XS_SET_FEATURE] = {.handle = xs_do_set_feature, .privileged = true},
    [WEIR_XS_GET_QUOTA] = {.handle = xs_do_get_quota, .privileged = true},
    [WEIR_XS_SET_QUOTA] = {.handle = xs_do_set_quota, .privileged = true},
};

void xs_request(struct weir_store_conn *c, const char *payload)
{
    struct weir_store *s = c->s;
    const struct request *r = NULL;
    int err = -ENOSYS;

    if (c->hdr.type < WEIR_XS_TYPE_COUNT && requests[c->hdr.type].handle)
        r = &requests[c->hdr.type];
    if (s->log_requests)
        xs_log(s, WEIR_LOG_INFO, "domain %u: %s tx %u '%.100s'", c->d->domid,
               weir_xs_type_name(c->hdr.type), c->hdr.tx_id, payload);
    if (r && r->privileged && !c->privileged)
        err = -EACCES;
    else if (r)
        err = r->handle(c, payload, c->hdr.len);
    if (err)
        xs_reply_error(c, -err);
    if (r && r->writes)
        xs_tx_bound_snapshots(s);
}

int xs_abs_path(struct weir_store_conn *c, const char *arg, bool special,
                char out[WEIR_XS_PATH_MAX + 1])
{
    size_t len = strlen(arg), base = 0;

    if (weir_xs_path_check(arg, len, special))
        return -EINVAL;
    if (arg[0] != '/' && arg[0] != '@')
        base = (size_t)snprintf(out, WEIR_XS_PATH_MAX, "/local/domain/%u/",
                                c->d->domid);
    if (base + len > WEIR_XS_PATH_MAX)
        return -EINVAL;
    memcpy(out + base, arg, len + 1);
    return 0;
}

struct xs_view xs_view_of(struct weir_store_conn *c, int *err)
{
    struct xs_view v = {.top = &c->s->top};

    *err = 0;
    if (!c->hdr.tx_id)
        return v;
    v.tx = xs_tx_find(c, c->hdr.tx_id);
    *err = v.tx ? v.tx->failed : -ENOENT;
    if (!*err)
        v.top = &v.tx->top;
    return v;
}

/* Who may not do a thing to the nearest node there is does not learn whether
 * there is more below. */
static int missing(struct weir_store_conn *c, struct xs_view *v,
                   const char *path, unsigned want)
{
    char near_path[WEIR_XS_PATH_MAX + 1];
    struct weir_node *near;
    size_t end;
    int r;

    near = weir_tree_nearest(*v->top, path, &end);
    if (!near)
        return -ENOENT;
    memcpy(near_path, path, end);
    near_path[end] = '\0';
    r = xs_tx_note(c, v->tx, path, DEP_EXISTS, 0);
    if (!r)
        r = xs_tx_note(c, v->tx, near_path, DEP_NODE, 0);
    if (r)
        return r;
    return (xs_allowed(c, near) & want) == want ? -ENOENT : -EACCES;
}

struct weir_node *xs_get(struct weir_store_conn *c, struct xs_view *v,
                         const char *path, unsigned want, int *err)
{
    struct weir_node *n = weir_tree_find(*v->top, path);

    if (!n) {
        *err = missing(c, v, path, want);
        return NULL;
    }
    *err = xs_tx_note(c, v->tx, path, DEP_NODE, 0);
    if (!*err && (xs_allowed(c, n) & want) != want)
        *err = -EACCES;
    return *err ? NULL : n;
}

int xs_domid_arg(const char *s, domid_t *out)
{
    uint64_t v;

    if (weir_xs_parse_u64(s, &v) || v > WEIR_XS_DOMID_MAX)
        return -EINVAL;
    *out = (domid_t)v;
    return 0;
}
