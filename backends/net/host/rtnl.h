/* SPDX-License-Identifier: MIT
 *
 * One rtnetlink request and its answer, over libmnl: what hostif.c needs of
 * the kernel's link and address configuration.  Acts in the network namespace
 * of the calling thread; needs CAP_NET_ADMIN there.
 */
#ifndef WEIR_BACKENDS_NET_HOST_RTNL_H
#define WEIR_BACKENDS_NET_HOST_RTNL_H

#include <libmnl/libmnl.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_RTNL_BUF 2048

struct weir_rtnl {
    char buf[WEIR_RTNL_BUF]; /* request, then answers */
    struct nlmsghdr *nlh;
};

/* Starts a request; the caller adds the family header and attributes. */
void weir_rtnl_begin(struct weir_rtnl *r, uint16_t type, uint16_t flags);
/* Sends it and reads up to the acknowledgement; cb (may be NULL) sees each
 * message that comes before.  0 or the kernel's -errno. */
int weir_rtnl_run(struct weir_rtnl *r, mnl_cb_t cb, void *context);

/* What RTM_GETLINK says of one link. */
struct weir_link_info {
    int index;
    uint32_t flags; /* IFF_* */
    uint32_t mtu;
    uint32_t master; /* index of the bridge it belongs to, 0: none */
    uint8_t mac[6];
    char kind[16]; /* "bridge", "tun", "" for hardware */
};
/* -ENODEV: no such link. */
int weir_rtnl_link(const char *name, struct weir_link_info *out);

#endif
