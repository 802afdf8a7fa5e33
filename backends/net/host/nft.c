/* SPDX-License-Identifier: MIT */
#include "backends/net/host/nft.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/table.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if_arp.h>
#include <string.h>

void weir_nft_begin(struct weir_nft *n)
{
    memset(n, 0, sizeof(*n));
    n->batch = mnl_nlmsg_batch_start(n->buf, sizeof(n->buf) / 2);
    if (!n->batch) {
        n->error = -ENOMEM;
        return;
    }
    nftnl_batch_begin(mnl_nlmsg_batch_current(n->batch), n->seq++);
    mnl_nlmsg_batch_next(n->batch);
}

static struct nlmsghdr *message(struct weir_nft *n, uint16_t type,
                                uint16_t flags)
{
    if (n->error)
        return NULL;
    return nftnl_nlmsg_build_hdr(mnl_nlmsg_batch_current(n->batch), type,
                                 NFPROTO_NETDEV, flags | NLM_F_ACK, n->seq++);
}

static void done(struct weir_nft *n)
{
    if (!mnl_nlmsg_batch_next(n->batch))
        n->error = -E2BIG;
}

void weir_nft_table(struct weir_nft *n, const char *table, bool add)
{
    struct nlmsghdr *nlh = message(n, add ? NFT_MSG_NEWTABLE : NFT_MSG_DELTABLE,
                                   add ? NLM_F_CREATE : 0);
    struct nftnl_table *t = nlh ? nftnl_table_alloc() : NULL;
    if (!t) {
        n->error = n->error ? n->error : -ENOMEM;
        return;
    }
    nftnl_table_set_str(t, NFTNL_TABLE_NAME, table);
    nftnl_table_nlmsg_build_payload(nlh, t);
    nftnl_table_free(t);
    done(n);
}

void weir_nft_chain(struct weir_nft *n, const char *table, const char *vif,
                    bool add)
{
    struct nlmsghdr *nlh = message(n, add ? NFT_MSG_NEWCHAIN : NFT_MSG_DELCHAIN,
                                   add ? NLM_F_CREATE : 0);
    struct nftnl_chain *c = nlh ? nftnl_chain_alloc() : NULL;
    if (!c) {
        n->error = n->error ? n->error : -ENOMEM;
        return;
    }
    nftnl_chain_set_str(c, NFTNL_CHAIN_TABLE, table);
    nftnl_chain_set_str(c, NFTNL_CHAIN_NAME, vif);
    if (add) {
        nftnl_chain_set_str(c, NFTNL_CHAIN_TYPE, "filter");
        nftnl_chain_set_str(c, NFTNL_CHAIN_DEV, vif);
        nftnl_chain_set_u32(c, NFTNL_CHAIN_HOOKNUM, NF_NETDEV_INGRESS);
        nftnl_chain_set_s32(c, NFTNL_CHAIN_PRIO, 0);
        nftnl_chain_set_u32(c, NFTNL_CHAIN_POLICY, NF_ACCEPT);
    }
    nftnl_chain_nlmsg_build_payload(nlh, c);
    nftnl_chain_free(c);
    done(n);
}

static int talk(struct weir_nft *n, struct mnl_socket *nl)
{
    char answer[8192];
    int first = 0;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(nl, mnl_nlmsg_batch_head(n->batch),
                          mnl_nlmsg_batch_size(n->batch)) < 0)
        return -errno;
    /* one acknowledgement for each message between begin and end, or fewer
     * when the batch as a whole is refused */
    for (uint32_t left = n->seq - 2; left;) {
        ssize_t len = mnl_socket_recvfrom(nl, answer, sizeof(answer));
        if (len < 0)
            return first ? first : -errno;
        int rest = (int)len;
        struct nlmsghdr *h = (void *)answer;
        for (; mnl_nlmsg_ok(h, rest); h = mnl_nlmsg_next(h, &rest)) {
            if (h->nlmsg_type != NLMSG_ERROR)
                continue;
            const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);
            if (e->error && !first)
                first = e->error;
            if (!h->nlmsg_seq || !--left)
                return first;
        }
    }
    return first;
}

int weir_nft_commit(struct weir_nft *n)
{
    int ret = n->error;
    if (!ret) {
        nftnl_batch_end(mnl_nlmsg_batch_current(n->batch), n->seq++);
        mnl_nlmsg_batch_next(n->batch);
        struct mnl_socket *nl =
            mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
        struct timeval tv = {.tv_sec = 5};
        ret = nl ? 0 : -errno;
        if (nl) {
            setsockopt(mnl_socket_get_fd(nl), SOL_SOCKET, SO_RCVTIMEO, &tv,
                       sizeof(tv));
            ret = talk(n, nl);
            mnl_socket_close(nl);
        }
    }
    if (n->batch)
        mnl_nlmsg_batch_stop(n->batch);
    return ret;
}

struct nftnl_rule *weir_nft_rule(const char *table, const char *chain)
{
    struct nftnl_rule *r = nftnl_rule_alloc();
    if (!r)
        return NULL;
    nftnl_rule_set_str(r, NFTNL_RULE_TABLE, table);
    nftnl_rule_set_str(r, NFTNL_RULE_CHAIN, chain);
    nftnl_rule_set_u32(r, NFTNL_RULE_FAMILY, NFPROTO_NETDEV);
    return r;
}

static struct nftnl_expr *expr(struct nftnl_rule *r, const char *name)
{
    struct nftnl_expr *e = r ? nftnl_expr_alloc(name) : NULL;
    if (e)
        nftnl_rule_add_expr(r, e);
    return e;
}

static void compare(struct nftnl_rule *r, bool equal, const void *value,
                    uint32_t len)
{
    struct nftnl_expr *e = expr(r, "cmp");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_SREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_CMP_OP, equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
    nftnl_expr_set(e, NFTNL_EXPR_CMP_DATA, value, len);
}

static void meta(struct nftnl_rule *r, uint32_t key, const void *value,
                 uint32_t len)
{
    struct nftnl_expr *e = expr(r, "meta");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_META_KEY, key);
    compare(r, true, value, len);
}

void weir_rule_protocol(struct nftnl_rule *r, uint16_t proto)
{
    proto = htons(proto);
    meta(r, NFT_META_PROTOCOL, &proto, sizeof(proto));
}

/* Always true on a tap; nft prints the addresses behind it as such. */
void weir_rule_ethernet(struct nftnl_rule *r)
{
    const uint16_t type = ARPHRD_ETHER;
    meta(r, NFT_META_IIFTYPE, &type, sizeof(type));
}

void weir_rule_l4proto(struct nftnl_rule *r, uint8_t proto)
{
    meta(r, NFT_META_L4PROTO, &proto, sizeof(proto));
}

void weir_rule_bytes(struct nftnl_rule *r, uint32_t base, uint32_t offset,
                     uint32_t len, bool equal, const void *value)
{
    struct nftnl_expr *e = expr(r, "payload");
    if (!e)
        return;
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_DREG, NFT_REG_1);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_BASE, base);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
    nftnl_expr_set_u32(e, NFTNL_EXPR_PAYLOAD_LEN, len);
    compare(r, equal, value, len);
}

void weir_nft_add(struct weir_nft *n, struct nftnl_rule *r, bool accept)
{
    struct nlmsghdr *nlh =
        message(n, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
    struct nftnl_expr *e = nlh ? expr(r, "immediate") : NULL;
    if (!e) {
        n->error = n->error ? n->error : -ENOMEM;
    } else {
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
        nftnl_expr_set_u32(e, NFTNL_EXPR_IMM_VERDICT,
                           accept ? NF_ACCEPT : NF_DROP);
        nftnl_rule_nlmsg_build_payload(nlh, r);
        done(n);
    }
    if (r)
        nftnl_rule_free(r);
}
