/* SPDX-License-Identifier: MIT */
#include "frontends/net/nf_private.h"

/* Does the caller wait for room?  What send refused says so, and how much. */
static bool is_full(const struct weir_nf_queue *q)
{
    return q->want_slots && !weir_nf_has_room(q, q->want_len, q->want_slots);
}

/* Something to do for the caller: a frame, or room where there was none. */
static int look(struct weir_netfront *nf, struct weir_nf_queue *q, bool full)
{
    int rx = weir_ring_front_look_(&q->rx.r);
    if (rx < 0)
        return weir_nf_broken(nf, "rx ring: more answers than requests");
    if (rx || !full)
        return rx;
    int ret = weir_nf_tx_reap(nf, q);
    return ret ? ret : !is_full(q);
}

/* *full: the caller waits for room.  1: room came since it last looked, which
 * it does not know yet. */
static int begin(struct weir_netfront *nf, struct weir_nf_queue *q, bool *full)
{
    *full = is_full(q);
    if (!*full)
        return 0;
    int ret = weir_nf_tx_reap(nf, q);
    *full = is_full(q);
    return ret ? ret : !*full;
}

/* Awake again.  One that waited for room need not be told of it any more: it
 * looks.  Counts what the wake-up was for; answers that make too little room
 * are something. */
static void woken(struct weir_nf_queue *q, bool full, bool notified)
{
    bool any = weir_ring_front_look_(&q->rx.r) != 0;
    if (full) {
        any = weir_ring_front_look_(&q->tx.r) != 0 || any;
        weir_netif_tx_front_quiet(&q->tx);
    }
    q->stats.notified += notified;
    q->stats.spurious += notified && !any;
}

int weir_netfront_arm(struct weir_netfront *nf, unsigned queue,
                      evtchn_port_t ports[2], unsigned *nports)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    *nports = 0;
    if (!nf->connected || queue >= nf->nqueues)
        return nf->reason ? -WEIR_EPROTO : -WEIR_ENOTCONN;
    weir_netfront_flush(nf, queue);
    ports[(*nports)++] = q->rx_evtchn;
    bool full;
    int more = begin(nf, q, &full);
    if (more)
        return more;
    more = weir_netif_rx_front_arm(&q->rx);
    if (!more && full) {
        if (q->tx_evtchn != q->rx_evtchn)
            ports[(*nports)++] = q->tx_evtchn;
        uint32_t half = weir_netif_tx_front_inflight(&q->tx) / 2;
        more = weir_netif_tx_front_arm_after(&q->tx, half ? half : 1);
    }
    return more < 0 ? weir_nf_broken(nf, "ring: more answers than requests")
                    : more;
}

/* What an event was asked for was found without it: it is old news when it
 * comes, and would end the next sleep.  Before the looks of arm. */
static void forget_events(struct weir_netfront *nf, struct weir_nf_queue *q)
{
    struct weir_port *port = nf->dev.bus->port;
    if (!q->stale || !port->ops->evtchn_clear)
        return;
    port->ops->evtchn_clear(port, q->rx_evtchn);
    if (q->tx_evtchn != q->rx_evtchn)
        port->ops->evtchn_clear(port, q->tx_evtchn);
    q->stale = false;
}

int weir_netfront_wait(struct weir_netfront *nf, unsigned queue,
                       uint64_t timeout_ns)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    struct weir_port *port = nf->dev.bus->port;
    evtchn_port_t ports[2];
    uint64_t pending = 0;
    unsigned n;
    if (!nf->connected || queue >= nf->nqueues)
        return nf->reason ? -WEIR_EPROTO : -WEIR_ENOTCONN;
    weir_netfront_flush(nf, queue);
    bool full;
    int more = begin(nf, q, &full);
    if (more)
        return more < 0 ? more : 0;
    for (;;) {
        more = look(nf, q, full);
        if (more)
            weir_poller_worked(&q->poller);
        if (more || !timeout_ns)
            return more < 0 ? more : 0;
        if (!weir_poller_idle(&q->poller))
            break;
    }
    forget_events(nf, q);
    more = weir_netfront_arm(nf, queue, ports, &n);
    q->stale = q->stale || more;
    if (more)
        return more < 0 ? more : 0;
    weir_poller_sleeping(&q->poller);
    int ret = port->ops->wait(port, ports, n, timeout_ns, &pending);
    weir_poller_woken(&q->poller);
    q->stale = q->stale || pending != (UINT64_C(1) << n) - 1;
    woken(q, full, !ret && pending);
    return ret;
}
