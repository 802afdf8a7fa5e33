/* SPDX-License-Identifier: MIT */
#include "backends/net/host/filter.h"
#include "backends/net/host/hostif_fail.h"
#include "backends/net/host/nft.h"

#include <errno.h>
#include <linux/icmpv6.h>
#include <linux/if_ether.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t any_ip[4] = {0, 0, 0, 0};

/* What a kernel says that lacks a part: the subsystem, the family, the kind
 * of chain. */
static int unsupported(int ret)
{
    return ret == -EPROTONOSUPPORT || ret == -EAFNOSUPPORT ? -EOPNOTSUPP : ret;
}

static int failed(struct weir_hostif_err *err, int ret, const char *vif)
{
    return weir_hostif_fail(
        err, ret, "%s: cannot change its filter: %s%s", vif, strerror(-ret),
        ret == -EPERM ? "; run as root or with CAP_NET_ADMIN"
        : ret == -EOPNOTSUPP
            ? "; the kernel needs nf_tables with the netdev family "
              "(modprobe nf_tables)"
            : "");
}

/* Sender address of IPv4, with the protocol that is checked first. */
static void allow_ip(struct weir_nft *n, const struct weir_filter *f,
                     const uint8_t ip[4])
{
    static const uint8_t ethernet_ip[6] = {0, 1, 8, 0, 6, 4};
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, ETH_P_ARP);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 0, 6, true, ethernet_ip);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 14, 4, true, ip);
    weir_nft_add(n, r, true);
    r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, ETH_P_IP);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 12, 4, true, ip);
    if (ip == any_ip) { /* a client that asks for its address */
        static const uint8_t server[2] = {0, 67};
        weir_rule_l4proto(r, IPPROTO_UDP);
        weir_rule_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2, true, server);
    }
    weir_nft_add(n, r, true);
}

static void drop_protocol(struct weir_nft *n, const struct weir_filter *f,
                          uint16_t proto)
{
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, proto);
    weir_nft_add(n, r, false);
}

/* The kernel takes the outer tag off before the chain sees the protocol; in
 * the link header it still shows. */
static void drop_tagged(struct weir_nft *n, const struct weir_filter *f,
                        uint16_t proto)
{
    const uint8_t tag[2] = {(uint8_t)(proto >> 8), (uint8_t)proto};
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_ethernet(r);
    weir_rule_bytes(r, NFT_PAYLOAD_LL_HEADER, 12, 2, true, tag);
    weir_nft_add(n, r, false);
    drop_protocol(n, f, proto);
}

static void rules4(struct weir_nft *n, const struct weir_filter *f)
{
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, ETH_P_ARP);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 6, false, f->mac);
    weir_nft_add(n, r, false);
    for (unsigned i = 0; i < f->nips; i++)
        allow_ip(n, f, f->ip[i]);
    allow_ip(n, f, any_ip);
}

static struct nftnl_rule *icmp6_rule(const struct weir_filter *f, uint8_t type)
{
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, ETH_P_IPV6);
    weir_rule_l4proto(r, IPPROTO_ICMPV6);
    weir_rule_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 0, 1, true, &type);
    return r;
}

/* What a station may say before it has an address: is this one free, is there
 * a router, which groups it hears. */
static void allow_any6(struct weir_nft *n, const struct weir_filter *f,
                       uint8_t type, const uint8_t target[16])
{
    static const uint8_t any[16] = {0};
    struct nftnl_rule *r = icmp6_rule(f, type);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, true, any);
    if (target)
        weir_rule_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, true, target);
    weir_nft_add(n, r, true);
}

static void rules6(struct weir_nft *n, const struct weir_filter *f)
{
    enum { ROUTERS = 133, NEIGHBOUR = 135, NEIGHBOUR_IS = 136 };
    const uint8_t *m = f->mac;
    const uint8_t local[16] = {0xfe, 0x80, 0,        0,    0,    0,
                               0,    0,    m[0] ^ 2, m[1], m[2], 0xff,
                               0xfe, m[3], m[4],     m[5]};
    struct nftnl_rule *r = icmp6_rule(f, NEIGHBOUR_IS);
    weir_rule_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, false, local);
    for (unsigned i = 0; i < f->nip6s; i++)
        weir_rule_bytes(r, NFT_PAYLOAD_TRANSPORT_HEADER, 8, 16, false,
                        f->ip6[i]);
    weir_nft_add(n, r, false);
    allow_any6(n, f, NEIGHBOUR, local);
    for (unsigned i = 0; i < f->nip6s; i++)
        allow_any6(n, f, NEIGHBOUR, f->ip6[i]);
    allow_any6(n, f, ROUTERS, NULL);
    allow_any6(n, f, ICMPV6_MGM_REPORT, NULL);
    allow_any6(n, f, ICMPV6_MLD2_REPORT, NULL);
    r = weir_nft_rule(f->table, f->vif);
    weir_rule_protocol(r, ETH_P_IPV6);
    weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, false, local);
    for (unsigned i = 0; i < f->nip6s; i++)
        weir_rule_bytes(r, NFT_PAYLOAD_NETWORK_HEADER, 8, 16, false, f->ip6[i]);
    weir_nft_add(n, r, false);
}

static void rules(struct weir_nft *n, const struct weir_filter *f)
{
    struct nftnl_rule *r = weir_nft_rule(f->table, f->vif);
    weir_rule_ethernet(r);
    weir_rule_bytes(r, NFT_PAYLOAD_LL_HEADER, 6, 6, false, f->mac);
    weir_nft_add(n, r, false);
    if (!f->nips && !f->nip6s)
        return;
    drop_tagged(n, f, ETH_P_8021Q);
    drop_tagged(n, f, ETH_P_8021AD);
    if (f->nips)
        rules4(n, f);
    drop_protocol(n, f, ETH_P_IP);
    drop_protocol(n, f, ETH_P_ARP);
    if (f->nip6s)
        rules6(n, f);
    else
        drop_protocol(n, f, ETH_P_IPV6);
}

int weir_filter_set(const struct weir_filter *f, struct weir_hostif_err *err)
{
    int ret = weir_hostif_check_name(f->vif, err);
    if (ret)
        return ret;
    /* newer kernels take a chain for a device that is not there */
    if (!weir_hostif_exists(f->vif))
        return weir_hostif_fail(err, -ENODEV,
                                "%s: no such interface to filter; make the "
                                "tap first",
                                f->vif);
    if (f->nips > WEIR_FILTER_IPS || f->nip6s > WEIR_FILTER_IPS)
        return weir_hostif_fail(err, -EINVAL,
                                "%s: at most %d addresses of a family can be "
                                "allowed",
                                f->vif, WEIR_FILTER_IPS);
    ret = weir_filter_remove(f->table, f->vif, err);
    if (ret)
        return ret;
    struct weir_nft *n = malloc(sizeof(*n));
    if (!n)
        return failed(err, -ENOMEM, f->vif);
    weir_nft_begin(n);
    weir_nft_table(n, f->table, true);
    weir_nft_chain(n, f->table, f->vif, true);
    rules(n, f);
    ret = unsupported(weir_nft_commit(n));
    free(n);
    return ret ? failed(err, ret, f->vif) : 0;
}

static int remove_one(const char *table, const char *chain,
                      struct weir_hostif_err *err)
{
    struct weir_nft *n = malloc(sizeof(*n));
    if (!n)
        return failed(err, -ENOMEM, chain ? chain : table);
    weir_nft_begin(n);
    if (chain)
        weir_nft_chain(n, table, chain, false);
    else
        weir_nft_table(n, table, false);
    int ret = unsupported(weir_nft_commit(n));
    free(n);
    return ret && ret != -ENOENT ? failed(err, ret, chain ? chain : table) : 0;
}

int weir_filter_remove(const char *table, const char *vif,
                       struct weir_hostif_err *err)
{
    return remove_one(table, vif, err);
}

int weir_filter_remove_table(const char *table, struct weir_hostif_err *err)
{
    return remove_one(table, NULL, err);
}
