/* SPDX-License-Identifier: MIT
 *
 * Manual of the network protocol (class "vif").    WEIR_NETIF_ABI_VERSION 1
 *
 * A queue has two rings (ring_abi.h), one page each.  tx: the frontend sends;
 * each request names a piece of a granted page that holds packet bytes.  rx:
 * the frontend posts empty granted pages, the backend fills them.  Every slot
 * that goes over gets exactly one slot back.
 *
 * Backend's nodes (before InitWait)
 *
 *   name                              value  default  notes
 *   feature-sg                        0, 1   0    more than one slot a packet
 *   feature-gso-tcpv4, -tcpv6         0, 1   0    large TCP segments, with the
 *                                                 GSO extra
 *   feature-rx-copy                   0, 1   0    fills rx pages by copying;
 *                                                 the only mode there is
 *   feature-rx-flip                   0, 1   0    page exchange: never
 *   feature-ipv6-csum-offload         0, 1   0    blank checksums on IPv6
 *   feature-multicast-control         0, 1   0    takes MCAST extras
 *   feature-dynamic-multicast-control 0, 1   0    request-* may change later
 *   feature-split-event-channels      0, 1   0    one port for tx, one for rx
 *   multi-queue-max-queues            count  1
 *   feature-ctrl-ring                 0, 1   0    control ring, see below
 *   carrier                           0, 1   1    link; may change any time
 *   mac, script, bridge, ip, rate, vifname        toolstack, for the backend
 *
 * Frontend's nodes (before Connected)
 *
 *   mac                               aa:bb:cc:dd:ee:ff   toolstack
 *   handle                            the device's number, toolstack
 *   mtu                               bytes  1500 toolstack; a hint
 *   trusted                           0, 1   1    toolstack; 0: mistrust
 *   request-rx-copy                   1      0    must be 1
 *   feature-rx-notify                 1      0    notifies when it posts rx
 *                                                 pages; must be 1
 *   feature-sg                        0, 1   0    takes packets in several rx
 *                                                 slots
 *   feature-gso-tcpv4, -tcpv6         0, 1   0    takes large segments
 *   feature-no-csum-offload           0, 1   0    1: wants IPv4 checksums
 *                                                 filled in
 *   feature-ipv6-csum-offload         0, 1   0    takes blank ones on IPv6
 *   request-multicast-control         0, 1   0    filter by the MCAST list
 *   tx-ring-ref, rx-ring-ref          reference
 *   event-channel                     port, or with split channels:
 *   event-channel-tx, -rx             port
 *   multi-queue-num-queues            count  1    above 1 the five nodes above
 *                                                 are below queue-0/ ...
 *   ctrl-ring-ref, event-channel-ctrl reference, port   with a control ring
 *
 * A tx packet: a request with the total size; then, if EXTRA_INFO, extras
 * while MORE is set in them; then a request for each further piece, its own
 * size, while MORE_DATA is set in the one before.  The first piece is the total
 * less the others.  Backends take at least 18 slots; a piece may have any
 * size, 0 included, but stays within its page.  Extras get status NULL back.
 *
 * An rx packet: a response in each slot, size in status; extras after the
 * first.  Sizes add up.  A response is in the slot (index) of its request:
 * an extra has no id.
 *
 * Extras are 8 bytes at the start of a slot.
 *
 * Control ring: one page; requests and responses below; any order.  data[] not
 * named is 0.
 *
 *   type                   data[0]     data[1]   data[2]  answer's data
 *   GET_HASH_FLAGS                                        types supported
 *   SET_HASH_FLAGS         types
 *   SET_HASH_KEY           reference   bytes
 *   GET_HASH_MAPPING_SIZE                                 greatest size
 *   SET_HASH_MAPPING_SIZE  entries
 *   SET_HASH_MAPPING       reference   entries   first
 *   SET_HASH_ALGORITHM     algorithm
 *   GET_GREF_MAPPING_SIZE  queue                          greatest number
 *   ADD_GREF_MAPPING       queue, reference of a page of weir_netif_gref,
 *                          entries
 *   DEL_GREF_MAPPING       the same                       how many removed
 *
 * Hash: the backend computes it over addresses (and ports) as they stand in
 * the header, steers rx packets by mapping[hash % size] (uint32_t queue
 * numbers), or hash % queues without a table; the greatest type that fits the
 * packet counts.  Flags answer NOT_SUPPORTED until an algorithm is set.
 *
 * Pre-granted pool: pages added with ADD_GREF_MAPPING stay mapped in the
 * backend until DEL; tx and rx requests that name their references cost no
 * hypercall.  ADD is all or nothing; DEL puts a status into each entry.  The
 * list page must be granted writable.  Nobody may end such a grant before DEL
 * was answered SUCCESS for it.
 */
#ifndef WEIR_RING_NETIF_ABI_H
#define WEIR_RING_NETIF_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_NETIF_ABI_VERSION 1
#define WEIR_NETIF_SLOTS_MIN   18u     /* a backend takes so many a packet */
#define WEIR_NETIF_MAX_TX_SIZE 0xffffu /* bytes of one packet */
#define WEIR_NETIF_DEFAULT_MTU 1500u

struct weir_netif_tx_request {
    uint32_t gref;
    uint16_t offset; /* into the page */
    uint16_t flags;  /* WEIR_NETTXF_* */
    uint16_t id;     /* echoed */
    uint16_t size;   /* first: of the packet; others: of the piece */
};

#define WEIR_NETTXF_CSUM_BLANK     (1u << 0)
#define WEIR_NETTXF_DATA_VALIDATED (1u << 1)
#define WEIR_NETTXF_MORE_DATA      (1u << 2)
#define WEIR_NETTXF_EXTRA_INFO     (1u << 3)

struct weir_netif_tx_response {
    uint16_t id;
    int16_t status; /* enum weir_netif_status */
};

struct weir_netif_rx_request {
    uint16_t id;
    uint16_t pad;  /* zero */
    uint32_t gref; /* writable, a whole page */
};

struct weir_netif_rx_response {
    uint16_t id;
    uint16_t offset; /* of the data in the page */
    uint16_t flags;  /* WEIR_NETRXF_* */
    int16_t status;  /* bytes, or enum weir_netif_status */
};

#define WEIR_NETRXF_DATA_VALIDATED (1u << 0)
#define WEIR_NETRXF_CSUM_BLANK     (1u << 1)
#define WEIR_NETRXF_MORE_DATA      (1u << 2)
#define WEIR_NETRXF_EXTRA_INFO     (1u << 3)
#define WEIR_NETRXF_GSO_PREFIX     (1u << 4) /* old; not used */

enum weir_netif_status {
    WEIR_NETIF_RSP_DROPPED = -2,
    WEIR_NETIF_RSP_ERROR = -1,
    WEIR_NETIF_RSP_OKAY = 0,
    WEIR_NETIF_RSP_NULL = 1, /* the slot was an extra */
};

enum weir_netif_extra_type {
    WEIR_NETIF_EXTRA_NONE = 0, /* not valid */
    WEIR_NETIF_EXTRA_GSO = 1,
    WEIR_NETIF_EXTRA_MCAST_ADD = 2,
    WEIR_NETIF_EXTRA_MCAST_DEL = 3,
    WEIR_NETIF_EXTRA_HASH = 4,
    WEIR_NETIF_EXTRA_MAX = 5,
};
#define WEIR_NETIF_EXTRA_FLAG_MORE 1u

enum weir_netif_gso_type {
    WEIR_NETIF_GSO_NONE = 0,
    WEIR_NETIF_GSO_TCPV4 = 1,
    WEIR_NETIF_GSO_TCPV6 = 2,
};

struct weir_netif_extra_info {
    uint8_t type;  /* enum weir_netif_extra_type */
    uint8_t flags; /* WEIR_NETIF_EXTRA_FLAG_MORE */
    union {
        struct {
            uint16_t size; /* payload bytes of each segment */
            uint8_t type;  /* enum weir_netif_gso_type */
            uint8_t pad;
            uint16_t features; /* zero */
        } gso;
        struct {
            uint8_t addr[6];
        } mcast;
        struct {
            uint8_t type;      /* bit number of a hash type */
            uint8_t algorithm; /* WEIR_NETIF_HASH_ALGORITHM_* */
            uint8_t value[4];  /* least significant byte first */
        } hash;
        uint16_t pad[3];
    } u;
};

/* A slot where a request or an extra may stand. */
union weir_netif_tx_slot {
    struct weir_netif_tx_request req;
    struct weir_netif_extra_info extra;
};
union weir_netif_rx_slot {
    struct weir_netif_rx_response rsp;
    struct weir_netif_extra_info extra;
};

/* Control ring. */
enum weir_netif_ctrl_type {
    WEIR_NETIF_CTRL_INVALID = 0,
    WEIR_NETIF_CTRL_GET_HASH_FLAGS = 1,
    WEIR_NETIF_CTRL_SET_HASH_FLAGS = 2,
    WEIR_NETIF_CTRL_SET_HASH_KEY = 3,
    WEIR_NETIF_CTRL_GET_HASH_MAPPING_SIZE = 4,
    WEIR_NETIF_CTRL_SET_HASH_MAPPING_SIZE = 5,
    WEIR_NETIF_CTRL_SET_HASH_MAPPING = 6,
    WEIR_NETIF_CTRL_SET_HASH_ALGORITHM = 7,
    WEIR_NETIF_CTRL_GET_GREF_MAPPING_SIZE = 8,
    WEIR_NETIF_CTRL_ADD_GREF_MAPPING = 9,
    WEIR_NETIF_CTRL_DEL_GREF_MAPPING = 10,
};

enum weir_netif_ctrl_status {
    WEIR_NETIF_CTRL_SUCCESS = 0,
    WEIR_NETIF_CTRL_NOT_SUPPORTED = 1,
    WEIR_NETIF_CTRL_INVALID_PARAMETER = 2,
    WEIR_NETIF_CTRL_BUFFER_OVERFLOW = 3,
};

struct weir_netif_ctrl_request {
    uint16_t id;
    uint16_t type; /* enum weir_netif_ctrl_type */
    uint32_t data[3];
};

struct weir_netif_ctrl_response {
    uint16_t id;
    uint16_t type;   /* the request's */
    uint32_t status; /* enum weir_netif_ctrl_status */
    uint32_t data;
};

struct weir_netif_gref {
    uint32_t ref;    /* IN */
    uint16_t flags;  /* IN: WEIR_NETIF_GREF_READONLY */
    uint16_t status; /* OUT, of DEL: enum weir_netif_ctrl_status */
};
#define WEIR_NETIF_GREF_READONLY  1u
#define WEIR_NETIF_GREFS_PER_PAGE 512u

/* Hash types, as a mask and as bit numbers; what is hashed. */
#define WEIR_NETIF_HASH_IPV4         (1u << 0) /* source, destination */
#define WEIR_NETIF_HASH_IPV4_TCP     (1u << 1) /* and both ports */
#define WEIR_NETIF_HASH_IPV6         (1u << 2)
#define WEIR_NETIF_HASH_IPV6_TCP     (1u << 3)
#define WEIR_NETIF_HASH_IPV4_BIT     0u
#define WEIR_NETIF_HASH_IPV4_TCP_BIT 1u
#define WEIR_NETIF_HASH_IPV6_BIT     2u
#define WEIR_NETIF_HASH_IPV6_TCP_BIT 3u

#define WEIR_NETIF_HASH_ALGORITHM_NONE     0u
#define WEIR_NETIF_HASH_ALGORITHM_TOEPLITZ 1u

_Static_assert(sizeof(struct weir_netif_tx_request) == 12, "ABI");
_Static_assert(sizeof(struct weir_netif_tx_response) == 4, "ABI");
_Static_assert(sizeof(struct weir_netif_rx_request) == 8, "ABI");
_Static_assert(sizeof(struct weir_netif_rx_response) == 8, "ABI");
_Static_assert(sizeof(struct weir_netif_extra_info) == 8, "ABI");
_Static_assert(sizeof(union weir_netif_tx_slot) == 12, "ABI");
_Static_assert(sizeof(union weir_netif_rx_slot) == 8, "ABI");
_Static_assert(sizeof(struct weir_netif_ctrl_request) == 16, "ABI");
_Static_assert(sizeof(struct weir_netif_ctrl_response) == 12, "ABI");
_Static_assert(sizeof(struct weir_netif_gref) == 8, "ABI");

#endif
