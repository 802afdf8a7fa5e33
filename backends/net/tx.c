/* SPDX-License-Identifier: MIT
 *
 * Guest transmit: ring slots are copied once, checked (txreq.c), turned into
 * packets whose head is private, handed to the sink in one batch and answered
 * in ring order, all before the next batch is taken.  So a page of the guest
 * is touched only while its slot is unanswered.  The log (log.h) has the
 * answers before the sink has the frames.
 */
#include "backends/net/vif.h"
#include "backends/common/stats.h"

#include <string.h>

struct tx_entry {
    uint64_t extras;
    uint16_t slots;
    int16_t status;
    int16_t packet;              /* index, -1: none */
    uint16_t op_first, op_after; /* its grant copies */
};

struct tx_batch {
    unsigned n, slots, npackets;
    uint64_t bytes;
    unsigned bad, spoofed;
    struct tx_entry entry[WEIR_VIF_BATCH];
};

/* Slots from the ring into private memory. */
static int take_slots(struct weir_vif_queue *q)
{
    while (q->nslots < WEIR_VIF_BATCH) {
        int ret = weir_netif_tx_back_get(&q->tx, &q->slot[q->nslots]);
        if (ret < 0)
            return ret;
        if (!ret)
            break;
        q->nslots++;
    }
    return 0;
}

/* The head is gathered across pieces of any size, 0 and 1 included; what
 * remains is named where it lies. */
static void gather(struct weir_net_packet *p, const struct weir_txreq *r,
                   uint8_t *const *addr)
{
    uint32_t want = r->len < WEIR_NET_HEADER ? r->len : WEIR_NET_HEADER;
    uint32_t have = 0;
    p->npieces = 1;
    for (unsigned i = 0; i < r->npieces; i++) {
        const uint8_t *src = addr[i] + r->piece[i].offset;
        uint32_t len = r->piece[i].size;
        uint32_t n = want - have < len ? want - have : len;
        memcpy(p->hdr + have, src, n);
        have += n;
        if (len > n)
            p->piece[p->npieces++] = (struct weir_net_piece){src + n, len - n};
    }
    p->piece[0] = (struct weir_net_piece){p->hdr, have};
}

static bool from_pool(struct weir_vif_queue *q, const struct weir_txreq *r,
                      struct weir_net_packet *p)
{
    uint8_t *addr[WEIR_NET_SLOTS];
    for (unsigned i = 0; i < r->npieces; i++) {
        const struct weir_pool_entry *e =
            weir_pool_find(&q->pool, r->piece[i].ref);
        if (!e)
            return false;
        addr[i] = e->addr;
    }
    gather(p, r, addr);
    return true;
}

/* Through own pages: the whole packet becomes private, in one piece. */
static bool from_grants(struct weir_vif_queue *q, const struct weir_txreq *r,
                        struct weir_net_packet *p, struct tx_entry *e)
{
    struct weir_vif *vif = q->vif;
    struct weir_stage *s = &q->tx_stage;
    uint8_t *flat = weir_stage_room(s, vif, r->len);
    if (!flat)
        return false;
    p->npieces = 1;
    p->piece[0] = (struct weir_net_piece){flat, r->len};
    e->op_first = (uint16_t)s->nops;
    for (unsigned i = 0; i < r->npieces; i++) {
        weir_stage_copy(s, vif->dev.frontend, r->piece[i].ref,
                        r->piece[i].offset, flat, r->piece[i].size, false);
        flat += r->piece[i].size;
    }
    e->op_after = (uint16_t)s->nops;
    return true;
}

static void build(struct weir_vif_queue *q, const struct weir_txreq *r,
                  struct tx_batch *b, struct tx_entry *e)
{
    struct weir_net_packet *p = &q->packet[b->npackets];
    p->len = r->len;
    p->gso = r->gso;
    p->gso_size = r->gso_size;
    p->csum_blank = r->csum_blank;
    p->validated = r->validated;
    if (!from_pool(q, r, p) && !from_grants(q, r, p, e)) {
        e->status = WEIR_NETIF_RSP_DROPPED; /* no memory for staging */
        return;
    }
    e->packet = (int16_t)b->npackets++;
    b->bytes += r->len;
}

/* Is there a reason to leave the packet in the ring this time? */
static bool must_wait(struct weir_vif_queue *q, const struct weir_txreq *r)
{
    if (weir_stage_full(&q->tx_stage, r->npieces, r->len))
        return true;
    if (!q->rate.rate)
        return false;
    struct weir_port *port = q->vif->dev.port;
    q->rate_wait_ns =
        weir_limit_take(&q->rate, r->len, port->ops->now_ns(port));
    return q->rate_wait_ns != 0;
}

/* Returns -WEIR_EPROTO when the ring makes no sense any more. */
static int parse_batch(struct weir_vif_queue *q, struct tx_batch *b)
{
    struct weir_txreq r;
    while (b->slots < q->nslots) {
        enum weir_txreq_result res =
            weir_txreq_parse(&q->slot[b->slots], q->nslots - b->slots, &r);
        if (res == WEIR_TXREQ_FATAL) {
            weir_backend_fail(&q->vif->dev, r.why);
            return -WEIR_EPROTO;
        }
        if (res == WEIR_TXREQ_PARTIAL)
            break;
        bool packet = res == WEIR_TXREQ_OK && !r.mcast;
        if (packet && must_wait(q, &r))
            break;
        struct tx_entry *e = &b->entry[b->n++];
        *e = (struct tx_entry){
            .extras = r.extras, .slots = (uint16_t)r.slots, .packet = -1};
        b->slots += r.slots;
        if (packet)
            build(q, &r, b, e);
        else if (res == WEIR_TXREQ_BAD ||
                 !weir_vif_mcast_change(q->vif, r.mcast, r.mcast_addr))
            e->status = WEIR_NETIF_RSP_ERROR;
        b->bad += e->status != 0;
    }
    return 0;
}

static bool copied(const struct weir_stage *s, const struct tx_entry *e)
{
    for (unsigned i = e->op_first; i < e->op_after; i++)
        if (s->op[i].status)
            return false;
    return true;
}

static bool spoofed(const struct weir_vif *vif, const struct weir_net_packet *p)
{
    return vif->dev.res.vif.antispoof &&
           memcmp(p->piece[0].p + 6, vif->mac, 6) != 0;
}

/* Packets whose copy failed or whose sender is not who it says go out of the
 * batch; the others move up. */
static void sift(struct weir_vif_queue *q, struct tx_batch *b)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < b->n; i++) {
        struct tx_entry *e = &b->entry[i];
        if (e->packet < 0)
            continue;
        struct weir_net_packet *p = &q->packet[e->packet];
        if (!copied(&q->tx_stage, e)) {
            e->status = WEIR_NETIF_RSP_ERROR;
            b->bad++;
        } else if (spoofed(q->vif, p)) {
            e->status = WEIR_NETIF_RSP_DROPPED;
            b->spoofed++;
        } else {
            struct weir_net_packet *to = &q->packet[kept++];
            if (to != p) {
                *to = *p;
                if (p->piece[0].p == p->hdr)
                    to->piece[0].p = to->hdr;
            }
            continue;
        }
        b->bytes -= p->len;
    }
    b->npackets = kept;
}

/* From here on the slots count as taken: whatever happens, they are answered
 * so, and no frame of them goes out again. */
static void log_batch(struct weir_vif_queue *q, const struct tx_batch *b)
{
    const union weir_netif_tx_slot *slot = q->slot;
    struct weir_netif_tx_response *rsp = q->log->tx_rsp;
    for (unsigned i = 0; i < b->n; i++) {
        const struct tx_entry *e = &b->entry[i];
        for (unsigned k = 0; k < e->slots; k++, slot++) {
            bool extra = e->extras >> k & 1;
            *rsp++ = (struct weir_netif_tx_response){
                .id = extra ? 0 : slot->req.id,
                .status = extra ? WEIR_NETIF_RSP_NULL : e->status,
            };
        }
    }
    weir_net_log_commit(&q->log->tx.taken, q->tx.r.rsp_prod + b->slots);
}

static void respond(struct weir_vif_queue *q, const struct tx_batch *b)
{
    for (unsigned i = 0; i < b->slots; i++)
        weir_netif_tx_back_put(&q->tx, &q->log->tx_rsp[i]);
    q->nslots -= b->slots;
    if (q->nslots)
        memmove(q->slot, q->slot + b->slots, q->nslots * sizeof(q->slot[0]));
    weir_net_log_commit(&q->log->tx.answered, q->tx.r.rsp_prod);
    if (weir_netif_tx_back_push(&q->tx)) {
        WEIR_CRASH_POINT();
        weir_vif_notify(q->vif, q->tx_evtchn);
    }
}

static void account(struct weir_vif_queue *q, const struct tx_batch *b,
                    unsigned dropped)
{
    struct weir_dev_stats *s = q->vif->dev.stats;
    weir_stats_add(s, WEIR_STAT_TX_PACKETS, b->npackets);
    weir_stats_add(s, WEIR_STAT_TX_BYTES, b->bytes);
    if (!q->tx_stage.nops)
        weir_stats_add(s, WEIR_STAT_POOL_COPIES, b->npackets);
    if (dropped || b->spoofed)
        weir_stats_add(s, WEIR_STAT_TX_DROPPED, dropped + b->spoofed);
    if (b->bad)
        weir_stats_add(s, WEIR_STAT_VIF_ERRORS, b->bad);
    if (b->spoofed)
        weir_stats_add(s, WEIR_STAT_SPOOFED, b->spoofed);
}

int weir_vif_tx(struct weir_vif_queue *q)
{
    struct tx_batch b;
    q->rate_wait_ns = 0;
    if (take_slots(q)) {
        weir_backend_fail(&q->vif->dev,
                          "tx ring: producer index beyond the ring");
        return -WEIR_EPROTO;
    }
    if (!q->nslots)
        return 0;
    b.n = b.slots = b.npackets = b.bad = b.spoofed = 0;
    b.bytes = 0;
    unsigned dropped = 0;
    pthread_mutex_lock(&q->tx_lock);
    q->tx_stage.used = q->tx_stage.nops = 0;
    int ret = parse_batch(q, &b);
    if (!ret && b.npackets) {
        weir_stage_run(&q->tx_stage, q->vif);
        if (q->tx_stage.nops || q->vif->dev.res.vif.antispoof)
            sift(q, &b);
    }
    if (!ret && b.n)
        log_batch(q, &b);
    if (!ret && b.npackets) {
        weir_capture_packets(q->vif->capture, q->packet, b.npackets);
        dropped = q->vif->sink->send(q, q->packet, b.npackets);
    }
    pthread_mutex_unlock(&q->tx_lock);
    if (ret)
        return ret;
    if (!b.n)
        return 0;
    respond(q, &b);
    account(q, &b, dropped);
    return 1;
}
