/* SPDX-License-Identifier: MIT
 *
 * The class "vif": what backends/common calls, and the features.
 */
#include "backends/net/vif.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static struct weir_vif *vif_of(struct weir_back_dev *dev)
{
    return weir_container_of(dev, struct weir_vif, dev);
}

static int vif_open(struct weir_back_dev *dev)
{
    static const struct weir_sink_ops *const sinks[] = {
        [WEIR_VIF_TAP] = &weir_sink_tap,
        [WEIR_VIF_SWITCH] = &weir_sink_switch,
        [WEIR_VIF_MEMORY] = &weir_sink_memory,
    };
    struct weir_vif *vif = vif_of(dev);
    const struct weir_net_context *net = weir_backend_cfg(dev->be)->context;
    if (dev->res.vif.sink >= WEIR_ARRAY_SIZE(sinks)) {
        snprintf(dev->error, sizeof(dev->error), "unknown sink %u",
                 dev->res.vif.sink);
        return -EINVAL;
    }
    vif->sink = sinks[dev->res.vif.sink];
    vif->sw = net->sw;
    memcpy(vif->mac, dev->res.vif.mac, 6);
    pthread_mutex_init(&vif->mcast_lock, NULL);
    if (dev->res.vif.flags & WEIR_VIF_CAPTURE && dev->nfds)
        return weir_capture_open(dev->fds[dev->nfds - 1], &vif->capture);
    return 0;
}

static void vif_close(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    weir_capture_close(vif->capture);
    vif->capture = NULL;
    pthread_mutex_destroy(&vif->mcast_lock);
}

static unsigned max_queues(const struct weir_vif *vif)
{
    unsigned n = vif->dev.res.vif.queues;
    return n < 1 ? 1 : n > WEIR_VIF_QUEUES ? WEIR_VIF_QUEUES : n;
}

static int vif_publish(struct weir_back_dev *dev, weir_xs_tx tx)
{
    static const char *const on[] = {
        "feature-sg",
        "feature-gso-tcpv4",
        "feature-gso-tcpv6",
        "feature-ipv6-csum-offload",
        "feature-rx-copy",
        "feature-multicast-control",
        "feature-split-event-channels",
        "feature-ctrl-ring",
        "carrier",
    };
    int ret = 0;
    for (unsigned i = 0; i < WEIR_ARRAY_SIZE(on) && !ret; i++)
        ret = weir_xs_write_key(dev->xs, tx, dev->path, on[i], "1");
    if (!ret)
        ret = weir_xs_write_key(dev->xs, tx, dev->path, "feature-rx-flip", "0");
    if (!ret)
        ret =
            weir_xs_write_u64(dev->xs, tx, dev->path, "multi-queue-max-queues",
                              max_queues(vif_of(dev)));
    return ret;
}

/* Reads nothing, and is false, when *ret says that one before failed. */
static bool flag(struct weir_vif *vif, const char *key, int *ret)
{
    uint64_t v = 0;
    if (!*ret)
        *ret = weir_peer_read_or(&vif->dev, NULL, key, 1, 0, &v);
    return v != 0;
}

static int read_features(struct weir_vif *vif)
{
    int ret = 0;
    bool copy = flag(vif, "request-rx-copy", &ret);
    if (!ret && !copy) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "frontend does not set request-rx-copy=1: only receive by "
                 "copy is supported");
        return -EOPNOTSUPP;
    }
    vif->rx_notify = flag(vif, "feature-rx-notify", &ret);
    vif->sg = flag(vif, "feature-sg", &ret);
    vif->gso4 = flag(vif, "feature-gso-tcpv4", &ret);
    vif->gso6 = flag(vif, "feature-gso-tcpv6", &ret);
    vif->csum4 = !flag(vif, "feature-no-csum-offload", &ret);
    vif->csum6 = flag(vif, "feature-ipv6-csum-offload", &ret);
    vif->mcast_filter = flag(vif, "request-multicast-control", &ret);
    vif->gso4 = vif->gso4 && vif->sg && vif->csum4;
    vif->gso6 = vif->gso6 && vif->sg && vif->csum6;
    return ret;
}

/* Each queue gets its share of the rate, and of what may be sent at once. */
static void share_rate(struct weir_vif *vif)
{
    const struct weir_resource *res = &vif->dev.res;
    uint64_t now = vif->dev.port->ops->now_ns(vif->dev.port);
    uint64_t share = res->vif.rate_bps / vif->nqueues;
    if (res->vif.rate_bps && !share)
        share = 1; /* 0 would be no limit */
    for (unsigned i = 0; i < vif->nqueues; i++)
        weir_limit_init(&vif->queue[i]->rate, share,
                        (uint64_t)res->vif.rate_window_us * 1000, now);
}

static int open_queues(struct weir_vif *vif)
{
    uint64_t n;
    int ret = weir_peer_read_or(&vif->dev, NULL, "multi-queue-num-queues",
                                UINT32_MAX, 1, &n);
    if (ret)
        return ret;
    if (!n || n > max_queues(vif)) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "frontend asks for %llu queues; 1 to %u are offered",
                 (unsigned long long)n, max_queues(vif));
        return -EINVAL;
    }
    for (unsigned i = 0; i < n && !ret; i++) {
        char dir[16];
        snprintf(dir, sizeof(dir), "queue-%u", i);
        ret = weir_vif_queue_open(vif, i, n > 1 ? dir : NULL);
    }
    if (!ret)
        share_rate(vif);
    return ret;
}

static int open_ctrl(struct weir_vif *vif)
{
    struct weir_back_dev *dev = &vif->dev;
    struct weir_port *port = dev->port;
    uint64_t ref64;
    evtchn_port_t remote;
    int ret = weir_peer_read(dev, NULL, "ctrl-ring-ref", UINT32_MAX, &ref64);
    if (ret)
        return ret == -ENOENT ? 0 : ret;
    grant_ref_t ref = (grant_ref_t)ref64;
    ret = weir_peer_read_evtchn(dev, NULL, "event-channel-ctrl", &remote);
    if (!ret)
        ret = weir_peer_map(dev, &ref, 1, false, &vif->ctrl_page);
    if (!ret)
        ret = weir_netif_ctrl_back_init(&vif->ctrl, vif->ctrl_page.addr, 1);
    void *page;
    if (!ret)
        ret = port->ops->alloc_pages(port, 1, &page);
    if (ret)
        return ret;
    vif->ctrl_list = page;
    return port->ops->evtchn_bind(port, dev->frontend, remote,
                                  &vif->ctrl_evtchn);
}

static void vif_disconnect(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    struct weir_port *port = dev->port;
    for (unsigned i = 0; i < vif->nqueues; i++)
        weir_vif_queue_stop(vif->queue[i]);
    if (vif->nqueues && vif->sink->stop)
        vif->sink->stop(vif);
    if (vif->ctrl_evtchn)
        port->ops->evtchn_close(port, vif->ctrl_evtchn);
    vif->ctrl_evtchn = 0;
    weir_peer_unmap(&vif->ctrl_page);
    if (vif->ctrl_list)
        port->ops->free_pages(port, vif->ctrl_list, 1);
    vif->ctrl_list = NULL;
    while (vif->nqueues)
        weir_vif_queue_free(vif->queue[--vif->nqueues]);
    vif->nmcast = 0;
}

static int vif_connect(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    vif_disconnect(dev);
    int ret = read_features(vif);
    if (!ret)
        ret = open_queues(vif);
    if (!ret)
        ret = open_ctrl(vif);
    if (!ret)
        ret = vif->sink->start(vif);
    for (unsigned i = 0; i < vif->nqueues && !ret; i++)
        ret = weir_vif_queue_start(vif->queue[i]);
    if (!ret)
        return 0;
    if (!dev->error[0])
        snprintf(dev->error, sizeof(dev->error), "cannot connect: %s",
                 strerror(-ret));
    vif_disconnect(dev);
    return ret;
}

const struct weir_back_class weir_vif_class = {
    .name = "vif",
    .resource_class = WEIR_RES_VIF,
    .dev_size = sizeof(struct weir_vif),
    .open = vif_open,
    .publish = vif_publish,
    .connect = vif_connect,
    .disconnect = vif_disconnect,
    .close = vif_close,
};
