/* SPDX-License-Identifier: MIT
 *
 * One vif: its queues, what was negotiated, and its sink.  Private to this
 * folder.
 *
 * Threads: the control thread connects and disconnects; each queue has a
 * thread of its own that takes the guest's packets (tx.c) and, for sinks that
 * bring packets in, fills the guest's buffers (rx.c).  The switch fills rx
 * rings from the sender's thread, so an rx ring has a lock.
 *
 * Lock order: tx_lock of one queue, then the switch's, then rx_lock of one
 * queue.  tx_lock: the pool as tx uses it.  rx_lock: rx ring, pool as rx uses
 * it.  The control ring changes a pool with both held.
 */
#ifndef WEIR_BACKENDS_NET_VIF_H
#define WEIR_BACKENDS_NET_VIF_H

#include <pthread.h>

#include "backends/common/backend.h"
#include "backends/common/limit.h"
#include "backends/common/peer.h"
#include "backends/common/qthread.h"
#include "backends/net/log.h"
#include "backends/net/packet.h"
#include "backends/net/switch.h"
#include "backends/net/txreq.h"
#include "ring/netif_ring.h"

#define WEIR_VIF_QUEUES   4u
#define WEIR_VIF_BATCH    64u /* tx slots, and packets, of one pass */
#define WEIR_VIF_STAGE    64u /* pages that grant copies go through */
#define WEIR_VIF_RX_SLOTS 256u
#define WEIR_VIF_FLAT     (WEIR_NET_MAX + 16u) /* a packet and its header */
#define WEIR_VIF_STALL_NS UINT64_C(10000000000)

_Static_assert(WEIR_VIF_BATCH <= WEIR_SWITCH_BATCH, "one switch call a batch");
_Static_assert(WEIR_VIF_BATCH <= WEIR_NET_LOG_BATCH, "a batch has a log");
_Static_assert(WEIR_VIF_QUEUES <= WEIR_NET_LOG_QUEUES, "all queues have one");
_Static_assert(WEIR_VIF_BATCH >= WEIR_TXREQ_CHAIN, "a chain fits a batch");

struct weir_vif;
struct weir_vif_queue;

/* Where a vif's packets go to and come from. */
struct weir_sink_ops {
    /* Queues are there, none runs yet.  Sets dev->error. */
    int (*start)(struct weir_vif *vif);
    /* No thread runs any more.  Idempotent; NULL: nothing to do. */
    void (*stop)(struct weir_vif *vif);
    /* Packets of the guest, valid during the call; returns how many it
     * dropped.  Queue thread. */
    unsigned (*send)(struct weir_vif_queue *q, const struct weir_net_packet *p,
                     unsigned n);
    /* Fill the guest's buffers: > 0 did something, 0 nothing there.  Queue
     * thread; NULL: packets come from elsewhere. */
    int (*receive)(struct weir_vif_queue *q);
};

extern const struct weir_sink_ops weir_sink_tap, weir_sink_switch,
    weir_sink_memory;

/* A batch of grant copies through own pages. */
struct weir_stage {
    uint8_t *page; /* WEIR_VIF_STAGE pages, NULL until first needed */
    uint32_t used; /* bytes */
    unsigned nops;
    struct weir_copy_op op[WEIR_VIF_STAGE * 2];
};

struct weir_vif_queue {
    struct weir_vif *vif;
    unsigned index;
    struct weir_qthread *thread;
    struct weir_peer_pages tx_page, rx_page;
    evtchn_port_t tx_evtchn, rx_evtchn; /* the same when not split; 0: none */
    struct weir_pool pool;
    struct weir_net_log_queue *log;

    pthread_mutex_t tx_lock;
    struct weir_netif_tx_back_ring tx;
    unsigned nslots; /* taken from the ring, not answered */
    union weir_netif_tx_slot slot[WEIR_VIF_BATCH];
    struct weir_limit rate;
    uint64_t rate_wait_ns; /* the bucket is empty for so long */
    struct weir_stage tx_stage;
    struct weir_net_packet *packet; /* WEIR_VIF_BATCH */

    /* Below, a switch's other threads write: not into the line above. */
    uint8_t apart[64];
    pthread_mutex_t rx_lock;
    struct weir_netif_rx_back_ring rx;
    bool rx_open, rx_broken;
    uint64_t rx_packets, rx_bytes; /* since begin */
    unsigned nrsp;                 /* responses not yet put into the ring */
    union weir_netif_rx_slot rsp[WEIR_VIF_RX_SLOTS];
    uint16_t rsp_op[WEIR_VIF_RX_SLOTS]; /* its copies: rx_stage.op[] up to */
    struct weir_stage rx_stage;
    uint8_t *rx_flat; /* software offload, WEIR_VIF_FLAT bytes, twice */

    uint8_t apart_too[64];

    /* The sink's: a tap's descriptors and the packet that waits for room. */
    int fd[WEIR_RES_MAX_FDS];
    unsigned nfds, next_fd;
    bool fd_polled, stalled;
    unsigned need; /* rx slots waited for, 0: none */
    uint64_t since_ns;
    struct weir_net_packet held;
    uint8_t *held_flat; /* WEIR_VIF_FLAT bytes */

    bool woken; /* by an event, and nothing was found yet */
    unsigned spurious_run;
};

struct weir_capture;

struct weir_vif {
    struct weir_back_dev dev;
    const struct weir_sink_ops *sink;
    struct weir_switch *sw;
    bool joined;
    unsigned port; /* at the switch */
    uint8_t mac[6];
    bool sg, gso4, gso6, csum4, csum6; /* what the frontend receives */
    bool rx_notify, mcast_filter;
    bool vnet_hdr;
    pthread_mutex_t mcast_lock;
    volatile uint32_t no_stage; /* it was told; any queue's thread */
    unsigned nqueues;
    struct weir_vif_queue *queue[WEIR_VIF_QUEUES];
    struct weir_peer_pages ctrl_page;
    struct weir_netif_ctrl_back_ring ctrl;
    evtchn_port_t ctrl_evtchn; /* 0: no control ring */
    uint8_t *ctrl_list;        /* own page for lists */
    struct weir_capture *capture;
    struct weir_net_log_page *log; /* NULL: not connected */
    struct weir_net_log_queue *queue_log[WEIR_VIF_QUEUES];
};

/* What all vifs of a backend share: weir_backend_config.context. */
struct weir_net_context {
    struct weir_switch *sw;
    uint64_t spin_ns;
};

extern const struct weir_back_class weir_vif_class;

/* vif.c */
unsigned weir_vif_max_queues(const struct weir_vif *vif);

/* vif_connect.c */
int weir_vif_connect(struct weir_back_dev *dev);
void weir_vif_go(struct weir_back_dev *dev);
void weir_vif_disconnect(struct weir_back_dev *dev);

/* queue.c: a queue's thread. */
/* Has a thread, which sleeps until go. */
int weir_vif_queue_listen(struct weir_vif_queue *q);
void weir_vif_queue_go(struct weir_vif_queue *q);
void weir_vif_queue_stop(struct weir_vif_queue *q);
/* One pass of the queue's work: for its thread and for tests. */
int weir_vif_queue_work(void *queue);

/* queue_setup.c.  log: what the frontend says of the queue, a predecessor's
 * words when dev->resume; open takes it, free does not free it. */
int weir_vif_queue_open(struct weir_vif *vif, unsigned index,
                        struct weir_net_log_queue *log);
void weir_vif_queue_free(struct weir_vif_queue *q);

/* tx.c: take, check, hand to the sink, answer.  > 0 did something, 0 nothing
 * to do, < 0 broken (reported). */
int weir_vif_tx(struct weir_vif_queue *q);

/* rx.c: begin, put ..., end; begin locks, end publishes, notifies and
 * unlocks. */
void weir_vif_rx_begin(struct weir_vif_queue *q);
/* 0: taken (or dropped, and counted, since this guest can never take it);
 * otherwise the number of slots it needs and the guest has not posted. */
unsigned weir_vif_rx_put(struct weir_vif_queue *q,
                         const struct weir_net_packet *p);
void weir_vif_rx_end(struct weir_vif_queue *q);
void weir_vif_rx_dropped(struct weir_vif_queue *q, unsigned n);

/* stage.c */
/* len bytes of own pages, 64-byte aligned; NULL: full (run it first) or no
 * memory, which is said once a vif: the frame is lost. */
uint8_t *weir_stage_room(struct weir_stage *s, struct weir_vif *vif,
                         uint32_t len);
bool weir_stage_full(const struct weir_stage *s, unsigned ops, uint32_t len);
/* One copy of at most a page between grant ref of dom and own bytes at p:
 * split where own pages end. */
void weir_stage_copy(struct weir_stage *s, domid_t dom, uint32_t ref,
                     uint32_t offset, uint8_t *p, uint32_t len, bool to_grant);
/* Runs the copies; op[].status says how each went. */
void weir_stage_run(struct weir_stage *s, struct weir_vif *vif);
void weir_stage_free(struct weir_stage *s, struct weir_port *port);

/* ctrl.c: > 0 did something, 0 nothing, < 0 broken (reported). */
int weir_vif_ctrl(struct weir_vif *vif);

/* mcast.c */
bool weir_vif_mcast_change(struct weir_vif *vif, unsigned extra_type,
                           const uint8_t mac[6]);
/* Does the frontend want a frame to this address? */
bool weir_vif_mcast_wanted(struct weir_vif *vif, const uint8_t *mac);

/* capture.c: pcap to a descriptor; NULL: nothing is captured.  begun: by a
 * predecessor, to whose records others are added. */
int weir_capture_open(int fd, bool begun, struct weir_capture **out);
void weir_capture_packets(struct weir_capture *c,
                          const struct weir_net_packet *p, unsigned n);
void weir_capture_close(struct weir_capture *c);

void weir_vif_notify(struct weir_vif *vif, evtchn_port_t port);

#endif
