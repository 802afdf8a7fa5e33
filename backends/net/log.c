/* SPDX-License-Identifier: MIT */
#include "backends/net/log.h"

#include <errno.h>

_Static_assert(sizeof(struct weir_net_log_page) <= WEIR_PAGE_SIZE, "one page");
_Static_assert(sizeof(struct weir_net_log_queue) <=
                   WEIR_NET_LOG_QUEUE_PAGES * WEIR_PAGE_SIZE,
               "a queue's run");

int weir_net_log_check(const struct weir_net_log_page *page,
                       unsigned max_queues)
{
    if (!weir_kept_head_ok(&page->head, WEIR_NET_LOG_MAGIC,
                           WEIR_NET_LOG_VERSION, sizeof(*page)) ||
        page->queues < 1 || page->queues > max_queues ||
        page->ctrl.done - page->ctrl.answered > 1)
        return -EPROTO;
    return 0;
}

/* Test builds without the log: as if the ring told everything. */
static bool is_new(bool resume)
{
#ifdef WEIR_NO_LOG
    return true;
#endif
    return !resume;
}

int weir_net_log_tx(struct weir_net_log_queue *log, void *addr, bool resume,
                    struct weir_netif_tx_back_ring *ring)
{
    uint32_t taken = log->tx.taken, answered = log->tx.answered;
    int ret;
    if (is_new(resume)) {
        ret = weir_netif_tx_back_init(ring, &addr, 1);
        log->tx.taken = log->tx.answered = ring->r.rsp_prod;
        return ret;
    }
    if (taken - answered > WEIR_NET_LOG_BATCH)
        return -EPROTO;
    ret = weir_netif_tx_back_attach(ring, &addr, 1, taken, answered);
    for (uint32_t i = 0; i < taken - answered && !ret; i++)
        ret = weir_netif_tx_back_put(ring, &log->tx_rsp[i]);
    if (ret)
        return ret;
    weir_net_log_commit(&log->tx.answered, taken);
    weir_netif_tx_back_push(ring);
    return 0;
}

int weir_net_log_rx(struct weir_net_log_queue *log, void *addr, bool resume,
                    struct weir_netif_rx_back_ring *ring)
{
    uint32_t taken = log->rx.taken, answered = log->rx.answered;
    int ret;
    if (is_new(resume)) {
        ret = weir_netif_rx_back_init(ring, &addr, 1);
        log->rx.taken = log->rx.answered = ring->r.rsp_prod;
        return ret;
    }
    if (taken - answered > WEIR_NET_LOG_RX)
        return -EPROTO;
    ret = weir_netif_rx_back_attach(ring, &addr, 1, taken, answered);
    while (!ret && taken-- != answered) {
        weir_netif_rx_back_unget(ring,
                                 &log->rx_req[taken & (WEIR_NET_LOG_RX - 1)]);
        WEIR_CRASH_POINT();
    }
    return ret;
}

int weir_net_log_ctrl(struct weir_net_log_ctrl *log, void *addr, bool resume,
                      struct weir_netif_ctrl_back_ring *ring)
{
    int ret;
    if (is_new(resume)) {
        ret = weir_netif_ctrl_back_init(ring, &addr, 1);
        log->done = log->answered = ring->r.rsp_prod;
        return ret;
    }
    ret = weir_netif_ctrl_back_attach(ring, &addr, 1, log->done, log->answered);
    if (ret || log->done == log->answered)
        return ret;
    weir_netif_ctrl_back_put(ring, &log->rsp);
    weir_net_log_commit(&log->answered, log->done);
    weir_netif_ctrl_back_push(ring);
    return 0;
}
