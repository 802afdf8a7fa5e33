/* SPDX-License-Identifier: MIT
 *
 * Host interfaces of vifs: taps, bridges, addresses.  Used by the device
 * manager in the host's network namespace with CAP_NET_ADMIN; the backend
 * gets the tap's descriptors and touches no host interface itself.
 *
 * Calls return 0 or -errno and on failure write one line into err that names
 * the interface and the remedy.  They act in the calling thread's network
 * namespace, block for a few rtnetlink round trips and keep no state.
 */
#ifndef WEIR_BACKENDS_NET_HOST_HOSTIF_H
#define WEIR_BACKENDS_NET_HOST_HOSTIF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_HOSTIF_ERR  200 /* a sufficient size for err */
#define WEIR_HOSTIF_NAME 16  /* IFNAMSIZ */
#define WEIR_TAP_QUEUES  8

struct weir_hostif_err {
    char text[WEIR_HOSTIF_ERR];
};

struct weir_tap_config {
    const char *name;   /* at most 15 bytes, "vif5.0" */
    unsigned queues;    /* 1..WEIR_TAP_QUEUES, a descriptor each */
    uint32_t mtu;       /* bytes of payload; 0: leave the default, 1500 */
    const char *bridge; /* enslave to it; NULL: stand alone */
    bool down;          /* leave it down: a script renames it and sets it up */
};

/* Makes the tap (with a 10-byte virtio-net header: WEIR_VIF_VNET_HDR), gives
 * its host side the MAC fe:ff:ff:ff:ff:ff, so that no bridge ever takes its
 * own address from it, enslaves it and sets it up.  It exists until the last
 * copy of its descriptors is closed or it is deleted.  On failure nothing is
 * left.  fds: room for how->queues, close-on-exec and non-blocking. */
int weir_tap_create(const struct weir_tap_config *how, int *fds,
                    struct weir_hostif_err *err);
/* Deleting what does not exist succeeds. */
int weir_hostif_delete(const char *name, struct weir_hostif_err *err);
bool weir_hostif_exists(const char *name);
/* 0: it is a bridge; -ENODEV: no such interface; -EINVAL: something else. */
int weir_bridge_check(const char *name, struct weir_hostif_err *err);
/* *created: false when the bridge was there before.  Up when 0 is returned. */
int weir_bridge_ensure(const char *name, bool *created,
                       struct weir_hostif_err *err);
int weir_bridge_enslave(const char *name, const char *bridge,
                        struct weir_hostif_err *err);
int weir_hostif_up(const char *name, struct weir_hostif_err *err);
int weir_hostif_set_mtu(const char *name, uint32_t mtu,
                        struct weir_hostif_err *err);
int weir_hostif_set_mac(const char *name, const uint8_t mac[6],
                        struct weir_hostif_err *err);
/* address: "10.0.0.1/24" or "fd00::1/64"; having it already succeeds. */
int weir_hostif_add_address(const char *name, const char *address,
                            struct weir_hostif_err *err);

#endif
