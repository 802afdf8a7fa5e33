/* SPDX-License-Identifier: MIT
 *
 * The network interface as the guest's TCP/IP sees it: an ops table with two
 * implementations, a network frontend (nic_front.c) and a tap (nic_tap.c, for
 * tests).  One thread uses a nic.
 */
#ifndef WEBGUEST_NIC_H
#define WEBGUEST_NIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_FRAGS_MAX 20 /* pieces of a received frame */

struct web_nic;

struct web_frag {
    const void *p; /* valid during the call only */
    size_t len;
};

/* A received Ethernet frame.  blank_checksum: its TCP or UDP checksum covers
 * the pseudo header alone, because it never crossed a wire. */
typedef void (*web_nic_input_fn)(void *arg, const struct web_frag *frags,
                                 unsigned n, bool blank_checksum);

struct web_nic_ops {
    /* Copies the frame.  0, -WEIR_EAGAIN: no room, or another error: it is
     * dropped. */
    int (*send)(struct web_nic *n, const void *frame, size_t len);
    /* What was sent since the last flush is made known to the other side. */
    void (*flush)(struct web_nic *n);
    /* Hands received frames to input; how many. */
    unsigned (*poll)(struct web_nic *n, web_nic_input_fn input, void *arg);
};

struct web_nic {
    const struct web_nic_ops *ops;
    uint8_t mac[6];
    uint16_t mtu; /* of IP packets */
};

#endif
