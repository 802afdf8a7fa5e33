/* SPDX-License-Identifier: MIT
 *
 * A queue's rings, event channels and memory: coming and going.
 */
#include "backends/net/vif.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int bind_events(struct weir_vif_queue *q)
{
    struct weir_vif *vif = q->vif;
    if (q->log->split) {
        int ret = weir_peer_bind(&vif->dev, q->log->tx.evtchn, &q->tx_evtchn);
        return ret ? ret
                   : weir_peer_bind(&vif->dev, q->log->rx.evtchn,
                                    &q->rx_evtchn);
    }
    int ret = weir_peer_bind(&vif->dev, q->log->tx.evtchn, &q->tx_evtchn);
    q->rx_evtchn = q->tx_evtchn;
    return ret;
}

static int open_rings(struct weir_vif_queue *q)
{
    struct weir_back_dev *dev = &q->vif->dev;
    int ret = weir_peer_map(dev, &q->log->tx.ref, 1, false, &q->tx_page);
    if (!ret)
        ret = weir_peer_map(dev, &q->log->rx.ref, 1, false, &q->rx_page);
    if (ret)
        return ret;
    ret = weir_net_log_tx(q->log, q->tx_page.addr[0], dev->resume, &q->tx);
    if (!ret)
        ret = weir_net_log_rx(q->log, q->rx_page.addr[0], dev->resume, &q->rx);
    if (ret)
        snprintf(dev->error, sizeof(dev->error), "%s",
                 dev->resume ? "the log of frames in flight contradicts "
                               "itself: connect the frontend again"
                             : "frontend's rings hold impossible indexes");
    return ret;
}

static void open_pool(struct weir_vif_queue *q)
{
    const struct weir_net_log_ctrl *ctrl = &q->vif->log->ctrl;
    struct weir_back_dev *dev = &q->vif->dev;
    q->pool.kept = q->log->pool;
    if (!dev->resume)
        return;
    weir_pool_settle(q->pool.kept, ctrl->done != ctrl->answered);
    weir_pool_restore(&q->pool, dev->port, dev->frontend);
}

int weir_vif_queue_open(struct weir_vif *vif, unsigned index,
                        struct weir_net_log_queue *log)
{
    struct weir_vif_queue *q = calloc(1, sizeof(*q));
    if (!q)
        return -ENOMEM;
    q->vif = vif;
    q->index = index;
    q->log = log;
    pthread_mutex_init(&q->tx_lock, NULL);
    pthread_mutex_init(&q->rx_lock, NULL);
    vif->queue[index] = q;
    vif->nqueues = index + 1;
    q->packet = calloc(WEIR_VIF_BATCH, sizeof(q->packet[0]));
    q->held_flat = malloc(WEIR_VIF_FLAT);
    q->rx_flat = malloc(2 * WEIR_VIF_FLAT);
    if (!q->packet || !q->held_flat || !q->rx_flat)
        return -ENOMEM;
    int ret = open_rings(q);
    if (ret)
        return ret;
    open_pool(q);
    return bind_events(q);
}

void weir_vif_queue_free(struct weir_vif_queue *q)
{
    struct weir_port *port = q->vif->dev.port;
    weir_pool_clear(&q->pool, port);
    weir_peer_unmap(&q->tx_page);
    weir_peer_unmap(&q->rx_page);
    if (q->rx_evtchn && q->rx_evtchn != q->tx_evtchn)
        port->ops->evtchn_close(port, q->rx_evtchn);
    if (q->tx_evtchn)
        port->ops->evtchn_close(port, q->tx_evtchn);
    weir_stage_free(&q->tx_stage, port);
    weir_stage_free(&q->rx_stage, port);
    pthread_mutex_destroy(&q->tx_lock);
    pthread_mutex_destroy(&q->rx_lock);
    free(q->packet);
    free(q->held_flat);
    free(q->rx_flat);
    free(q);
}
