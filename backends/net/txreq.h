/* SPDX-License-Identifier: MIT
 *
 * What a guest asks to send: pure validation of the slots of one tx packet.
 * Input are private copies of ring slots; output is what may be relied on.
 * Nothing here touches shared memory, so a fuzzer needs no more than bytes.
 */
#ifndef WEIR_BACKENDS_NET_TXREQ_H
#define WEIR_BACKENDS_NET_TXREQ_H

#include "backends/net/packet.h"
#include "ring/netif_abi.h"

/* A chain longer than this has no end that we wait for. */
#define WEIR_TXREQ_CHAIN 64u

enum weir_txreq_result {
    WEIR_TXREQ_OK = 0,
    WEIR_TXREQ_PARTIAL, /* the chain goes on beyond n slots */
    WEIR_TXREQ_BAD,     /* its slots get ERROR; the connection goes on */
    WEIR_TXREQ_FATAL,   /* the ring makes no sense from here on */
};

struct weir_txreq_piece {
    uint32_t ref;
    uint16_t offset, size; /* within one page */
};

struct weir_txreq {
    uint32_t slots;   /* it takes, also when BAD */
    uint64_t extras;  /* bit i: slot i is an extra */
    uint32_t len;     /* bytes */
    uint16_t npieces; /* 1..WEIR_NET_SLOTS */
    uint16_t gso_size;
    uint8_t gso;   /* enum weir_gso */
    uint8_t mcast; /* 0, or WEIR_NETIF_EXTRA_MCAST_*: no packet */
    uint8_t mcast_addr[6];
    bool csum_blank, validated;
    const char *why; /* of BAD and FATAL, a literal */
    struct weir_txreq_piece piece[WEIR_NET_SLOTS];
};

/* The packet that begins in slot[0]; n >= 1 slots are there. */
enum weir_txreq_result weir_txreq_parse(const union weir_netif_tx_slot *slot,
                                        unsigned n, struct weir_txreq *out);

#endif
