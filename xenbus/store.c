/* SPDX-License-Identifier: MIT
 *
 * The registry: life of the whole.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "xenbus/journal.h"

static const uint64_t default_quota[WEIR_QUOTA_COUNT] = {
    [WEIR_QUOTA_NODES] = 1000,      [WEIR_QUOTA_WATCHES] = 128,
    [WEIR_QUOTA_TRANSACTIONS] = 10, [WEIR_QUOTA_OUTSTANDING] = 20,
    [WEIR_QUOTA_NODE_SIZE] = 2048,  [WEIR_QUOTA_PERMS] = 5,
    [WEIR_QUOTA_TX_NODES] = 1024,   [WEIR_QUOTA_MEMORY] = 2560 * 1024,
};

void xs_log(struct weir_store *s, enum weir_log_level level, const char *fmt,
            ...)
{
    char line[256];
    va_list ap;

    if (!s->ops->log)
        return;
    va_start(ap, fmt);
    vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    for (char *p = line; *p; p++) /* parts come from clients */
        if (*p < ' ' || *p > '~')
            *p = '?';
    s->ops->log(s->context, level, line);
}

uint64_t xs_now(struct weir_store *s)
{
    return s->ops->now_ns ? s->ops->now_ns(s->context) : 0;
}

bool xs_may_log(struct weir_store *s, uint64_t *last)
{
    uint64_t now = xs_now(s);

    if (*last && now - *last < LOG_EVERY_NS)
        return false;
    *last = now ? now : 1;
    return true;
}

/* A first node, owned by domain 0, closed to others. */
static struct weir_node *plant(struct weir_store *s, struct weir_node *parent,
                               const char *name)
{
    static const struct weir_xs_perm closed = {.domid = 0, .mask = 0};
    struct weir_node *n = weir_node_new(&s->node_bytes, name, strlen(name));

    if (!n)
        return NULL;
    n->gen = n->listgen = ++s->gen;
    if (weir_node_set_perms(n, &closed, 1) || xs_charge(s, n))
        goto fail;
    if (parent && weir_node_add(parent, n)) {
        xs_uncharge(s, n);
        goto fail;
    }
    return n;
fail:
    weir_node_unref(n);
    return NULL;
}

int weir_store_new(const struct weir_store_ops *ops, void *context,
                   struct weir_store **out)
{
    struct weir_store *s = calloc(1, sizeof(*s));
    struct weir_node *root, *tool;

    if (!s)
        return -ENOMEM;
    s->ops = ops;
    s->context = context;
    memcpy(s->quota, default_quota, sizeof(s->quota));
    s->top = plant(s, NULL, "");
    root = s->top ? plant(s, s->top, "") : NULL;
    tool = root ? plant(s, root, "tool") : NULL;
    if (!tool || !plant(s, tool, "xenstored") ||
        !plant(s, s->top, "@introduceDomain") ||
        !plant(s, s->top, "@releaseDomain")) {
        weir_store_free(s);
        return -ENOMEM;
    }
    *out = s;
    return 0;
}

void weir_store_free(struct weir_store *s)
{
    struct xs_domain *d;

    if (!s)
        return;
    xs_j_close(s->journal); /* its pages are for a successor */
    s->journal = NULL;
    while (s->conns)
        weir_store_disconnect(s->conns);
    weir_node_unref(s->top);
    for (unsigned i = 0; i < DOMAIN_BUCKETS; i++)
        while ((d = s->domains[i])) {
            s->domains[i] = d->next;
            free(d);
        }
    free(s);
}

int weir_store_set_quota(struct weir_store *s, enum weir_store_quota q,
                         uint64_t value)
{
    if ((unsigned)q >= WEIR_QUOTA_COUNT)
        return -EINVAL;
    s->quota[q] = value;
    return 0;
}

const char *weir_store_quota_name(enum weir_store_quota q)
{
    static const char *const names[WEIR_QUOTA_COUNT] = {
        [WEIR_QUOTA_NODES] = "nodes",
        [WEIR_QUOTA_WATCHES] = "watches",
        [WEIR_QUOTA_TRANSACTIONS] = "transactions",
        [WEIR_QUOTA_OUTSTANDING] = "outstanding",
        [WEIR_QUOTA_NODE_SIZE] = "node-size",
        [WEIR_QUOTA_PERMS] = "permissions",
        [WEIR_QUOTA_TX_NODES] = "transaction-nodes",
        [WEIR_QUOTA_MEMORY] = "memory",
    };

    return (unsigned)q < WEIR_QUOTA_COUNT ? names[q] : "?";
}

uint32_t weir_store_features(struct weir_store *s, domid_t domid)
{
    struct xs_domain *d = xs_domain_get(s, domid);

    return d ? d->features : 0;
}

void weir_store_tick(struct weir_store *s)
{
    uint64_t now = xs_now(s);

    for (struct weir_store_conn *c = s->conns; c; c = c->next) {
        const struct xs_msg *m = c->out;

        while (m && !m->event)
            m = m->next;
        if (m && !c->privileged && !c->dead &&
            now - m->queued_ns > EVENT_MAX_NS)
            xs_kill(c, -ETIMEDOUT, "an event was not read for 20 s");
    }
}
