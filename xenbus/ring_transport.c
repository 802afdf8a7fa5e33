/* SPDX-License-Identifier: MIT
 *
 * The client's end of the xenstore ring page. */
#include "ring/barrier.h"
#include "ring/error.h"
#include "xenbus/client.h"
#include "xenbus/ring_page.h"

static int tell(struct weir_xs *xs)
{
    struct weir_port *port = xs->port;

    return port->ops->evtchn_notify(port, port->start.store_evtchn);
}

/* A server that gave this connection up says so in the page. */
static int given_up(struct weir_xs_ring_page *page)
{
    bool has =
        weir_load_relaxed32(&page->server_features) & WEIR_XS_SERVER_ERROR;

    return has && weir_load_relaxed32(&page->error) ? -WEIR_ENOTCONN : 0;
}

static int ring_send(struct weir_xs *xs, const void *buf, size_t len)
{
    struct weir_xs_ring_page *page = xs->context;
    bool notify = false;
    int n = weir_xs_push(page->req, &page->req_prod, &page->req_cons,
                         &xs->ring_req_prod, buf, len, &notify);

    if (notify) {
        int r = tell(xs);

        if (r)
            return r;
    }
    return n ? n : given_up(page);
}

static int ring_recv(struct weir_xs *xs, void *buf, size_t len)
{
    struct weir_xs_ring_page *page = xs->context;
    bool notify = false;
    int n = weir_xs_pull(page->rsp, &page->rsp_prod, &page->rsp_cons,
                         &xs->ring_rsp_cons, buf, len, &notify);

    if (notify) {
        int r = tell(xs);

        if (r)
            return r;
    }
    return n ? n : given_up(page);
}

static int ring_wait(struct weir_xs *xs, bool sending, uint64_t timeout_ns)
{
    struct weir_port *port = xs->port;
    uint64_t pending;

    (void)sending; /* one channel tells of both */
    return port->ops->wait(port, &port->start.store_evtchn, 1, timeout_ns,
                           &pending);
}

static const struct weir_xs_transport ring_transport = {
    .send = ring_send,
    .recv = ring_recv,
    .wait = ring_wait,
};

/* A predecessor on this page (a crashed program, a boot loader) may have left
 * half a message either way; only the server can cut the streams clean. */
static int reconnect(struct weir_xs *xs, struct weir_xs_ring_page *page)
{
    struct weir_port *port = xs->port;
    uint64_t end = port->ops->now_ns(port) + xs->deadline_ns;

    weir_store_release32(&page->connection, WEIR_XS_RECONNECT);
    if (tell(xs))
        return -WEIR_EIO;
    while (weir_load_acquire32(&page->connection) != WEIR_XS_CONNECTED) {
        uint64_t now = port->ops->now_ns(port);
        int r;

        if (now >= end)
            return -WEIR_ETIMEDOUT;
        r = ring_wait(xs, false, end - now);
        if (r)
            return r;
    }
    return 0;
}

int weir_xs_open_ring(struct weir_xs *xs, struct weir_port *port)
{
    struct weir_xs_ring_page *page = port->start.store_page;
    uint32_t used;
    int r;

    if (!page)
        return -WEIR_ENODEV;
    r = weir_xs_open(xs, &ring_transport, page, port);
    if (r)
        return r;
    used = weir_load_acquire32(&page->req_prod) |
           weir_load_acquire32(&page->rsp_prod) |
           weir_load_acquire32(&page->connection);
    if (used && weir_load_relaxed32(&page->server_features) &
                    WEIR_XS_SERVER_RECONNECTION) {
        r = reconnect(xs, page);
        if (r)
            return r;
    }
    xs->ring_req_prod = weir_load_acquire32(&page->req_prod);
    xs->ring_rsp_cons = weir_load_acquire32(&page->rsp_cons);
    return 0;
}
