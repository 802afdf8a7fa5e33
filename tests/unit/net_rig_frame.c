/* SPDX-License-Identifier: MIT
 *
 * The network crash rig's frames, and the other end of its tap.
 */
#include "tests/unit/net_rig.h"

#include <errno.h>
#include <linux/virtio_net.h>
#include <string.h>
#include <unistd.h>

#include "backends/net/offload.h"

#define HDR   WEIR_VNET_HDR
#define START 54u /* headers: Ethernet, IPv4, TCP */
#define SMALL (START + 12)
#define GROUP 0x5000u /* first of the numbers of frames to groups */

static const uint8_t head[START] = {
    2,    0, 0, 0, 0, 1, 2, 0, 0,  0, 0, 2, 8,    0, /* Ethernet */
    0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, 10,   0,    0,    1,
    10,   0, 0, 2,                                                  /* IP */
    0,    1, 0, 2, 0, 0, 0, 0, 0,  0, 0, 0, 0x50, 0x10, 0xff, 0xff, /* TCP */
};

static uint8_t body(unsigned number, uint32_t i)
{
    return (uint8_t)(number * 31 + i * 7 + (i >> 8));
}

static void make(uint8_t *p, uint32_t len, unsigned number)
{
    uint32_t w[3] = {number, len, ~number};

    memcpy(p, head, START);
    p[16] = (uint8_t)((len - 14) >> 8);
    p[17] = (uint8_t)(len - 14);
    memcpy(p + START, w, sizeof(w));
    for (uint32_t i = SMALL; i < len; i++)
        p[i] = body(number, i);
}

uint32_t rig_frame_make(struct rig *r, uint8_t *p, unsigned number, bool *gso)
{
    uint32_t len = SMALL + rig_random(r, 1400);

    *gso = false;
    if (rig_random(r, 4) == 0) {
        len = 1600 + rig_random(r, RIG_FRAME - 1600);
        *gso = rig_random(r, 2) == 0;
    }
    make(p, len, number);
    return len;
}

unsigned rig_frame_check(const uint8_t *p, uint32_t len)
{
    uint32_t w[3] = {0};

    RIG_CHECK(len >= SMALL && len <= RIG_FRAME, "a frame of %u bytes", len);
    memcpy(w, p + START, sizeof(w));
    RIG_CHECK(w[0] == ~w[2] && w[1] == len, "a spoilt frame of %u bytes", len);
    for (uint32_t i = SMALL; i < len; i++)
        RIG_CHECK(p[i] == body(w[0], i), "frame %u: byte %u is spoilt", w[0],
                  i);
    return w[0];
}

static bool tap_write(struct rig *r, uint8_t *p, uint32_t len, bool gso)
{
    struct virtio_net_hdr h = {0};

    if (gso) {
        h.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
        h.gso_type = VIRTIO_NET_HDR_GSO_TCPV4;
        h.gso_size = 1400;
        h.hdr_len = START;
        h.csum_start = 34;
        h.csum_offset = 16;
    }
    memcpy(p, &h, HDR);
    return write(r->tap[0], p, HDR + len) == (ssize_t)(HDR + len);
}

bool rig_tap_step(struct rig *r)
{
    static uint8_t p[HDR + RIG_FRAME + 1];
    unsigned burst = rig_random(r, 12);
    bool moved = false, gso;
    ssize_t n;

    while ((n = read(r->tap[0], p, sizeof(p))) > 0) {
        unsigned number = rig_frame_check(p + HDR, (uint32_t)n - HDR);

        RIG_CHECK(number < r->front[0].sent, "frame %u was never sent", number);
        RIG_CHECK(!r->tap_got[number], "frame %u was sent twice", number);
        r->tap_got[number] = 1;
        r->ntap_got++;
        moved = true;
    }
    RIG_CHECK(n < 0 && errno == EAGAIN, "the tap's socket");
    while (burst-- > 0 && r->tap_sent < r->c->frames) {
        uint32_t len = rig_frame_make(r, p + HDR, r->tap_sent, &gso);

        if (!tap_write(r, p, len, gso))
            break;
        r->tap_sent++;
        moved = true;
    }
    return moved;
}

void rig_tap_groups(struct rig *r)
{
    static uint8_t p[HDR + SMALL];

    for (unsigned i = 0; i < RIG_GROUPS; i++) {
        make(p + HDR, SMALL, GROUP + i);
        p[HDR] = 1;
        p[HDR + 5] = (uint8_t)i;
        RIG_CHECK(tap_write(r, p, SMALL, false), "the tap's socket");
    }
}
