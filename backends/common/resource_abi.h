/* SPDX-License-Identifier: MIT
 *
 * The resource channel: a SOCK_SEQPACKET pair between the device manager and a
 * driver domain.  The domain opens nothing itself (it has no file system and
 * no network namespace but its own): each device's descriptors come here,
 * with SCM_RIGHTS, one packet a device.  Fields are little-endian, fixed size.
 * The domain trusts what the device manager sends; the device manager does
 * not trust what the domain answers.
 *
 *   manager -> domain   struct weir_resource + descriptors (ATTACH, RESUME,
 *                       RESIZE), without (DETACH, PING, ANNOUNCE, RESUMED)
 *   domain  -> manager  struct weir_resource_event, no descriptors
 */
#ifndef WEIR_BACKENDS_COMMON_RESOURCE_ABI_H
#define WEIR_BACKENDS_COMMON_RESOURCE_ABI_H

#include <stdint.h>

#define WEIR_RES_MAGIC   0x53455257u /* "WRES" */
#define WEIR_RES_VERSION 1
#define WEIR_RES_MAX_FDS 8

enum weir_res_op {
    WEIR_RES_ATTACH = 1,
    /* The toolstack removes the device: it is released when its frontend has
     * closed; the second one means now.  One with the seq of the last (not 0)
     * is that one again; one for a device that is not there is answered
     * DETACHED. */
    WEIR_RES_DETACH = 2,
    WEIR_RES_RESIZE = 3, /* look at the descriptor's size again */
    WEIR_RES_PING = 4,   /* heartbeat: answered by the control thread */
    /* ATTACH comes later, when scripts that wait for InitWait have run: the
     * device goes there with what is known of it. */
    WEIR_RES_ANNOUNCE = 5,
    /* To a program that was started in place of one that died: ATTACH for a
     * device the predecessor had.  It goes on where that was: states in the
     * registry stay, a connection is taken over with what was kept of it. */
    WEIR_RES_RESUME = 6,
    /* No further RESUME comes: what else was kept is forgotten. */
    WEIR_RES_RESUMED = 7,
};
enum weir_res_class { WEIR_RES_VBD = 1, WEIR_RES_VIF = 2 };

/* A vbd's descriptors: [0] the image or device, O_DIRECT unless the manager
 * wants host caching; [1], optional, the same opened without O_DIRECT, for
 * requests finer than [0]'s alignment allows.  Not needed by MEMORY. */
#define WEIR_VBD_READONLY 1u
#define WEIR_VBD_CDROM    2u
#define WEIR_VBD_BLKDEV   4u /* a block device; otherwise a regular file */
#define WEIR_VBD_DISCARD  8u
#define WEIR_VBD_SECURE   16u /* with DISCARD: the device erases securely */
enum weir_vbd_engine {
    WEIR_VBD_LIBAIO = 0,
    WEIR_VBD_SYNC = 1,
    WEIR_VBD_MEMORY = 2,
};

#define WEIR_VIF_VNET_HDR 1u /* tap has a virtio-net header of 10 bytes */
#define WEIR_VIF_CAPTURE  2u /* the last fd is a file for a pcap capture */
enum weir_vif_sink {
    WEIR_VIF_TAP = 0,    /* fds: one tap queue each */
    WEIR_VIF_SWITCH = 1, /* the backend's own inter-guest switch, no
                             fd; label names the network */
    WEIR_VIF_MEMORY = 2, /* benchmark and test sink: counts and drops */
};

struct weir_resource {
    uint32_t magic, version;
    uint32_t op;       /* enum weir_res_op */
    uint32_t cls;      /* enum weir_res_class */
    uint32_t frontend; /* domid */
    uint32_t devid;
    uint32_t nfds; /* descriptors with this packet */
    uint32_t seq;  /* echoed in the answer */
    union {
        struct {
            uint32_t flags;                /* WEIR_VBD_* */
            uint32_t engine;               /* enum weir_vbd_engine */
            uint32_t sector_size;          /* logical, bytes: 512 or 4096 */
            uint32_t queues;               /* at most */
            uint64_t size;                 /* bytes, as the manager saw it */
            uint64_t iops, bps;            /* limits a second, 0: none */
            uint32_t physical_sector_size; /* bytes, 0: sector_size */
            uint32_t discard_granularity;  /* bytes, 0: sector_size */
        } vbd;
        struct {
            uint32_t flags; /* WEIR_VIF_* */
            uint32_t sink;  /* enum weir_vif_sink */
            uint32_t queues;
            uint32_t mtu;
            uint8_t mac[6];    /* of the frontend's interface */
            uint8_t antispoof; /* drop frames from other MACs */
            uint8_t pad;
            uint64_t rate_bps; /* bytes a second, 0: none */
            uint32_t rate_window_us;
            uint32_t generate; /* memory sink: sends frames of so many
                                  bytes to the guest; 0: none */
        } vif;
        uint8_t room[96];
    };
    char label[64]; /* for messages: image path, tap name */
};

enum weir_res_event_type {
    WEIR_RES_EV_READY = 1,    /* sealed, registry watched: takes devices */
    WEIR_RES_EV_ATTACHED = 2, /* resources taken; seq echoed */
    WEIR_RES_EV_ERROR = 3,    /* text says why; seq echoed or 0 */
    WEIR_RES_EV_DETACHED = 4, /* released, descriptors closed */
    /* seq echoed; or unasked, with seq 0, each second that the control thread
     * waits for a device's I/O to end. */
    WEIR_RES_EV_PONG = 5,
    WEIR_RES_EV_RESUMED = 6, /* of RESUME: it is served again; seq echoed */
};

struct weir_resource_event {
    uint32_t magic, version;
    uint32_t type;
    uint32_t cls, frontend, devid, seq;
    uint32_t pad;
    char text[160];
};

#endif
