/* SPDX-License-Identifier: MIT
 *
 * The network frontend, freestanding: sends and receives Ethernet frames over
 * a vif that a backend domain exports.  For the author of a kernel or
 * unikernel, who needs to know nothing of Xen:
 *
 *   weir_front_bus_open(&bus, port, &gnttab);      once a domain
 *   weir_netfront_open(&nf, &bus, 0, NULL);        the first vif
 *   weir_front_wait_state(&nf.dev, WEIR_XENBUS_CONNECTED, 5000000000);
 *   for (;;) {
 *       weir_front_bus_poll(&bus);                 follows a restarted backend
 *       while ((n = weir_netfront_recv(&nf, 0, buf, sizeof(buf), &info)) > 0)
 *           stack_input(buf, n);
 *       while (stack has a frame && !weir_netfront_send(&nf, 0, vec, k, NULL))
 *           ;
 *       weir_netfront_flush(&nf, 0);               publish, notify once
 *       weir_netfront_wait(&nf, 0, timeout_ns);
 *   }
 *
 * Frames are copied into and out of buffers that are shared with the backend
 * for the life of the connection, so nothing the backend does afterwards can
 * change a frame that was received, and a caller's memory is never shared.
 * Where the backend offers the pre-granted pool those buffers stay mapped
 * there and a frame costs no hypercall on either side.
 *
 * A queue belongs to one thread at a time.  weir_front_bus_poll and open,
 * close may disconnect: no queue may be in use meanwhile.
 *
 * The backend is not trusted.  One that breaks the protocol makes every call
 * return -WEIR_EPROTO, and nf->reason says why; close the device then.
 */
#ifndef WEIR_FRONTENDS_NET_NETFRONT_H
#define WEIR_FRONTENDS_NET_NETFRONT_H

#include "frontends/common/xenbus_front.h"
#include "ring/netif_ring.h"
#include "ring/poll.h"

#define WEIR_NETFRONT_QUEUES 4u
#define WEIR_NETFRONT_SLOTS  256u   /* of a one-page ring, both directions */
#define WEIR_NETFRONT_MAX    65535u /* bytes of the longest frame */

/* tx buffers: of 256, 2048 and 4096 bytes, so that short frames share pages */
#define WEIR_NF_SMALL_PAGES 16u
#define WEIR_NF_HALF_PAGES  64u
#define WEIR_NF_FULL_PAGES  96u
#define WEIR_NF_TX_PAGES                                                       \
    (WEIR_NF_SMALL_PAGES + WEIR_NF_HALF_PAGES + WEIR_NF_FULL_PAGES)
#define WEIR_NF_SMALL    (WEIR_NF_SMALL_PAGES * 16u)
#define WEIR_NF_HALF     (WEIR_NF_HALF_PAGES * 2u)
#define WEIR_NF_BUFS     (WEIR_NF_SMALL + WEIR_NF_HALF + WEIR_NF_FULL_PAGES)
#define WEIR_NF_RX_PAGES WEIR_NETFRONT_SLOTS
#define WEIR_NF_FRAGS    18u /* data slots of one received frame */

struct weir_netfront_vec {
    const void *base;
    uint32_t len; /* bytes */
};

/* flags */
#define WEIR_NETFRONT_CSUM_BLANK                                               \
    1u /* transport checksum holds the sum of the                              \
          pseudo header only */
#define WEIR_NETFRONT_VALIDATED                                                \
    2u /* received: checksum was checked, or the                               \
          data never left this machine */

/* What is left to do on a frame, or was left by its sender. */
struct weir_netfront_offload {
    uint8_t flags;
    uint8_t gso;       /* 0; 1 TCP over IPv4; 2 TCP over IPv6 */
    uint16_t gso_size; /* payload bytes of each segment, with gso */
};

/* What the backend takes in send (nf->caps) */
#define WEIR_NETFRONT_CAP_SG    1u /* frames above 4096 bytes */
#define WEIR_NETFRONT_CAP_CSUM4 2u
#define WEIR_NETFRONT_CAP_CSUM6 4u
#define WEIR_NETFRONT_CAP_GSO4  8u
#define WEIR_NETFRONT_CAP_GSO6  16u

struct weir_netfront_config {
    unsigned queues; /* wanted; 0: 1.  nf->nqueues says what was agreed */
    bool rx_offload; /* recv may give frames with CSUM_BLANK and gso set */
    bool no_pool;    /* do without the pre-granted pool */
    bool multicast_control; /* receive only multicast that was asked for */
    uint64_t spin_ns;       /* wait spins so long; 0: WEIR_POLL_BUDGET_NS;
                               UINT64_MAX: never */
};

struct weir_netfront_stats {
    uint64_t tx_packets, tx_bytes, tx_errors; /* errors: refused by backend */
    uint64_t rx_packets, rx_bytes, rx_errors;
    uint64_t notified, spurious; /* wake-ups, and those without work */
};

/* Private: a page granted to the backend for good. */
struct weir_nf_page {
    uint8_t *addr;
    grant_ref_t ref;
};

/* Private. */
struct weir_nf_queue {
    struct weir_netif_tx_front_ring tx;
    struct weir_netif_rx_front_ring rx;
    evtchn_port_t tx_evtchn, rx_evtchn;
    struct weir_nf_page tx_ring, rx_ring;
    uint16_t nfree[3]; /* per size of buffer */
    uint16_t free_small[WEIR_NF_SMALL], free_half[WEIR_NF_HALF],
        free_full[WEIR_NF_FULL_PAGES];
    bool busy[WEIR_NF_BUFS];       /* given to the backend */
    uint32_t extras;               /* tx slots without an id, unanswered */
    uint32_t want_len, want_slots; /* room that was refused; 0: none was */
    uint16_t rx_page[WEIR_NETFRONT_SLOTS]; /* page posted in each slot */
    uint16_t nspare;                       /* rx pages not posted */
    uint16_t spare[WEIR_NF_RX_PAGES];
    /* the frame being assembled */
    uint16_t nfrags;
    struct {
        uint16_t page, offset, len;
    } frag[WEIR_NF_FRAGS];
    uint32_t rx_len;
    bool rx_more, rx_extra, rx_bad, rx_begun;
    struct weir_netfront_offload rx_off;
    bool stale; /* an event may come that was asked for in vain */
    struct weir_poller poller;
    struct weir_netfront_stats stats;
    struct weir_nf_page tx_buf[WEIR_NF_TX_PAGES];
    struct weir_nf_page rx_buf[WEIR_NF_RX_PAGES];
};

/* Caller's memory (large: some 30 KiB a queue), zeroed before open. */
struct weir_netfront {
    struct weir_front_dev dev;
    uint8_t mac[6];
    uint32_t mtu;  /* payload bytes, as the toolstack set it */
    uint32_t caps; /* WEIR_NETFRONT_CAP_* while connected */
    unsigned nqueues;
    bool connected;     /* send and recv work */
    bool pooled;        /* no hypercall a frame */
    const char *reason; /* why it is broken, NULL: it is not */
    /* private below */
    struct weir_netfront_config cfg;
    bool prepared, split, has_ctrl;
    struct weir_netif_ctrl_front_ring ctrl;
    struct weir_nf_page ctrl_ring, list;
    evtchn_port_t ctrl_evtchn;
    uint16_t ctrl_id;
    unsigned nopened; /* queues that have pages */
    struct weir_nf_queue queue[WEIR_NETFRONT_QUEUES];
};

/* The index-th vif of the domain, in ascending order of its number.  cfg: NULL
 * for one queue, no receive offload.  Afterwards wait for Connected.
 * -WEIR_ENOENT: there is none. */
int weir_netfront_open(struct weir_netfront *nf, struct weir_front_bus *bus,
                       unsigned index, const struct weir_netfront_config *cfg);
/* Closes in order and takes all memory back; pages that the backend still
 * maps are kept until weir_gnttab_reap sees them free. */
void weir_netfront_close(struct weir_netfront *nf);

/* Queue a frame: the concatenation of n pieces, 14 to 65,535 bytes (4,096
 * without CAP_SG).  off: NULL for a complete frame.  The backend sees it with
 * the next flush.  -WEIR_EAGAIN: no room now; -WEIR_EINVAL; -WEIR_EOPNOTSUPP:
 * not in caps; -WEIR_ENOTCONN: no backend now, frames are lost; -WEIR_EPROTO.
 */
int weir_netfront_send(struct weir_netfront *nf, unsigned queue,
                       const struct weir_netfront_vec *vec, unsigned n,
                       const struct weir_netfront_offload *off);
/* Publish what was queued and posted, and notify if the backend asked. */
void weir_netfront_flush(struct weir_netfront *nf, unsigned queue);
/* A frame into buf: its length; 0: none there; -WEIR_E2BIG: it is longer than
 * size and was dropped; -WEIR_ENOTCONN; -WEIR_EPROTO.  off: NULL allowed unless
 * rx_offload was set. */
int weir_netfront_recv(struct weir_netfront *nf, unsigned queue, void *buf,
                       uint32_t size, struct weir_netfront_offload *off);
/* Frames that send could take at least, of up to 4096 bytes each. */
unsigned weir_netfront_room(struct weir_netfront *nf, unsigned queue);
/* Sleep until a frame may be there, room came for what send refused (or after
 * a room of 0), or the time is over; spins before.  0 in all these cases, or
 * -WEIR_EPROTO.  Flushes. */
int weir_netfront_wait(struct weir_netfront *nf, unsigned queue,
                       uint64_t timeout_ns);
/* Prepare to sleep elsewhere (several devices): the ports to wait for, and 1
 * when there is work already, 0 when not, or -WEIR_EPROTO. */
int weir_netfront_arm(struct weir_netfront *nf, unsigned queue,
                      evtchn_port_t ports[2], unsigned *nports);
/* Ask for (or no longer for) multicast frames to mac; see
 * multicast_control.  As send. */
int weir_netfront_multicast(struct weir_netfront *nf, const uint8_t mac[6],
                            bool wanted);

#endif
