/* SPDX-License-Identifier: MIT */
#include "frontends/net/nf_private.h"

#include "frontends/common/text.h"

static struct weir_netfront *nf_of(struct weir_front_dev *dev)
{
    return weir_container_of(dev, struct weir_netfront, dev);
}

int weir_nf_broken(struct weir_netfront *nf, const char *why)
{
    struct weir_port *port = nf->dev.bus->port;
    if (!nf->reason) {
        nf->reason = why;
        port->ops->log(port, WEIR_LOG_ERROR, why);
    }
    nf->connected = false;
    return -WEIR_EPROTO;
}

static uint64_t back_u64(struct weir_netfront *nf, const char *key,
                         uint64_t dflt)
{
    uint64_t v;
    return weir_xs_read_u64(&nf->dev.bus->xs, 0, nf->dev.backend_path, key, &v)
               ? dflt
               : v;
}

static void read_offers(struct weir_netfront *nf)
{
    uint64_t queues = back_u64(nf, "multi-queue-max-queues", 1);
    unsigned want = nf->cfg.queues ? nf->cfg.queues : 1;
    if (want > WEIR_NETFRONT_QUEUES)
        want = WEIR_NETFRONT_QUEUES;
    nf->nqueues = queues < 1 ? 1 : queues < want ? (unsigned)queues : want;
    nf->split = back_u64(nf, "feature-split-event-channels", 0) == 1;
    nf->has_ctrl =
        !nf->cfg.no_pool && back_u64(nf, "feature-ctrl-ring", 0) == 1;
    nf->caps = 0;
    if (back_u64(nf, "feature-sg", 0) == 1)
        nf->caps |= WEIR_NETFRONT_CAP_SG;
    if (back_u64(nf, "feature-no-csum-offload", 0) == 0)
        nf->caps |= WEIR_NETFRONT_CAP_CSUM4;
    if (back_u64(nf, "feature-ipv6-csum-offload", 0) == 1)
        nf->caps |= WEIR_NETFRONT_CAP_CSUM6;
    if (back_u64(nf, "feature-gso-tcpv4", 0) == 1)
        nf->caps |= WEIR_NETFRONT_CAP_GSO4;
    if (back_u64(nf, "feature-gso-tcpv6", 0) == 1)
        nf->caps |= WEIR_NETFRONT_CAP_GSO6;
}

static int prepare_queue(struct weir_netfront *nf, struct weir_nf_queue *q)
{
    struct weir_port *port = nf->dev.bus->port;
    domid_t backend = nf->dev.backend_domid;
    void *page = q->tx_ring.addr;
    int ret = weir_netif_tx_front_init(&q->tx, &page, 1);
    page = q->rx_ring.addr;
    if (!ret)
        ret = weir_netif_rx_front_init(&q->rx, &page, 1);
    if (ret)
        return ret;
    weir_nf_tx_reset(q);
    weir_nf_rx_reset(q);
    weir_poller_init(&q->poller, port,
                     nf->cfg.spin_ns == UINT64_MAX ? 0
                     : nf->cfg.spin_ns             ? nf->cfg.spin_ns
                                                   : WEIR_POLL_BUDGET_NS);
    ret = port->ops->evtchn_alloc(port, backend, &q->tx_evtchn);
    if (ret || !nf->split) {
        q->rx_evtchn = q->tx_evtchn;
        return ret;
    }
    return port->ops->evtchn_alloc(port, backend, &q->rx_evtchn);
}

static int prepare(struct weir_netfront *nf)
{
    struct weir_port *port = nf->dev.bus->port;
    read_offers(nf);
    int ret = weir_nf_pages_make(nf, nf->nqueues, nf->has_ctrl);
    nf->prepared = true; /* from here on disconnect has to undo */
    for (unsigned i = 0; i < nf->nqueues && !ret; i++)
        ret = prepare_queue(nf, &nf->queue[i]);
    if (ret || !nf->has_ctrl)
        return ret;
    void *page = nf->ctrl_ring.addr;
    ret = weir_netif_ctrl_front_init(&nf->ctrl, &page, 1);
    return ret ? ret
               : port->ops->evtchn_alloc(port, nf->dev.backend_domid,
                                         &nf->ctrl_evtchn);
}

static int put(struct weir_netfront *nf, weir_xs_tx tx, const char *dir,
               const char *key, uint64_t v)
{
    return weir_xs_write_u64(&nf->dev.bus->xs, tx, dir, key, v);
}

static int publish_queue(struct weir_netfront *nf, weir_xs_tx tx, unsigned i)
{
    const struct weir_nf_queue *q = &nf->queue[i];
    char dir[WEIR_FRONT_PATH + 16];
    struct weir_text t;
    weir_text_init(&t, dir, sizeof(dir));
    weir_text_str(&t, nf->dev.path);
    if (nf->nqueues > 1) {
        weir_text_str(&t, "/queue-");
        weir_text_u64(&t, i);
    }
    if (t.full)
        return -WEIR_EINVAL;
    int ret = put(nf, tx, dir, "tx-ring-ref", q->tx_ring.ref);
    if (!ret)
        ret = put(nf, tx, dir, "rx-ring-ref", q->rx_ring.ref);
    if (!ret && !nf->split)
        return put(nf, tx, dir, "event-channel", q->tx_evtchn);
    if (!ret)
        ret = put(nf, tx, dir, "event-channel-tx", q->tx_evtchn);
    return ret ? ret : put(nf, tx, dir, "event-channel-rx", q->rx_evtchn);
}

static int publish_features(struct weir_netfront *nf, weir_xs_tx tx)
{
    const bool off = nf->cfg.rx_offload;
    const struct {
        const char *key;
        bool value;
    } nodes[] = {
        {"request-rx-copy", true},
        {"feature-rx-notify", true},
        {"feature-sg", true},
        {"feature-gso-tcpv4", off},
        {"feature-gso-tcpv6", off},
        {"feature-no-csum-offload", !off},
        {"feature-ipv6-csum-offload", off},
        {"request-multicast-control", nf->cfg.multicast_control},
    };
    int ret = 0;
    for (unsigned i = 0; i < WEIR_ARRAY_SIZE(nodes) && !ret; i++)
        ret = put(nf, tx, nf->dev.path, nodes[i].key, nodes[i].value);
    return ret;
}

static int nf_publish(struct weir_front_dev *dev, weir_xs_tx tx)
{
    struct weir_netfront *nf = nf_of(dev);
    int ret = nf->prepared ? 0 : prepare(nf);
    if (!ret)
        ret = publish_features(nf, tx);
    if (!ret) /* also when it is 1: an earlier backend may have had more */
        ret = put(nf, tx, dev->path, "multi-queue-num-queues", nf->nqueues);
    for (unsigned i = 0; i < nf->nqueues && !ret; i++)
        ret = publish_queue(nf, tx, i);
    if (!ret && nf->has_ctrl)
        ret = put(nf, tx, dev->path, "ctrl-ring-ref", nf->ctrl_ring.ref);
    if (!ret && nf->has_ctrl)
        ret = put(nf, tx, dev->path, "event-channel-ctrl", nf->ctrl_evtchn);
    return ret;
}

static int nf_connect(struct weir_front_dev *dev)
{
    struct weir_netfront *nf = nf_of(dev);
    nf->reason = NULL;
    nf->connected = true;
    weir_nf_pool_offer(nf);
    for (unsigned i = 0; i < nf->nqueues && nf->connected; i++)
        weir_netfront_flush(nf, i); /* posts the receive buffers */
    return nf->connected ? 0 : -WEIR_EPROTO;
}

static void nf_disconnect(struct weir_front_dev *dev)
{
    struct weir_netfront *nf = nf_of(dev);
    struct weir_port *port = dev->bus->port;
    nf->connected = nf->pooled = false;
    if (!nf->prepared)
        return;
    for (unsigned i = 0; i < nf->nqueues; i++) {
        struct weir_nf_queue *q = &nf->queue[i];
        if (q->rx_evtchn && q->rx_evtchn != q->tx_evtchn)
            port->ops->evtchn_close(port, q->rx_evtchn);
        if (q->tx_evtchn)
            port->ops->evtchn_close(port, q->tx_evtchn);
        q->tx_evtchn = q->rx_evtchn = 0;
    }
    if (nf->ctrl_evtchn)
        port->ops->evtchn_close(port, nf->ctrl_evtchn);
    nf->ctrl_evtchn = 0;
    nf->prepared = false;
}

static const struct weir_front_ops ops = {
    .publish = nf_publish,
    .connect = nf_connect,
    .disconnect = nf_disconnect,
    .early = true,
};

static int hex(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_mac(struct weir_netfront *nf)
{
    char text[32];
    int n = weir_xs_read_key(&nf->dev.bus->xs, 0, nf->dev.path, "mac", text,
                             sizeof(text));
    if (n < 0)
        return n;
    for (int i = 0; i < 6; i++) {
        int hi = n == 17 ? hex(text[i * 3]) : -1;
        int lo = n == 17 ? hex(text[i * 3 + 1]) : -1;
        if (hi < 0 || lo < 0 || (i < 5 && text[i * 3 + 2] != ':'))
            return -WEIR_EINVAL;
        nf->mac[i] = (uint8_t)(hi << 4 | lo);
    }
    return 0;
}

int weir_netfront_open(struct weir_netfront *nf, struct weir_front_bus *bus,
                       unsigned index, const struct weir_netfront_config *cfg)
{
    uint64_t mtu;
    if (cfg)
        nf->cfg = *cfg;
    int ret = weir_front_attach(bus, &nf->dev, &ops, "vif", index);
    if (ret)
        return ret;
    ret = read_mac(nf);
    if (ret) {
        weir_front_detach(&nf->dev);
        return ret;
    }
    nf->mtu = WEIR_NETIF_DEFAULT_MTU;
    if (!weir_xs_read_u64(&bus->xs, 0, nf->dev.path, "mtu", &mtu) &&
        mtu >= 68 && mtu <= WEIR_NETFRONT_MAX - 14)
        nf->mtu = (uint32_t)mtu;
    return 0;
}

void weir_netfront_close(struct weir_netfront *nf)
{
    weir_front_detach(&nf->dev);
    weir_nf_pages_drop(nf);
}

void weir_netfront_flush(struct weir_netfront *nf, unsigned queue)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    struct weir_port *port = nf->dev.bus->port;
    if (!nf->connected || queue >= nf->nqueues)
        return;
    weir_nf_rx_post(q);
    bool tx = weir_netif_tx_front_push(&q->tx);
    bool rx = weir_netif_rx_front_push(&q->rx);
    if (tx || (rx && q->rx_evtchn == q->tx_evtchn))
        port->ops->evtchn_notify(port, q->tx_evtchn);
    if (rx && q->rx_evtchn != q->tx_evtchn)
        port->ops->evtchn_notify(port, q->rx_evtchn);
}
