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
    /* Only sender addresses in IPv4 and ARP, network byte order, beside
     * 0.0.0.0 for DHCP and ARP probes; tagged frames are then dropped.  0: any
     * address.  IPv6 is not looked at. */
    unsigned nips;
    uint8_t ip[WEIR_FILTER_IPS][4];
};

/* All of it or nothing; a chain of that name is replaced. */
int weir_filter_set(const struct weir_filter *f, struct weir_hostif_err *err);
/* Removing what is not there succeeds. */
int weir_filter_remove(const char *table, const char *vif,
                       struct weir_hostif_err *err);
int weir_filter_remove_table(const char *table, struct weir_hostif_err *err);

#endif
