/* SPDX-License-Identifier: MIT
 *
 * Shared by the files of the network frontend.
 */
#ifndef WEIR_FRONTENDS_NET_NF_PRIVATE_H
#define WEIR_FRONTENDS_NET_NF_PRIVATE_H

#include "frontends/net/netfront.h"

/* The backend broke the protocol: says so from now on. */
int weir_nf_broken(struct weir_netfront *nf, const char *why);

/* nf_tx.c */
void weir_nf_tx_reset(struct weir_nf_queue *q);
/* Takes answers in. 0 or -WEIR_EPROTO. */
int weir_nf_tx_reap(struct weir_netfront *nf, struct weir_nf_queue *q);
/* Ring slots and buffers for a frame of len bytes in slots slots. */
bool weir_nf_has_room(const struct weir_nf_queue *q, uint32_t len,
                      unsigned slots);

/* nf_rx.c */
void weir_nf_rx_reset(struct weir_nf_queue *q);
/* Posts the spare pages; the backend sees them after a push. */
void weir_nf_rx_post(struct weir_nf_queue *q);

/* nf_pages.c: everything that is shared with the backend. */
int weir_nf_pages_make(struct weir_netfront *nf, unsigned queues, bool ctrl);
void weir_nf_pages_drop(struct weir_netfront *nf);

/* nf_ctrl.c: offers all buffers of all queues to the backend's pool; sets
 * nf->pooled. */
void weir_nf_pool_offer(struct weir_netfront *nf);

#endif
