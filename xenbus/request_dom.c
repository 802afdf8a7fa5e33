/* SPDX-License-Identifier: MIT
 *
 * Registry: requests about domains, features, quotas and the registry itself.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "xenbus/journal.h"

static int one_domid(const char *p, size_t len, domid_t *domid)
{
    const char *arg;
    int n = weir_xs_split(p, len, &arg, 1, true);

    return n == 1 ? xs_domid_arg(arg, domid) : -EINVAL;
}

static struct xs_domain *introduced(struct weir_store *s, domid_t domid)
{
    struct xs_domain *d = xs_domain_find(s, domid);

    return d && d->introduced ? d : NULL;
}

int xs_do_introduce(struct weir_store_conn *c, const char *p, size_t len)
{
    struct weir_store *s = c->s;
    const char *argv[3];
    uint64_t frame, port;
    struct xs_domain *d;
    domid_t domid;
    int n = weir_xs_split(p, len, argv, 3, true), r = 0;
    bool again;

    if (n < 3 || xs_domid_arg(argv[0], &domid) || !domid ||
        weir_xs_parse_u64(argv[1], &frame) ||
        weir_xs_parse_u64(argv[2], &port) || port > UINT32_MAX)
        return -EINVAL;
    if (xs_j_full(c, XS_J_CONN + XS_J_DOMAIN))
        return -ENOSPC;
    d = xs_domain_get(s, domid);
    if (!d)
        return -ENOMEM;
    again = d->introduced;
    d->introduced = true;
    if (s->ops->introduce)
        r = s->ops->introduce(s->context, domid, (evtchn_port_t)port);
    if (r) {
        xs_log(s, WEIR_LOG_ERROR, "domain %u: cannot be introduced: error %d",
               domid, -r);
        d->introduced = again;
        xs_domain_put(s, d);
        return r;
    }
    xs_j_domain(s, d);
    if (!again)
        xs_fire_special(s, "@introduceDomain", domid);
    return xs_reply_ok(c);
}

int xs_do_release(struct weir_store_conn *c, const char *p, size_t len)
{
    domid_t domid;
    int r = one_domid(p, len, &domid);

    if (r)
        return r;
    if (!domid)
        return -EINVAL;
    if (!introduced(c->s, domid))
        return -ENOENT;
    if (c->s->ops->release)
        c->s->ops->release(c->s->context, domid);
    r = xs_domain_gone(c->s, domid);
    return r ? r : xs_reply_ok(c);
}

int xs_do_domain_path(struct weir_store_conn *c, const char *p, size_t len)
{
    char path[32];
    domid_t domid;
    int r = one_domid(p, len, &domid);

    if (r)
        return r;
    snprintf(path, sizeof(path), "/local/domain/%u", domid);
    return xs_reply(c, path, strlen(path) + 1);
}

int xs_do_is_introduced(struct weir_store_conn *c, const char *p, size_t len)
{
    domid_t domid;
    int r = one_domid(p, len, &domid);

    if (r)
        return r;
    return xs_reply(c, !domid || introduced(c->s, domid) ? "T" : "F", 2);
}

/* @releaseDomain is said once per RELEASE here, so there is nothing to arm
 * again; the answer is the protocol's. */
int xs_do_resume(struct weir_store_conn *c, const char *p, size_t len)
{
    domid_t domid;
    int r = one_domid(p, len, &domid);

    if (r)
        return r;
    return introduced(c->s, domid) ? xs_reply_ok(c) : -ENOENT;
}

int xs_do_set_target(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *argv[2];
    domid_t domid, target;

    if (weir_xs_split(p, len, argv, 2, true) != 2 ||
        xs_domid_arg(argv[0], &domid) || xs_domid_arg(argv[1], &target))
        return -EINVAL;
    if (!introduced(c->s, domid) || !introduced(c->s, target))
        return -ENOENT;
    introduced(c->s, domid)->target = target;
    xs_j_domain(c->s, introduced(c->s, domid));
    return xs_reply_ok(c);
}

int xs_do_reset_watches(struct weir_store_conn *c, const char *p, size_t len)
{
    (void)p;
    if (len > 1)
        return -EINVAL;
    xs_watch_free_all(c);
    xs_tx_free_all(c);
    xs_j_conn_end(c, XS_REC_FORGET);
    return xs_reply_ok(c);
}

static int reply_number(struct weir_store_conn *c, uint64_t v)
{
    char digits[21];

    return xs_reply(c, digits, weir_xs_format_u64(v, digits) + 1u);
}

int xs_do_get_feature(struct weir_store_conn *c, const char *p, size_t len)
{
    const struct xs_domain *d;
    domid_t domid;
    int r;

    if (!len || (len == 1 && !p[0]))
        return reply_number(c, c->d->features);
    if (!c->privileged)
        return -EACCES;
    r = one_domid(p, len, &domid);
    if (r)
        return r;
    d = xs_domain_find(c->s, domid);
    return d ? reply_number(c, d->features) : -ENOENT;
}

int xs_do_set_feature(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *argv[2];
    struct xs_domain *d;
    uint64_t value;
    domid_t domid;

    if (weir_xs_split(p, len, argv, 2, true) != 2 ||
        xs_domid_arg(argv[0], &domid) || weir_xs_parse_u64(argv[1], &value) ||
        value & ~(uint64_t)XS_FEATURES)
        return -EINVAL;
    if (xs_j_full(c, XS_J_DOMAIN))
        return -ENOSPC;
    d = xs_domain_get(c->s, domid);
    if (!d)
        return -ENOMEM;
    if (d->introduced || !domid)
        return -EBUSY;
    d->features = (uint32_t)value;
    d->configured = true;
    xs_j_domain(c->s, d);
    return xs_reply_ok(c);
}

static int quota_arg(const char *name)
{
    for (int q = 0; q < WEIR_QUOTA_COUNT; q++)
        if (!strcmp(weir_store_quota_name((enum weir_store_quota)q), name))
            return q;
    return -EINVAL;
}

static int all_quota_names(struct weir_store_conn *c)
{
    char out[256];
    size_t n = 0;

    for (int q = 0; q < WEIR_QUOTA_COUNT; q++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%s", q ? " " : "",
                              weir_store_quota_name((enum weir_store_quota)q));
    return xs_reply(c, out, n + 1);
}

int xs_do_get_quota(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *argv[2];
    int n = weir_xs_split(p, len, argv, 2, true), q;
    const struct xs_domain *d;
    domid_t domid;

    if (!len || (len == 1 && !p[0]))
        return all_quota_names(c);
    if (n < 1 || n > 2)
        return -EINVAL;
    q = quota_arg(argv[n - 1]);
    if (q < 0)
        return q;
    if (n == 1)
        return reply_number(c, c->s->quota[q]);
    if (xs_domid_arg(argv[0], &domid))
        return -EINVAL;
    d = xs_domain_find(c->s, domid);
    return d ? reply_number(c, d->quota[q]) : -ENOENT;
}

int xs_do_set_quota(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *argv[3];
    int n = weir_xs_split(p, len, argv, 3, true), q;
    struct xs_domain *d;
    uint64_t value;
    domid_t domid;

    if (n < 2 || n > 3 || weir_xs_parse_u64(argv[n - 1], &value))
        return -EINVAL;
    q = quota_arg(argv[n - 2]);
    if (q < 0)
        return q;
    if (n == 2) {
        c->s->quota[q] = value;
        xs_j_defaults(c->s);
        return xs_reply_ok(c);
    }
    if (xs_domid_arg(argv[0], &domid))
        return -EINVAL;
    if (xs_j_full(c, XS_J_DOMAIN))
        return -ENOSPC;
    d = xs_domain_get(c->s, domid);
    if (!d)
        return -ENOMEM;
    d->quota[q] = value;
    d->configured = true;
    xs_j_domain(c->s, d);
    return xs_reply_ok(c);
}

/* ---- CONTROL ---- */

static int control_check(struct weir_store_conn *c, const char *arg)
{
    char line[200] = "OK";

    (void)arg;
    if (weir_store_check(c->s, line, sizeof(line)))
        xs_log(c->s, WEIR_LOG_ERROR, "check: %s", line);
    return xs_reply(c, line, strlen(line) + 1);
}

static int control_log(struct weir_store_conn *c, const char *arg)
{
    if (strcmp(arg, "on") && strcmp(arg, "off"))
        return -EINVAL;
    c->s->log_requests = arg[1] == 'n';
    return xs_reply_ok(c);
}

static int control_print(struct weir_store_conn *c, const char *arg)
{
    xs_log(c->s, WEIR_LOG_INFO, "%.200s", arg);
    return xs_reply_ok(c);
}

static int control_memreport(struct weir_store_conn *c, const char *arg)
{
    char line[WEIR_XS_PAYLOAD_MAX];
    const struct xs_domain *d;
    size_t n;

    (void)arg;
    n = (size_t)snprintf(line, sizeof(line), "nodes of all versions: %zu\n",
                         c->s->node_bytes);
    for (d = xs_domain_next(c->s, NULL); d && n < sizeof(line) - 100;
         d = xs_domain_next(c->s, d))
        n += (size_t)snprintf(
            line + n, sizeof(line) - n,
            "domain %u: %u nodes, %u watches, %u transactions, %zu bytes\n",
            d->domid, d->nodes, d->watches, d->transactions, d->memory);
    return xs_reply(c, line, n + 1);
}

static int control_help(struct weir_store_conn *c, const char *arg);

static const struct control {
    const char *name;
    int (*run)(struct weir_store_conn *c, const char *arg);
} controls[] = {
    {"check", control_check}, {"help", control_help},
    {"log", control_log},     {"memreport", control_memreport},
    {"print", control_print},
};

static int control_help(struct weir_store_conn *c, const char *arg)
{
    static const char text[] = "check help log|on/off memreport print|<text>";

    (void)arg;
    return xs_reply(c, text, sizeof(text));
}

int xs_do_control(struct weir_store_conn *c, const char *p, size_t len)
{
    const char *argv[2] = {"", ""};
    int n = weir_xs_split(p, len, argv, 2, true);

    if (n < 1)
        return -EINVAL;
    for (size_t i = 0; i < sizeof(controls) / sizeof(controls[0]); i++)
        if (!strcmp(argv[0], controls[i].name))
            return controls[i].run(c, argv[1]);
    return -EINVAL;
}
