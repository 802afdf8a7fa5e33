/* SPDX-License-Identifier: MIT */
#include "backends/net/host/hostif.h"
#include "backends/net/host/hostif_fail.h"
#include "backends/net/host/rtnl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int weir_hostif_fail(struct weir_hostif_err *err, int code, const char *fmt,
                     ...)
{
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof(err->text), fmt, ap);
    va_end(ap);
    if (code == -EMFILE && n >= 0 && (size_t)n < sizeof(err->text))
        snprintf(err->text + n, sizeof(err->text) - (size_t)n,
                 ": detach devices, or raise the manager's limit "
                 "(LimitNOFILE=)");
    return code;
}

int weir_hostif_check_name(const char *name, struct weir_hostif_err *err)
{
    size_t n = name ? strlen(name) : 0;
    if (n && n < IFNAMSIZ && !strpbrk(name, "/: \t\n%") && strcmp(name, ".") &&
        strcmp(name, ".."))
        return 0;
    return weir_hostif_fail(
        err, -EINVAL,
        "'%.32s' cannot be an interface name: use 1 to 15 letters, "
        "digits, dots and dashes",
        name ? name : "");
}

static struct ifinfomsg *link_request(struct weir_rtnl *r, uint16_t type,
                                      uint16_t flags)
{
    weir_rtnl_begin(r, type, flags);
    struct ifinfomsg *ifi =
        mnl_nlmsg_put_extra_header(r->nlh, sizeof(struct ifinfomsg));
    ifi->ifi_family = AF_UNSPEC;
    return ifi;
}

static int find_link(const char *name, struct weir_link_info *info,
                     struct weir_hostif_err *err)
{
    int ret = weir_hostif_check_name(name, err);
    if (ret)
        return ret;
    ret = weir_rtnl_link(name, info);
    if (!ret)
        return 0;
    if (ret == -ENODEV)
        return weir_hostif_fail(err, ret,
                                "%s: no such interface; `ip link` lists those "
                                "that exist",
                                name);
    return weir_hostif_fail(err, ret, "%s: cannot be looked up: %s", name,
                            strerror(-ret));
}

static int denied(struct weir_hostif_err *err, int ret, const char *name,
                  const char *what)
{
    return weir_hostif_fail(
        err, ret, "%s: cannot %s: %s%s", name, what, strerror(-ret),
        ret == -EPERM ? "; run as root or with CAP_NET_ADMIN" : "");
}

bool weir_hostif_exists(const char *name)
{
    struct weir_link_info info;
    return weir_rtnl_link(name, &info) == 0;
}

int weir_hostif_delete(const char *name, struct weir_hostif_err *err)
{
    struct weir_rtnl r;
    struct weir_link_info info;
    int ret = find_link(name, &info, err);
    if (ret)
        return ret == -ENODEV ? 0 : ret;
    link_request(&r, RTM_DELLINK, 0)->ifi_index = info.index;
    ret = weir_rtnl_run(&r, NULL, NULL);
    if (ret && ret != -ENODEV)
        return denied(err, ret, name, "delete it");
    return 0;
}

int weir_bridge_check(const char *name, struct weir_hostif_err *err)
{
    struct weir_link_info info;
    int ret = find_link(name, &info, err);
    if (ret == -ENODEV)
        return weir_hostif_fail(err, ret,
                                "bridge %s does not exist; make it with `ip "
                                "link add %s type bridge`",
                                name, name);
    if (ret)
        return ret;
    if (strcmp(info.kind, "bridge"))
        return weir_hostif_fail(err, -EINVAL,
                                "%s is no bridge but %s; name a bridge "
                                "(`ip link show type bridge`)",
                                name, info.kind[0] ? info.kind : "hardware");
    return 0;
}

int weir_bridge_ensure(const char *name, bool *created,
                       struct weir_hostif_err *err)
{
    *created = false;
    int ret = weir_hostif_check_name(name, err);
    if (ret)
        return ret;
    if (!weir_hostif_exists(name)) {
        struct weir_rtnl r;
        link_request(&r, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
        mnl_attr_put_strz(r.nlh, IFLA_IFNAME, name);
        struct nlattr *nest = mnl_attr_nest_start(r.nlh, IFLA_LINKINFO);
        mnl_attr_put_strz(r.nlh, IFLA_INFO_KIND, "bridge");
        mnl_attr_nest_end(r.nlh, nest);
        ret = weir_rtnl_run(&r, NULL, NULL);
        if (ret && ret != -EEXIST)
            return denied(err, ret, name,
                          ret == -EOPNOTSUPP
                              ? "be made a bridge (kernel without bridges: "
                                "load the module bridge)"
                              : "be made a bridge");
        *created = ret == 0;
    }
    ret = weir_bridge_check(name, err);
    return ret ? ret : weir_hostif_up(name, err);
}

static int change_link(const char *name, struct weir_hostif_err *err,
                       const char *what, uint32_t up, uint16_t attr,
                       const void *value, size_t len)
{
    struct weir_rtnl r;
    struct weir_link_info info;
    int ret = find_link(name, &info, err);
    if (ret)
        return ret;
    struct ifinfomsg *ifi = link_request(&r, RTM_NEWLINK, 0);
    ifi->ifi_index = info.index;
    ifi->ifi_flags = up;
    ifi->ifi_change = up;
    if (value)
        mnl_attr_put(r.nlh, attr, len, value);
    ret = weir_rtnl_run(&r, NULL, NULL);
    return ret ? denied(err, ret, name, what) : 0;
}

int weir_hostif_up(const char *name, struct weir_hostif_err *err)
{
    return change_link(name, err, "set it up", IFF_UP, 0, NULL, 0);
}

int weir_hostif_set_mtu(const char *name, uint32_t mtu,
                        struct weir_hostif_err *err)
{
    char what[48];
    snprintf(what, sizeof(what), "set its MTU to %u", mtu);
    return change_link(name, err, what, 0, IFLA_MTU, &mtu, sizeof(mtu));
}

int weir_hostif_set_mac(const char *name, const uint8_t mac[6],
                        struct weir_hostif_err *err)
{
    return change_link(name, err, "set its MAC", 0, IFLA_ADDRESS, mac, 6);
}

int weir_bridge_enslave(const char *name, const char *bridge,
                        struct weir_hostif_err *err)
{
    struct weir_link_info info;
    int ret = weir_bridge_check(bridge, err);
    if (ret)
        return ret;
    ret = weir_rtnl_link(bridge, &info);
    if (ret)
        return denied(err, ret, bridge, "be looked up");
    uint32_t index = (uint32_t)info.index;
    char what[64];
    snprintf(what, sizeof(what), "join bridge %s", bridge);
    return change_link(name, err, what, 0, IFLA_MASTER, &index, sizeof(index));
}

static int parse_address(const char *text, uint8_t *family, uint8_t addr[16],
                         uint8_t *prefix)
{
    char ip[64], *slash, *end;
    if (strlen(text) >= sizeof(ip))
        return -EINVAL;
    strcpy(ip, text);
    slash = strchr(ip, '/');
    if (!slash || !slash[1])
        return -EINVAL;
    *slash = '\0';
    *family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    unsigned long bits = strtoul(slash + 1, &end, 10);
    if (*end || bits > (*family == AF_INET ? 32 : 128))
        return -EINVAL;
    *prefix = (uint8_t)bits;
    return inet_pton(*family, ip, addr) == 1 ? 0 : -EINVAL;
}

int weir_hostif_add_address(const char *name, const char *address,
                            struct weir_hostif_err *err)
{
    struct weir_rtnl r;
    struct weir_link_info info;
    uint8_t family, prefix, addr[16];
    if (parse_address(address, &family, addr, &prefix))
        return weir_hostif_fail(err, -EINVAL,
                                "%s: '%.48s' is no address with a prefix "
                                "length; write e.g. 10.0.0.1/24",
                                name, address);
    int ret = find_link(name, &info, err);
    if (ret)
        return ret;
    weir_rtnl_begin(&r, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL);
    struct ifaddrmsg *ifa = mnl_nlmsg_put_extra_header(r.nlh, sizeof(*ifa));
    ifa->ifa_family = family;
    ifa->ifa_prefixlen = prefix;
    ifa->ifa_index = (uint32_t)info.index;
    size_t len = family == AF_INET ? 4 : 16;
    mnl_attr_put(r.nlh, IFA_LOCAL, len, addr);
    mnl_attr_put(r.nlh, IFA_ADDRESS, len, addr);
    if (family == AF_INET && prefix < 31) {
        uint32_t ip, mask = prefix ? ~0u << (32 - prefix) : 0;
        memcpy(&ip, addr, 4);
        ip |= htonl(~mask);
        mnl_attr_put(r.nlh, IFA_BROADCAST, 4, &ip);
    }
    ret = weir_rtnl_run(&r, NULL, NULL);
    if (ret && ret != -EEXIST)
        return denied(err, ret, name, "take that address");
    return 0;
}
