/* SPDX-License-Identifier: MIT
 *
 * A vif's connections: what the frontend says, or a predecessor's log of what
 * it said; queues, control ring, sink.
 */
#include "backends/net/vif.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define FEATURES 8u

static struct weir_vif *vif_of(struct weir_back_dev *dev)
{
    return weir_container_of(dev, struct weir_vif, dev);
}

/* ---- the log's memory ---- */

static int new_run(struct weir_vif *vif, unsigned part, unsigned pages,
                   void **out)
{
    struct weir_back_dev *dev = &vif->dev;
    uint64_t key =
        weir_kept_key(WEIR_RES_VIF, dev->frontend, dev->devid, (uint8_t)part);
    return weir_kept_open(dev, key, pages, "frames", out);
}

/* ---- what the frontend says ---- */

/* Bits of log->features, in this order. */
static void feature_list(struct weir_vif *vif, bool *f[FEATURES])
{
    f[0] = &vif->rx_notify;
    f[1] = &vif->sg;
    f[2] = &vif->gso4;
    f[3] = &vif->gso6;
    f[4] = &vif->csum4;
    f[5] = &vif->csum6;
    f[6] = &vif->mcast_filter;
    f[7] = NULL;
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
    bool *f[FEATURES];
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
    feature_list(vif, f);
    for (unsigned i = 0; f[i]; i++)
        vif->log->features |= (uint32_t)*f[i] << i;
    return ret;
}

static int read_events(struct weir_vif *vif, const char *dir,
                       struct weir_net_log_queue *log)
{
    struct weir_back_dev *dev = &vif->dev;
    uint64_t unused;
    int ret = weir_peer_read(dev, dir, "event-channel-tx", UINT32_MAX, &unused);
    if (ret == -ENOENT)
        return weir_peer_read_evtchn(dev, dir, "event-channel",
                                     &log->tx.evtchn);
    log->split = 1;
    ret = weir_peer_read_evtchn(dev, dir, "event-channel-tx", &log->tx.evtchn);
    return ret ? ret
               : weir_peer_read_evtchn(dev, dir, "event-channel-rx",
                                       &log->rx.evtchn);
}

static int read_queue(struct weir_vif *vif, unsigned i,
                      struct weir_net_log_queue *log)
{
    struct weir_back_dev *dev = &vif->dev;
    grant_ref_t ref[WEIR_PEER_PAGES];
    char name[24];
    const char *dir = vif->log->queues > 1 ? name : NULL;
    snprintf(name, sizeof(name), "queue-%u", i);
    int ret = weir_peer_read_refs(dev, dir, "tx-ring-ref", 1, ref);
    log->tx.ref = ref[0];
    if (!ret)
        ret = weir_peer_read_refs(dev, dir, "rx-ring-ref", 1, ref);
    log->rx.ref = ref[0];
    return ret ? ret : read_events(vif, dir, log);
}

static int read_ctrl(struct weir_vif *vif)
{
    struct weir_net_log_ctrl *log = &vif->log->ctrl;
    uint64_t ref;
    int ret =
        weir_peer_read(&vif->dev, NULL, "ctrl-ring-ref", UINT32_MAX, &ref);
    if (ret)
        return ret == -ENOENT ? 0 : ret;
    log->ref = (grant_ref_t)ref;
    log->present = 1;
    return weir_peer_read_evtchn(&vif->dev, NULL, "event-channel-ctrl",
                                 &log->evtchn);
}

static int read_config(struct weir_vif *vif)
{
    struct weir_back_dev *dev = &vif->dev;
    uint64_t n;
    int ret = read_features(vif);
    if (!ret)
        ret = weir_peer_read_or(dev, NULL, "multi-queue-num-queues", UINT32_MAX,
                                1, &n);
    if (ret)
        return ret;
    if (!n || n > weir_vif_max_queues(vif)) {
        snprintf(dev->error, sizeof(dev->error),
                 "frontend asks for %llu queues; 1 to %u are offered",
                 (unsigned long long)n, weir_vif_max_queues(vif));
        return -EINVAL;
    }
    vif->log->queues = (uint32_t)n;
    return read_ctrl(vif);
}

/* A predecessor's log is this domain's own memory; the frontend's nodes may say
 * anything by now. */
static int take_config(struct weir_vif *vif)
{
    bool *f[FEATURES];
    if (weir_net_log_check(vif->log, weir_vif_max_queues(vif))) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "the log of frames in flight contradicts itself: connect the "
                 "frontend again");
        return -EPROTO;
    }
    feature_list(vif, f);
    for (unsigned i = 0; f[i]; i++)
        *f[i] = vif->log->features >> i & 1;
    return 0;
}

/* ---- what follows from it ---- */

static int open_queues(struct weir_vif *vif)
{
    void *run;
    int ret = 0;
    for (unsigned i = 0; i < vif->log->queues && !ret; i++) {
        ret = new_run(vif, i, WEIR_NET_LOG_QUEUE_PAGES, &run);
        if (ret)
            break;
        vif->queue_log[i] = run;
        if (!vif->dev.resume)
            ret = read_queue(vif, i, run);
        if (!ret)
            ret = weir_vif_queue_open(vif, i, run);
        WEIR_CRASH_POINT();
    }
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

static int open_ctrl(struct weir_vif *vif)
{
    struct weir_net_log_ctrl *log = &vif->log->ctrl;
    struct weir_back_dev *dev = &vif->dev;
    struct weir_port *port = dev->port;
    void *page;
    if (!log->present)
        return 0;
    int ret = weir_peer_map(dev, &log->ref, 1, false, &vif->ctrl_page);
    if (!ret)
        ret = weir_net_log_ctrl(log, vif->ctrl_page.addr[0], dev->resume,
                                &vif->ctrl);
    if (!ret)
        ret = port->ops->alloc_pages(port, 1, &page);
    if (ret)
        return ret;
    vif->ctrl_list = page;
    return weir_peer_bind(dev, log->evtchn, &vif->ctrl_evtchn);
}

static int start(struct weir_vif *vif)
{
    int ret = vif->sink->start(vif);
    for (unsigned i = 0; i < vif->nqueues && !ret; i++)
        ret = weir_vif_queue_listen(vif->queue[i]);
    if (!ret && !vif->dev.resume) {
        weir_kept_head_set(&vif->log->head, WEIR_NET_LOG_MAGIC,
                           WEIR_NET_LOG_VERSION, sizeof(*vif->log));
        weir_kept_ready(&vif->log->head);
        WEIR_CRASH_POINT();
    }
    return ret;
}

void weir_vif_go(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    WEIR_CRASH_POINT();
    for (unsigned i = 0; i < vif->nqueues; i++)
        weir_vif_queue_go(vif->queue[i]);
}

/* Whoever comes after us finds the page gone first. */
static void free_log(struct weir_vif *vif)
{
    weir_kept_close(&vif->dev, vif->log, 1);
    vif->log = NULL;
    for (unsigned i = 0; i < WEIR_VIF_QUEUES; i++) {
        weir_kept_close(&vif->dev, vif->queue_log[i], WEIR_NET_LOG_QUEUE_PAGES);
        vif->queue_log[i] = NULL;
    }
}

void weir_vif_disconnect(struct weir_back_dev *dev)
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
    free_log(vif);
}

int weir_vif_connect(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    void *run;
    weir_vif_disconnect(dev);
    int ret = new_run(vif, WEIR_KEPT_PAGE, 1, &run);
    if (!ret) {
        vif->log = run;
        ret = dev->resume ? take_config(vif) : read_config(vif);
    }
    if (!ret)
        ret = open_queues(vif);
    if (!ret)
        ret = open_ctrl(vif);
    if (!ret) {
        share_rate(vif);
        ret = start(vif);
    }
    if (!ret)
        return 0;
    if (!dev->error[0])
        snprintf(dev->error, sizeof(dev->error), "cannot connect: %s%s",
                 strerror(-ret),
                 ret == -ENOMEM ? ": raise memory= or private_memory= of this "
                                  "driver domain, or detach another device"
                                : "");
    weir_vif_disconnect(dev);
    return ret;
}
