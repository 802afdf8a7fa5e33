/* SPDX-License-Identifier: MIT
 *
 * The switch sink: packets go to other vifs of the same network, on the
 * sender's thread, from the sender's pages into the receiver's.
 */
#include "backends/net/sink_switch.h"
#include "backends/net/vif.h"

#include <stdio.h>
#include <time.h>

void weir_vif_switch_deliver(void *receiver, unsigned hint,
                             const struct weir_net_packet *const *p, unsigned n)
{
    struct weir_vif *vif = receiver;
    struct weir_vif_queue *q = vif->queue[hint % vif->nqueues];
    unsigned lost = 0;
    weir_vif_rx_begin(q);
    for (unsigned i = 0; i < n && !q->rx_broken; i++)
        lost += weir_vif_rx_put(q, p[i]) != 0;
    if (lost)
        weir_vif_rx_dropped(q, lost);
    weir_vif_rx_end(q);
}

static int start(struct weir_vif *vif)
{
    int ret = weir_switch_join(vif->sw, vif, vif->dev.res.label, &vif->port);
    if (ret)
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "the switch has no port left (%u)", WEIR_SWITCH_PORTS);
    vif->joined = ret == 0;
    return ret;
}

static void stop(struct weir_vif *vif)
{
    if (vif->joined)
        weir_switch_leave(vif->sw, vif->port);
    vif->joined = false;
}

static unsigned switch_send(struct weir_vif_queue *q,
                            const struct weir_net_packet *p, unsigned n)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &ts);
    return weir_switch_send(q->vif->sw, q->vif->port, q->index, p, n,
                            (uint32_t)ts.tv_sec);
}

const struct weir_sink_ops weir_sink_switch = {
    .start = start,
    .stop = stop,
    .send = switch_send,
};
