/* SPDX-License-Identifier: MIT
 *
 * A batch of nf_tables messages over libnftnl and libmnl, and the expressions
 * that filter.c builds rules from.  The kernel takes a batch as a whole or not
 * at all.
 */
#ifndef WEIR_BACKENDS_NET_HOST_NFT_H
#define WEIR_BACKENDS_NET_HOST_NFT_H

#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <stdbool.h>
#include <stdint.h>

struct weir_nft {
    char buf[65536];
    struct mnl_nlmsg_batch *batch;
    uint32_t seq;
    int error; /* the first -errno of building */
};

void weir_nft_begin(struct weir_nft *n);
void weir_nft_table(struct weir_nft *n, const char *table, bool add);
/* add: a base chain at the ingress of device vif. */
void weir_nft_chain(struct weir_nft *n, const char *table, const char *vif,
                    bool add);
/* Sends; 0 or the kernel's first -errno.  n is used up. */
int weir_nft_commit(struct weir_nft *n);

struct nftnl_rule *weir_nft_rule(const char *table, const char *chain);
/* Frame protocol (ETH_P_*, host order) equals. */
void weir_rule_protocol(struct nftnl_rule *r, uint16_t proto);
void weir_rule_ethernet(struct nftnl_rule *r);
void weir_rule_l4proto(struct nftnl_rule *r, uint8_t proto);
/* base: NFT_PAYLOAD_*; len bytes at offset equal (or not) value. */
void weir_rule_bytes(struct nftnl_rule *r, uint32_t base, uint32_t offset,
                     uint32_t len, bool equal, const void *value);
/* Adds the rule with its verdict and frees it. */
void weir_nft_add(struct weir_nft *n, struct nftnl_rule *r, bool accept);

#endif
