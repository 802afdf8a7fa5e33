/* SPDX-License-Identifier: MIT
 *
 * The log of frames in flight: what a successor needs to go on with a vif whose
 * backend died at any instruction.  A frame may be lost then, as in any
 * network; none is sent or received twice, and every slot gets one answer.
 *
 *   tx    a batch is copied and checked; its answers into tx_rsp; `taken`; only
 *         then the frames go out; the answers into the ring; `answered`; the
 *         ring's index.  A successor answers [answered, taken), sends nothing.
 *
 *   rx    requests are copied out of the ring into rx_req, slot for slot;
 *         `taken`, before answers overwrite them; `answered`, at the end of
 *         whole packets; the ring's index.  A successor puts the requests of
 *         [answered, taken) back and fills their pages anew.
 *
 *   ctrl  a request is carried out; its answer into rsp; `done`; into the ring;
 *         `answered`; the ring's index.  What it did to a pool counts from
 *         `done` on (pool.h).
 *
 * taken, done and answered are commit words and indexes of the ring. References
 * and ports are what the frontend said when it connected: its nodes may say
 * otherwise later.
 *
 * Where nothing can be kept the same words are ordinary memory.
 */
#ifndef WEIR_BACKENDS_NET_LOG_H
#define WEIR_BACKENDS_NET_LOG_H

#include "backends/common/crash_point.h"
#include "backends/common/kept.h"
#include "backends/net/pool.h"
#include "ring/netif_ring.h"

#define WEIR_NET_LOG_MAGIC   0x4c54454eu /* "NETL" */
#define WEIR_NET_LOG_VERSION 1u
#define WEIR_NET_LOG_QUEUES  4u
#define WEIR_NET_LOG_BATCH   64u  /* tx slots in flight */
#define WEIR_NET_LOG_RX      256u /* slots of the rx ring */
#define WEIR_NET_LOG_MCAST   64u

struct weir_net_log_ring {
    volatile uint32_t taken, answered;
    grant_ref_t ref;
    evtchn_port_t evtchn; /* the frontend's */
    uint32_t pad[12];     /* tx and rx have threads of their own */
};

/* A run for each queue. */
struct weir_net_log_queue {
    struct weir_net_log_ring tx, rx;
    struct weir_netif_tx_response tx_rsp[WEIR_NET_LOG_BATCH];
    struct weir_netif_rx_request rx_req[WEIR_NET_LOG_RX];
    volatile uint64_t pool[WEIR_POOL_MAX];
    uint32_t split; /* rx has an event channel of its own */
};
#define WEIR_NET_LOG_QUEUE_PAGES 3u

struct weir_net_log_ctrl {
    volatile uint32_t done, answered;
    grant_ref_t ref;
    evtchn_port_t evtchn;
    struct weir_netif_ctrl_response rsp; /* of request done - 1 */
    uint32_t present;
};

/* A page for each device. */
struct weir_net_log_page {
    struct weir_kept_head head;
    uint32_t queues;
    uint32_t features; /* bits, of vif_connect.c */
    struct weir_net_log_ctrl ctrl;
    volatile uint64_t mcast[WEIR_NET_LOG_MCAST]; /* addresses; 0: none */
};

/* Does what a predecessor left tell of a connection?  max_queues: of the
 * device.  0, -EPROTO. */
int weir_net_log_check(const struct weir_net_log_page *page,
                       unsigned max_queues);

/* Rings (one page at addr) as a predecessor left them, its unfinished work done
 * or put back; false: as new ones.  0, or -EPROTO: it contradicts itself, or
 * the ring's indexes cannot be true. */
int weir_net_log_tx(struct weir_net_log_queue *log, void *addr, bool resume,
                    struct weir_netif_tx_back_ring *ring);
int weir_net_log_rx(struct weir_net_log_queue *log, void *addr, bool resume,
                    struct weir_netif_rx_back_ring *ring);
int weir_net_log_ctrl(struct weir_net_log_ctrl *log, void *addr, bool resume,
                      struct weir_netif_ctrl_back_ring *ring);

static inline void weir_net_log_commit(volatile uint32_t *word, uint32_t index)
{
    WEIR_CRASH_POINT();
    weir_store_release32(word, index);
    weir_compiler_barrier(); /* a release lets later stores pass */
    WEIR_CRASH_POINT();
}

#endif
