/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored: connections over ring pages.  The page belongs to the
 * domain and may hold anything at any time; a page that makes no sense ends
 * its own connection, which the domain may ask to begin anew.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ring/barrier.h"
#include "ring/crash_point.h"
#include "xenbus/server.h"
#include "xenbus/wire.h"

#define STORE_REF 1u /* GNTTAB_RESERVED_XENSTORE */

static void tell(struct weir_xsd_peer *p)
{
    struct weir_port *port = p->x->port;

    port->ops->evtchn_notify(port, p->evtchn);
}

/* Both streams empty, nothing outstanding: what the domain asked for. */
static void start_over(struct weir_xsd_peer *p)
{
    struct weir_xs_ring_page *page = p->page;

    weir_store_reset(p->conn);
    p->broken = false;
    p->req_cons = p->rsp_prod = 0;
    weir_store_keep(p->conn, p->remote, 0, 0, false);
    weir_store_settle(p->x->store);
    weir_store_relaxed32(&page->req_cons, 0);
    WEIR_CRASH_POINT();
    weir_store_relaxed32(&page->req_prod, 0);
    WEIR_CRASH_POINT();
    weir_store_relaxed32(&page->rsp_cons, 0);
    WEIR_CRASH_POINT();
    weir_store_relaxed32(&page->rsp_prod, 0);
    WEIR_CRASH_POINT();
    weir_store_relaxed32(&page->error, WEIR_XS_RING_ERROR_NONE);
    WEIR_CRASH_POINT();
    weir_store_release32(&page->connection, WEIR_XS_CONNECTED);
    WEIR_CRASH_POINT();
    tell(p);
}

static bool ring_wake(struct weir_xsd_peer *p)
{
    struct weir_port *port = p->x->port;

    port->ops->evtchn_clear(port, p->evtchn);
    if (weir_load_acquire32(&p->page->connection) == WEIR_XS_RECONNECT)
        start_over(p);
    return !p->broken;
}

/* The domain hears that input was taken when a successor would know it, and
 * what it was. */
static int ring_fill(struct weir_xsd_peer *p, bool *more)
{
    struct weir_xs_ring_page *page = p->page;
    void *at = NULL;
    size_t room = weir_store_space(p->conn, &at);
    bool notify;
    int n;

    if (!room)
        return 0;
    n = weir_xs_take(page->req, &page->req_prod, &p->req_cons, at, room);
    if (n <= 0)
        return n;
    weir_store_fed(p->conn, (size_t)n);
    notify = weir_xs_taken(&page->req_prod, &page->req_cons, p->req_cons, n);
    WEIR_CRASH_POINT();
    if (notify)
        tell(p);
    *more = true;
    return 0;
}

/* What is in the ring is output when rsp_prod says so: not before a successor
 * would know what it was. */
static int ring_flush(struct weir_xsd_peer *p, bool *more)
{
    struct weir_xs_ring_page *page = p->page;
    uint8_t buf[WEIR_XS_RING_SIZE];
    size_t len = weir_store_peek(p->conn, buf, sizeof(buf));
    int n;

    if (!len)
        return 0;
    n = weir_xs_put(page->rsp, &page->rsp_cons, &p->rsp_prod, buf, len);
    if (n <= 0)
        return n;
    weir_store_sending(p->conn, (size_t)n);
    weir_store_release32(&page->rsp_prod, p->rsp_prod);
    WEIR_CRASH_POINT();
    weir_store_sent(p->conn, (size_t)n);
    tell(p);
    *more = true;
    return 0;
}

/* Stays mapped and silent until the domain reconnects or is released. */
static void ring_fail(struct weir_xsd_peer *p, int err)
{
    uint32_t code =
        err == -EPROTO ? WEIR_XS_RING_ERROR_RINGIDX : WEIR_XS_RING_ERROR_COMM;

    if (weir_store_dead(p->conn) == -EPROTO)
        code = WEIR_XS_RING_ERROR_PROTO;
    weir_store_reset(p->conn);
    p->broken = true;
    weir_store_keep(p->conn, p->remote, p->req_cons, p->rsp_prod, true);
    weir_store_settle(p->x->store);
    weir_store_release32(&p->page->error, code);
    tell(p);
}

static const struct weir_xsd_peer_ops ring_ops = {
    .fill = ring_fill,
    .flush = ring_flush,
    .wake = ring_wake,
    .fail = ring_fail,
};

static struct weir_xsd_peer *find(struct weir_xsd *x, domid_t domid)
{
    struct weir_xsd_peer *p = x->peers;

    while (p && (p->gone || p->ops != &ring_ops || p->domid != domid))
        p = p->next;
    return p;
}

static void detach(struct weir_xsd_peer *p)
{
    struct weir_port *port = p->x->port;
    struct weir_unmap_op un = {.addr = p->page, .handle = p->map_handle};

    weir_xsd_peer_unwatch(p);
    if (p->evtchn)
        port->ops->evtchn_close(port, p->evtchn);
    if (p->page)
        port->ops->unmap(port, &un, 1);
    p->evtchn = 0;
    p->page = NULL;
}

static int attach(struct weir_xsd_peer *p, evtchn_port_t remote)
{
    struct weir_port *port = p->x->port;
    struct weir_map_op map = {.dom = p->domid, .ref = STORE_REF};
    int r = port->ops->map(port, &map, 1);

    if (!r)
        r = map.status;
    if (r)
        return r;
    p->page = map.addr;
    p->map_handle = map.handle;
    p->remote = remote;
    r = port->ops->evtchn_bind(port, p->domid, remote, &p->evtchn);
    if (!r) {
        r = port->ops->evtchn_fd(port, p->evtchn);
        r = r < 0 ? r : weir_xsd_peer_watch(p, r);
    }
    return r;
}

static void begin(struct weir_xsd_peer *p)
{
    weir_store_release32(&p->page->server_features,
                         weir_store_features(p->x->store, p->domid));
    tell(p); /* it may have been waiting for us */
    p->again = p->x->again = true;
}

int weir_xsd_introduce(void *context, domid_t domid, evtchn_port_t port)
{
    struct weir_xsd *x = context;
    struct weir_xsd_peer *p;
    int r;

    if (!x->port)
        return -ENOSYS; /* no rings without a hypervisor */
    p = find(x, domid);
    if (p) {
        detach(p);
        weir_store_reset(p->conn);
    } else {
        p = weir_xsd_peer_new(x, domid, &ring_ops);
    }
    if (!p)
        return -ENOMEM;
    r = attach(p, port);
    if (r) {
        detach(p);
        weir_xsd_peer_end(p);
        return r;
    }
    p->broken = false;
    p->req_cons = weir_load_relaxed32(&p->page->req_cons);
    p->rsp_prod = weir_load_relaxed32(&p->page->rsp_prod);
    weir_store_keep(p->conn, port, p->req_cons, p->rsp_prod, false);
    weir_store_relaxed32(&p->page->error, WEIR_XS_RING_ERROR_NONE);
    begin(p);
    return 0;
}

void weir_xsd_release(void *context, domid_t domid)
{
    struct weir_xsd *x = context;
    struct weir_xsd_peer *p = find(x, domid);

    if (!p)
        return;
    detach(p);
    weir_xsd_peer_end(p);
}

/* ---- what a predecessor left ---- */

/* A domain whose ring cannot be had is gone, or begins anew: weir-devd will
 * say which, by RELEASE or INTRODUCE. */
static void resume(struct weir_xsd *x, struct weir_store_conn *c,
                   const struct weir_store_kept *k)
{
    struct weir_xsd_peer *p = weir_xsd_peer_of(x, c, k->domid, &ring_ops);
    int r = p ? attach(p, k->port) : -ENOMEM;

    if (r) {
        fprintf(stderr,
                "weir-xenstored: domain %u: its ring cannot be served any "
                "more: error %d\n",
                k->domid, -r);
        if (p) {
            detach(p);
            weir_xsd_peer_end(p);
        } else {
            weir_store_disconnect(c);
        }
        return;
    }
    p->broken = k->broken;
    weir_store_resume(c, p, weir_load_relaxed32(&p->page->rsp_prod));
}

/* After the snapshot that says the same. */
static void show(struct weir_xsd *x)
{
    struct weir_store_conn *c = NULL;
    struct weir_store_kept k;

    while ((c = weir_store_next_kept(x->store, c, &k))) {
        struct weir_xsd_peer *p = find(x, k.domid);

        p->req_cons = k.in;
        p->rsp_prod = k.out;
        weir_store_release32(&p->page->req_cons, k.in);
        WEIR_CRASH_POINT();
        weir_store_release32(&p->page->rsp_prod, k.out);
        WEIR_CRASH_POINT();
        if (p->broken)
            weir_store_release32(&p->page->error, WEIR_XS_RING_ERROR_COMM);
        begin(p);
        WEIR_CRASH_POINT();
    }
}

int weir_xsd_journal(struct weir_xsd *x)
{
    struct weir_store_conn *c, *next;
    struct weir_store_kept k, after;
    unsigned rings = 0;
    bool found;
    int r = weir_store_journal(x->store, x->port, &found);

    if (r == -ENOMEM && !found)
        return 0; /* said; it serves as long as it lives */
    if (r || !found)
        return r;
    for (c = weir_store_next_kept(x->store, NULL, &k); c; c = next, k = after) {
        next = weir_store_next_kept(x->store, c, &after);
        WEIR_CRASH_POINT();
        resume(x, c, &k);
        rings++;
    }
    weir_store_settle(x->store);
    show(x);
    fprintf(stderr, "weir-xenstored: info: went on with %u rings\n", rings);
    return 0;
}
