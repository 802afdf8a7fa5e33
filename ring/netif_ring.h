/* SPDX-License-Identifier: MIT
 *
 * The network protocol's rings: weir_netif_tx_front_* and _back_*,
 * weir_netif_rx_*, weir_netif_ctrl_*.  Where an extra may stand the slot is a
 * union; what it holds follows from the slot before (netif_abi.h).
 */
#ifndef WEIR_RING_NETIF_RING_H
#define WEIR_RING_NETIF_RING_H

#include "ring/netif_abi.h"
#include "ring/ring.h"

WEIR_RING_TYPES(netif_tx, union weir_netif_tx_slot,
                struct weir_netif_tx_response)
WEIR_RING_TYPES(netif_rx, struct weir_netif_rx_request,
                union weir_netif_rx_slot)
WEIR_RING_TYPES(netif_ctrl, struct weir_netif_ctrl_request,
                struct weir_netif_ctrl_response)

_Static_assert(WEIR_RING_SLOT_netif_tx == 12, "tx slot");
_Static_assert(WEIR_RING_SLOT_netif_rx == 8, "rx slot");
_Static_assert(WEIR_RING_SLOT_netif_ctrl == 16, "control slot");

#endif
