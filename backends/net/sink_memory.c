/* SPDX-License-Identifier: MIT
 *
 * The memory sink, for tests and measurements: takes every byte into private
 * memory and drops it, and fills the guest's buffers with numbered frames of
 * one length (weir_resource.vif.generate) as fast as they are posted.
 */
#include "backends/net/vif.h"
#include "ring/barrier.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int start(struct weir_vif *vif)
{
    uint32_t len = vif->dev.res.vif.generate;
    if (len && (len < 60 || len > WEIR_NET_MAX)) {
        snprintf(vif->dev.error, sizeof(vif->dev.error),
                 "cannot generate frames of %u bytes; use 60 to %u", len,
                 WEIR_NET_MAX);
        return -EINVAL;
    }
    for (unsigned i = 0; len && i < vif->nqueues; i++) {
        uint8_t *f = vif->queue[i]->held_flat;
        memset(f, 0x5a, len);
        memcpy(f, vif->mac, 6);
        memcpy(f + 6, "\x02\0\0\0\0\x01\x88\xb5", 8);
        memset(f + 14, 0, 8); /* the frame's number */
    }
    return 0;
}

static unsigned memory_send(struct weir_vif_queue *q,
                            const struct weir_net_packet *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        uint8_t *to = q->rx_flat + WEIR_VIF_FLAT; /* unused by this sink */
        for (unsigned k = 1; k < p[i].npieces; k++) {
            memcpy(to, p[i].piece[k].p, p[i].piece[k].len);
            to += p[i].piece[k].len;
        }
        weir_compiler_barrier();
    }
    return 0;
}

static int memory_receive(struct weir_vif_queue *q)
{
    uint32_t len = q->vif->dev.res.vif.generate;
    int made = 0;
    if (!len)
        return 0;
    struct weir_net_packet *p = &q->held;
    p->len = len;
    p->npieces = 1;
    p->piece[0] = (struct weir_net_piece){q->held_flat, len};
    weir_vif_rx_begin(q);
    for (; made < (int)WEIR_VIF_BATCH; made++) {
        uint64_t number;
        q->need = weir_vif_rx_put(q, p);
        if (q->need || q->rx_broken)
            break;
        memcpy(&number, q->held_flat + 14, 8);
        number++;
        memcpy(q->held_flat + 14, &number, 8);
    }
    weir_vif_rx_end(q);
    return q->rx_broken ? -WEIR_EPROTO : made;
}

const struct weir_sink_ops weir_sink_memory = {
    .start = start,
    .send = memory_send,
    .receive = memory_receive,
};
