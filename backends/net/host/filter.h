/* SPDX-License-Identifier: MIT
 *
 * Packet filters of vifs on the host, in an nftables table of our own (family
 * netdev, one an instance), one chain a vif at the ingress of its tap: what a
 * guest sends is checked before the bridge sees it.  Used by the device
 * manager; for threads, namespaces and errors see hostif.h.  `nft list table
 * netdev NAME` shows it.
 */
#ifndef WEIR_BACKENDS_NET_HOST_FILTER_H
#define WEIR_BACKENDS_NET_HOST_FILTER_H

#include "backends/net/host/hostif.h"

#define WEIR_FILTER_IPS 8

struct weir_filter {
    const char *table; /* "weir" or "weir-INSTANCE"; made when missing */
    const char *vif;   /* the tap; also the chain's name */
    uint8_t mac[6];    /* the only sender address */
    /* With an address of either family only these may be senders in ARP,
     * IPv4, IPv6 and as targets of neighbour advertisements; of a family
     * without any nothing passes, and no tagged frame.  Beside them: 0.0.0.0
     * for DHCP and ARP probes, or the link-local address that mac makes and
     * what `::` sends before it has an address.  Network byte order. */
    unsigned nips, nip6s;
    uint8_t ip[WEIR_FILTER_IPS][4];
    uint8_t ip6[WEIR_FILTER_IPS][16];
};

/* All of it or nothing; a chain of that name is replaced.  -EOPNOTSUPP: this
 * kernel has no nf_tables or no netdev family in it. */
int weir_filter_set(const struct weir_filter *f, struct weir_hostif_err *err);
/* Removing what is not there succeeds. */
int weir_filter_remove(const char *table, const char *vif,
                       struct weir_hostif_err *err);
int weir_filter_remove_table(const char *table, struct weir_hostif_err *err);

#endif
