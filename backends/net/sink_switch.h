/* SPDX-License-Identifier: MIT
 *
 * What the switch of a backend is made with (weir_switch_new): fills the rx
 * ring of the vif behind a port.
 */
#ifndef WEIR_BACKENDS_NET_SINK_SWITCH_H
#define WEIR_BACKENDS_NET_SINK_SWITCH_H

#include "backends/net/packet.h"

void weir_vif_switch_deliver(void *receiver, unsigned hint,
                             const struct weir_net_packet *const *p,
                             unsigned n);

#endif
