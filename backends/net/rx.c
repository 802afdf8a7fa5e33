/* SPDX-License-Identifier: MIT
 *
 * Guest receive: packets are copied into the pages that the guest has posted.
 * Responses are made in the order of requests, so each is in the slot of its
 * own request, as the protocol wants.
 */
#include "backends/net/vif.h"
#include "backends/common/stats.h"
#include "backends/net/offload.h"

#include <string.h>

void weir_vif_rx_begin(struct weir_vif_queue *q)
{
    pthread_mutex_lock(&q->rx_lock);
    q->rx_packets = 0;
    q->rx_bytes = 0;
}

/* Slots the guest has posted; < 0 broken. */
static int room_of(struct weir_vif_queue *q)
{
    if (q->rx_broken)
        return -WEIR_EPROTO;
    if (!q->rx_open) /* and others' threads bring frames already */
        return 0;
    int n = weir_netif_rx_back_available(&q->rx);
    if (n < 0) {
        q->rx_broken = true;
        weir_backend_fail(&q->vif->dev,
                          "rx ring: producer index beyond the ring");
    }
    return n;
}

/* Copies run, then responses go out, those of failed copies as errors. */
static void flush(struct weir_vif_queue *q)
{
    unsigned op = 0;
    if (!q->nrsp)
        return;
    weir_stage_run(&q->rx_stage, q->vif);
    weir_net_log_commit(&q->log->rx.taken, q->rx.r.req_cons);
    for (unsigned i = 0; i < q->nrsp; i++) {
        for (; op < q->rsp_op[i]; op++)
            if (q->rx_stage.op[op].status)
                q->rsp[i].rsp.status = WEIR_NETIF_RSP_ERROR;
        weir_netif_rx_back_put(&q->rx, &q->rsp[i]);
        WEIR_CRASH_POINT();
    }
    q->nrsp = 0;
    q->rx_stage.used = q->rx_stage.nops = 0;
}

void weir_vif_rx_end(struct weir_vif_queue *q)
{
    struct weir_dev_stats *s = q->vif->dev.stats;
    flush(q);
    weir_net_log_commit(&q->log->rx.answered, q->rx.r.rsp_prod);
    bool notify = weir_netif_rx_back_push(&q->rx);
    WEIR_CRASH_POINT();
    if (q->rx_packets) {
        weir_stats_add(s, WEIR_STAT_RX_PACKETS, q->rx_packets);
        weir_stats_add(s, WEIR_STAT_RX_BYTES, q->rx_bytes);
    }
    pthread_mutex_unlock(&q->rx_lock);
    if (notify)
        weir_vif_notify(q->vif, q->rx_evtchn);
}

void weir_vif_rx_dropped(struct weir_vif_queue *q, unsigned n)
{
    weir_stats_add(q->vif->dev.stats, WEIR_STAT_RX_DROPPED, n);
}

/* A reader over the pieces of a packet. */
struct cursor {
    const struct weir_net_piece *piece;
    uint32_t off;
};

static void copy_some(struct cursor *c, uint8_t *dst, uint32_t len)
{
    while (len) {
        uint32_t left = c->piece->len - c->off;
        uint32_t n = left < len ? left : len;
        memcpy(dst, c->piece->p + c->off, n);
        dst += n;
        len -= n;
        c->off += n;
        if (c->off == c->piece->len) {
            c->piece++;
            c->off = 0;
        }
    }
}

/* One slot of data: where the frontend's page is mapped, or through ours. */
static int16_t fill(struct weir_vif_queue *q, uint32_t ref, struct cursor *c,
                    uint32_t len)
{
    const struct weir_pool_entry *e = weir_pool_find(&q->pool, ref);
    if (weir_likely(e && !e->readonly)) {
        copy_some(c, e->addr, len);
        return (int16_t)len;
    }
    struct weir_vif *vif = q->vif;
    uint8_t *own = e ? NULL : weir_stage_room(&q->rx_stage, vif, len);
    if (!own)
        return WEIR_NETIF_RSP_ERROR;
    copy_some(c, own, len);
    weir_stage_copy(&q->rx_stage, vif->dev.frontend, ref, 0, own, len, true);
    return (int16_t)len;
}

/* The next request, copied out of the ring into the log; NULL: none. */
static const struct weir_netif_rx_request *take(struct weir_vif_queue *q)
{
    struct weir_netif_rx_request *r =
        &q->log->rx_req[q->rx.r.req_cons % WEIR_NET_LOG_RX];
    return weir_netif_rx_back_get(&q->rx, r) == 1 ? r : NULL;
}

static void put_gso(struct weir_vif_queue *q, const struct weir_net_packet *p)
{
    union weir_netif_rx_slot *s = &q->rsp[q->nrsp];
    memset(s, 0, sizeof(*s));
    s->extra.type = WEIR_NETIF_EXTRA_GSO;
    s->extra.u.gso.size = p->gso_size;
    s->extra.u.gso.type = p->gso;
    take(q);
    q->rsp_op[q->nrsp++] = (uint16_t)q->rx_stage.nops;
}

/* There is room.  A slot whose page cannot be written carries an error; the
 * frontend then drops the whole packet. */
static void put_slots(struct weir_vif_queue *q, const struct weir_net_packet *p)
{
    struct cursor c = {p->piece, 0};
    uint16_t flags = 0;
    uint32_t left = p->len;
    if (p->csum_blank)
        flags |= WEIR_NETRXF_CSUM_BLANK | WEIR_NETRXF_DATA_VALIDATED;
    else if (p->validated)
        flags |= WEIR_NETRXF_DATA_VALIDATED;
    if (p->gso)
        flags |= WEIR_NETRXF_EXTRA_INFO;
    do {
        uint32_t n = left < WEIR_PAGE_SIZE ? left : WEIR_PAGE_SIZE;
        left -= n;
        const struct weir_netif_rx_request *req = take(q);
        if (!req)
            return;
        union weir_netif_rx_slot *s = &q->rsp[q->nrsp];
        s->rsp.id = req->id;
        s->rsp.offset = 0;
        s->rsp.flags = (uint16_t)(flags | (left ? WEIR_NETRXF_MORE_DATA : 0));
        s->rsp.status = fill(q, req->gref, &c, n);
        q->rsp_op[q->nrsp++] = (uint16_t)q->rx_stage.nops;
        if (flags & WEIR_NETRXF_EXTRA_INFO)
            put_gso(q, p);
        flags = 0;
    } while (left);
}

static unsigned put_one(struct weir_vif_queue *q,
                        const struct weir_net_packet *p)
{
    unsigned pages = (p->len + WEIR_PAGE_SIZE - 1) / WEIR_PAGE_SIZE;
    unsigned need = pages + (p->gso != 0);
    if ((pages > 1 && !q->vif->sg) || p->len > WEIR_NET_MAX) {
        weir_vif_rx_dropped(q, 1);
        return 0;
    }
    if (q->rx.r.req_seen - q->rx.r.req_cons < need) {
        int room = room_of(q);
        if (room < 0)
            return 0;
        if ((unsigned)room < need)
            return need;
    }
    if (weir_stage_full(&q->rx_stage, pages, p->len + 64 * pages) ||
        q->nrsp + need > WEIR_VIF_RX_SLOTS)
        flush(q);
    put_slots(q, p);
    q->rx_packets++;
    q->rx_bytes += p->len;
    return 0;
}

/* Another guest's word for it is not enough that this is a large TCP segment:
 * its headers must say the same. */
static bool false_gso(const struct weir_net_packet *p)
{
    uint8_t unused[WEIR_VNET_HDR];
    return p->gso && !weir_vnet_from_packet(p, unused);
}

/* Can this frontend take the packet as it is? */
static bool acceptable(const struct weir_vif *vif,
                       const struct weir_net_packet *p)
{
    if (p->gso)
        return p->gso == WEIR_GSO_TCPV4 ? vif->gso4 : vif->gso6;
    if (!p->csum_blank || (vif->csum4 && vif->csum6))
        return true;
    struct weir_net_l4 l4;
    if (!weir_net_l4_find(p->piece[0].p, p->piece[0].len, &l4))
        return true;
    return l4.ipv6 ? vif->csum6 : vif->csum4;
}

/* In software, what the sender left to do and the receiver does not do. */
static unsigned put_finished(struct weir_vif_queue *q,
                             const struct weir_net_packet *p)
{
    uint8_t *flat = q->rx_flat, *part = flat + WEIR_VIF_FLAT;
    struct weir_net_packet one = {.npieces = 1, .validated = true};
    copy_some(&(struct cursor){p->piece, 0}, flat, p->len);
    if (!p->gso) {
        one.len = p->len;
        one.piece[0] = (struct weir_net_piece){flat, p->len};
        if (!weir_net_fill_checksum(flat, p->len))
            one.validated = false;
        return put_one(q, &one);
    }
    for (uint32_t i = 0;; i++) {
        one.len = weir_net_segment(flat, p->len, p->gso_size, i, part);
        if (!one.len)
            return 0;
        one.piece[0] = (struct weir_net_piece){part, one.len};
        unsigned need = put_one(q, &one);
        if (need && !i)
            return need;
        if (need) {
            weir_vif_rx_dropped(q, 1);
            return 0;
        }
    }
}

unsigned weir_vif_rx_put(struct weir_vif_queue *q,
                         const struct weir_net_packet *p)
{
    struct weir_vif *vif = q->vif;
    const uint8_t *dst = p->piece[0].p;
    if (vif->mcast_filter && weir_mac_multicast(dst) &&
        !weir_vif_mcast_wanted(vif, dst))
        return 0;
    if (false_gso(p)) {
        weir_vif_rx_dropped(q, 1);
        return 0;
    }
    unsigned need =
        weir_likely(acceptable(vif, p)) ? put_one(q, p) : put_finished(q, p);
    if (!need)
        weir_capture_packets(vif->capture, p, 1);
    return need;
}
