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
        return weir_capture_open(dev->fds[dev->nfds - 1],
                                 dev->res.op == WEIR_RES_RESUME, &vif->capture);
    return 0;
}

static void vif_close(struct weir_back_dev *dev)
{
    struct weir_vif *vif = vif_of(dev);
    weir_capture_close(vif->capture);
    vif->capture = NULL;
    pthread_mutex_destroy(&vif->mcast_lock);
}

unsigned weir_vif_max_queues(const struct weir_vif *vif)
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
                              weir_vif_max_queues(vif_of(dev)));
    return ret;
}

const struct weir_back_class weir_vif_class = {
    .name = "vif",
    .resource_class = WEIR_RES_VIF,
    .dev_size = sizeof(struct weir_vif),
    .open = vif_open,
    .publish = vif_publish,
    .connect = weir_vif_connect,
    .go = weir_vif_go,
    .disconnect = weir_vif_disconnect,
    .close = vif_close,
};
