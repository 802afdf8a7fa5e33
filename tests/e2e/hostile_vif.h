/* SPDX-License-Identifier: MIT
 *
 * For hostile tests: a network frontend that obeys nobody; and the attacks of
 * hostile_netfront.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_VIF_H
#define WEIR_TESTS_E2E_HOSTILE_VIF_H

#include "ring/netif_ring.h"
#include "tests/e2e/hostile_dom.h"

#define VIF_PAGES 64 /* of data */
#define VIF_SLOTS 256

struct vif {
    struct hostile *h;
    struct hostile_dev dev;
    struct weir_netif_tx_front_ring tx;
    struct weir_netif_rx_front_ring rx;
    struct weir_netif_ctrl_front_ring ctrl;
    void *tx_page, *rx_page, *ctrl_page;
    grant_ref_t tx_ref, rx_ref, ctrl_ref;
    evtchn_port_t evtchn[3]; /* tx, rx, ctrl */
    uint8_t *data;
    grant_ref_t ref[VIF_PAGES];
    grant_ref_t ro_ref, other_ref; /* data[0]: read-only; to another domain */
    struct weir_netif_gref *list;  /* a page */
    grant_ref_t list_ref;
    uint8_t mac[6];
};

void vif_open(struct hostile *h, struct vif *v);
/* What a good frontend writes, but for the state. */
void vif_nodes(struct vif *v);
/* Fresh rings and channels, nodes, both Connected. */
void vif_connect(struct vif *v);
void vif_reconnect(struct vif *v);
void vif_close(struct vif *v);
void vif_kick(struct vif *v);

/* A slot of data page `page`. */
union weir_netif_tx_slot vif_slot(struct vif *v, unsigned page, unsigned offset,
                                  unsigned size, unsigned flags);
/* Puts n slots, waits for as many answers; false: not all came in 5 s. */
bool vif_send(struct vif *v, const union weir_netif_tx_slot *slot, unsigned n,
              int16_t *status);
/* Sends a packet and checks that each of its slots gets this status, and each
 * extra (bit in extras) NULL. */
void vif_expect(struct vif *v, const union weir_netif_tx_slot *slot, unsigned n,
                uint32_t extras, int status);
/* A good frame in data page 0, of so many bytes; sent and answered OKAY. */
void vif_frame(struct vif *v, unsigned size);
void vif_works(struct vif *v);
/* One control request; the answer's status, and data when not NULL. */
uint32_t vif_ctrl(struct vif *v, unsigned type, uint32_t d0, uint32_t d1,
                  uint32_t d2, uint32_t *data);
uint32_t vif_random(void);

/* hostile_net_tx.c */
void attack_tx(struct hostile *h);
void attack_offload(struct hostile *h);
void attack_mcast(struct hostile *h);
void attack_spoof(struct hostile *h);
void attack_net_rewrite(struct hostile *h);
void attack_net_flood(struct hostile *h);
/* hostile_net_ring.c */
void attack_net_indexes(struct hostile *h);
void attack_rx(struct hostile *h);
void attack_ctrl(struct hostile *h);
void attack_net_nodes(struct hostile *h);
void attack_net_flap(struct hostile *h);
void attack_net_storm(struct hostile *h);
void attack_net_vanish(struct hostile *h);
void attack_net_hang(struct hostile *h);

#endif
