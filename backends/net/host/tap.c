/* SPDX-License-Identifier: MIT */
#include "backends/net/host/hostif.h"
#include "backends/net/host/hostif_fail.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* struct virtio_net_hdr: what WEIR_VIF_VNET_HDR promises the backend. */
#define VNET_HDR_BYTES 10

static int open_queue(const struct weir_tap_config *how, int *out,
                      struct weir_hostif_err *err)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return weir_hostif_fail(err, -errno,
                                "%s: /dev/net/tun: %s; load the module tun "
                                "(modprobe tun) and run as root",
                                how->name, strerror(errno));
    struct ifreq ifr = {0};
    int hdr = VNET_HDR_BYTES;
    strcpy(ifr.ifr_name, how->name);
    ifr.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    if (how->queues > 1)
        ifr.ifr_flags = (short)(ifr.ifr_flags | IFF_MULTI_QUEUE);
    int ret = 0;
    if (ioctl(fd, TUNSETIFF, &ifr) < 0)
        ret = weir_hostif_fail(
            err, -errno, "%s: cannot make the tap: %s%s", how->name,
            strerror(errno),
            errno == EPERM ? "; run as root or with CAP_NET_ADMIN" : "");
    else if (ioctl(fd, TUNSETVNETHDRSZ, &hdr) < 0)
        ret = weir_hostif_fail(err, -errno,
                               "%s: the tap takes no virtio-net header: %s",
                               how->name, strerror(errno));
    if (ret) {
        close(fd);
        return ret;
    }
    *out = fd;
    return 0;
}

static int configure(const struct weir_tap_config *how,
                     struct weir_hostif_err *err)
{
    static const uint8_t mac[6] = {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff};
    int ret = weir_hostif_set_mac(how->name, mac, err);
    if (!ret && how->mtu)
        ret = weir_hostif_set_mtu(how->name, how->mtu, err);
    if (!ret && how->bridge)
        ret = weir_bridge_enslave(how->name, how->bridge, err);
    return ret || how->down ? ret : weir_hostif_up(how->name, err);
}

int weir_tap_create(const struct weir_tap_config *how, int *fds,
                    struct weir_hostif_err *err)
{
    int ret = weir_hostif_check_name(how->name, err);
    if (ret)
        return ret;
    if (!how->queues || how->queues > WEIR_TAP_QUEUES)
        return weir_hostif_fail(err, -EINVAL, "%s: %u queues; use 1 to %u",
                                how->name, how->queues, WEIR_TAP_QUEUES);
    if (weir_hostif_exists(how->name))
        return weir_hostif_fail(err, -EEXIST,
                                "%s exists; remove it (`ip link del %s`) or "
                                "give the vif another vifname=",
                                how->name, how->name);
    unsigned n = 0;
    while (!ret && n < how->queues) {
        ret = open_queue(how, &fds[n], err);
        n += ret == 0;
    }
    if (!ret)
        ret = configure(how, err);
    while (ret && n)
        close(fds[--n]);
    return ret;
}
