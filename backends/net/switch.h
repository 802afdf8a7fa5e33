/* SPDX-License-Identifier: MIT
 *
 * The inter-guest switch: learning, inside the backend, so that traffic
 * between its guests never enters the host kernel and is copied straight from
 * the sender's pages into the receiver's.
 *
 * Ports belong to named networks; nothing passes between two networks.  The
 * address table is bounded, a port can occupy only a part of it, and entries
 * age.  A frame to an address that is not known goes to every other port of
 * the network, a receiver without buffers loses it: nobody waits for anybody.
 *
 * Any thread may call.  Sending takes the table's lock for reading, so that
 * senders do not wait for each other; joining, leaving and learning write.
 */
#ifndef WEIR_BACKENDS_NET_SWITCH_H
#define WEIR_BACKENDS_NET_SWITCH_H

#include "backends/net/packet.h"

#define WEIR_SWITCH_PORTS    64u
#define WEIR_SWITCH_MACS     1024u /* a power of two */
#define WEIR_SWITCH_PER_PORT 64u   /* addresses one port may occupy */
#define WEIR_SWITCH_AGE_S    300u
#define WEIR_SWITCH_NET      64u /* bytes of a network's name with its NUL */
#define WEIR_SWITCH_BATCH    64u /* packets one send takes */

struct weir_switch;

/* Deliver n packets to the receiver behind a port; hint is the sender's and
 * keeps a flow on one queue.  Runs on the sender's thread and must not call
 * the switch. */
typedef void (*weir_switch_deliver_fn)(void *receiver, unsigned hint,
                                       const struct weir_net_packet *const *p,
                                       unsigned n);

int weir_switch_new(weir_switch_deliver_fn deliver, struct weir_switch **out);
void weir_switch_free(struct weir_switch *sw);
/* *port names the receiver from now on; -ENOSPC: all ports are taken. */
int weir_switch_join(struct weir_switch *sw, void *receiver, const char *net,
                     unsigned *port);
/* When it returns no delivery to the receiver runs or will. */
void weir_switch_leave(struct weir_switch *sw, unsigned port);
/* From port; n <= WEIR_SWITCH_BATCH; now_s: any clock in seconds.  Packets
 * stay the caller's.  Returns how many were dropped for good reason (to the
 * sender itself or to nobody). */
unsigned weir_switch_send(struct weir_switch *sw, unsigned port, unsigned hint,
                          const struct weir_net_packet *p, unsigned n,
                          uint32_t now_s);
/* For tests and tools: where an address was learned, -ENOENT. */
int weir_switch_lookup(struct weir_switch *sw, unsigned port,
                       const uint8_t mac[6], uint32_t now_s);

#endif
