/* SPDX-License-Identifier: MIT */
#include "backends/net/host/rtnl.h"

#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <string.h>

void weir_rtnl_begin(struct weir_rtnl *r, uint16_t type, uint16_t flags)
{
    memset(r, 0, sizeof(*r));
    r->nlh = mnl_nlmsg_put_header(r->buf);
    r->nlh->nlmsg_type = type;
    r->nlh->nlmsg_flags = (uint16_t)(NLM_F_REQUEST | NLM_F_ACK | flags);
    r->nlh->nlmsg_seq = 1;
}

static int receive(struct mnl_socket *nl, mnl_cb_t cb, void *context)
{
    char answer[16384];
    for (;;) {
        ssize_t n = mnl_socket_recvfrom(nl, answer, sizeof(answer));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        int ret = mnl_cb_run(answer, (size_t)n, 1, mnl_socket_get_portid(nl),
                             cb, context);
        if (ret < 0)
            return -errno;
        if (ret == MNL_CB_STOP)
            return 0;
    }
}

int weir_rtnl_run(struct weir_rtnl *r, mnl_cb_t cb, void *context)
{
    struct mnl_socket *nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (!nl)
        return -errno;
    int ret = 0;
    if (mnl_socket_bind(nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_sendto(nl, r->nlh, r->nlh->nlmsg_len) < 0)
        ret = -errno;
    if (!ret)
        ret = receive(nl, cb, context);
    mnl_socket_close(nl);
    return ret;
}

static void read_kind(const struct nlattr *info, struct weir_link_info *out)
{
    const struct nlattr *a;
    mnl_attr_for_each_nested(a, info)
    {
        if (mnl_attr_get_type(a) != IFLA_INFO_KIND)
            continue;
        size_t n = mnl_attr_get_payload_len(a);
        if (n >= sizeof(out->kind))
            n = sizeof(out->kind) - 1;
        memcpy(out->kind, mnl_attr_get_payload(a), n);
        out->kind[n] = '\0';
    }
}

static int read_link(const struct nlmsghdr *nlh, void *context)
{
    struct weir_link_info *out = context;
    if (nlh->nlmsg_type != RTM_NEWLINK)
        return MNL_CB_OK;
    const struct ifinfomsg *ifi = mnl_nlmsg_get_payload(nlh);
    out->index = ifi->ifi_index;
    out->flags = ifi->ifi_flags;
    const struct nlattr *a;
    mnl_attr_for_each(a, nlh, sizeof(*ifi))
    {
        switch (mnl_attr_get_type(a)) {
        case IFLA_MTU:
            out->mtu = mnl_attr_get_u32(a);
            break;
        case IFLA_MASTER:
            out->master = mnl_attr_get_u32(a);
            break;
        case IFLA_ADDRESS:
            if (mnl_attr_get_payload_len(a) == sizeof(out->mac))
                memcpy(out->mac, mnl_attr_get_payload(a), sizeof(out->mac));
            break;
        case IFLA_LINKINFO:
            read_kind(a, out);
            break;
        }
    }
    return MNL_CB_OK;
}

int weir_rtnl_link(const char *name, struct weir_link_info *out)
{
    struct weir_rtnl r;
    memset(out, 0, sizeof(*out));
    weir_rtnl_begin(&r, RTM_GETLINK, 0);
    struct ifinfomsg *ifi =
        mnl_nlmsg_put_extra_header(r.nlh, sizeof(struct ifinfomsg));
    ifi->ifi_family = AF_UNSPEC;
    mnl_attr_put_strz(r.nlh, IFLA_IFNAME, name);
    int ret = weir_rtnl_run(&r, read_link, out);
    if (ret)
        return ret;
    return out->index ? 0 : -ENODEV;
}
