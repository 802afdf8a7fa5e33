/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/nic_tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ring/error.h"

#define BATCH 64

static int tap_send(struct web_nic *n, const void *frame, size_t len)
{
    struct web_nic_tap *t = (struct web_nic_tap *)n;

    if (write(t->fd, frame, len) >= 0)
        return 0;
    return errno == EAGAIN ? -WEIR_EAGAIN : -WEIR_EIO;
}

static void tap_flush(struct web_nic *n)
{
    (void)n; /* every write is seen at once */
}

static unsigned tap_poll(struct web_nic *n, web_nic_input_fn input, void *arg)
{
    struct web_nic_tap *t = (struct web_nic_tap *)n;
    char frame[65536];
    unsigned i;

    for (i = 0; i < BATCH; i++) {
        ssize_t len = read(t->fd, frame, sizeof(frame));
        struct web_frag frag = {frame, (size_t)len};

        if (len <= 0)
            break;
        input(arg, &frag, 1, false);
    }
    return i;
}

static const struct web_nic_ops ops = {
    .send = tap_send,
    .flush = tap_flush,
    .poll = tap_poll,
};

int web_nic_tap_open(struct web_nic_tap *t, const char *name,
                     const uint8_t mac[6])
{
    struct ifreq ifr = {.ifr_flags = IFF_TAP | IFF_NO_PI};

    snprintf(ifr.ifr_name, sizeof(ifr.ifr_name), "%s", name);
    t->fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (t->fd < 0)
        return -errno;
    if (ioctl(t->fd, TUNSETIFF, &ifr)) {
        close(t->fd);
        return -errno;
    }
    t->nic = (struct web_nic){.ops = &ops, .mtu = 1500};
    memcpy(t->nic.mac, mac, 6);
    return 0;
}
