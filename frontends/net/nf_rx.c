/* SPDX-License-Identifier: MIT */
#include "frontends/net/nf_private.h"

static void begin(struct weir_nf_queue *q)
{
    q->nfrags = 0;
    q->rx_len = 0;
    q->rx_more = q->rx_extra = q->rx_bad = q->rx_begun = false;
    q->rx_off = (struct weir_netfront_offload){0, 0, 0};
}

void weir_nf_rx_reset(struct weir_nf_queue *q)
{
    begin(q);
    q->nspare = 0;
    for (unsigned i = WEIR_NF_RX_PAGES; i-- > 0;)
        q->spare[q->nspare++] = (uint16_t)i;
}

void weir_nf_rx_post(struct weir_nf_queue *q)
{
    while (q->nspare && weir_netif_rx_front_free(&q->rx)) {
        uint16_t page = q->spare[--q->nspare];
        uint16_t slot = q->rx.r.req_prod & (WEIR_NETFRONT_SLOTS - 1);
        struct weir_netif_rx_request req = {.id = slot,
                                            .gref = q->rx_buf[page].ref};
        q->rx_page[slot] = page;
        weir_netif_rx_front_put(&q->rx, &req);
    }
}

static int take_extra(struct weir_netfront *nf, struct weir_nf_queue *q,
                      const struct weir_netif_extra_info *e)
{
    if (e->type == WEIR_NETIF_EXTRA_GSO) {
        if (!e->u.gso.size || (e->u.gso.type != WEIR_NETIF_GSO_TCPV4 &&
                               e->u.gso.type != WEIR_NETIF_GSO_TCPV6))
            q->rx_bad = true;
        if (!nf->cfg.rx_offload)
            q->rx_bad = true; /* never asked for */
        q->rx_off.gso = e->u.gso.type;
        q->rx_off.gso_size = e->u.gso.size;
    } else if (e->type != WEIR_NETIF_EXTRA_HASH) {
        return weir_nf_broken(nf, "rx extra of unknown type");
    }
    q->rx_extra = e->flags & WEIR_NETIF_EXTRA_FLAG_MORE;
    return 0;
}

/* The page of a slot goes to the frame being assembled; one that an error or
 * an extra takes no bytes of is spare at once. */
static int take_data(struct weir_netfront *nf, struct weir_nf_queue *q,
                     uint16_t slot, const struct weir_netif_rx_response *r)
{
    if (r->id != slot)
        return weir_nf_broken(nf, "rx answer that is not in its slot");
    if (r->status >= 0 &&
        (uint32_t)r->offset + (uint32_t)r->status > WEIR_PAGE_SIZE)
        return weir_nf_broken(nf, "rx data beyond its page");
    if (!q->rx_begun) {
        if (r->flags & WEIR_NETRXF_CSUM_BLANK) {
            q->rx_off.flags |= WEIR_NETFRONT_CSUM_BLANK;
            q->rx_bad = !nf->cfg.rx_offload;
        }
        if (r->flags & (WEIR_NETRXF_DATA_VALIDATED | WEIR_NETRXF_CSUM_BLANK))
            q->rx_off.flags |= WEIR_NETFRONT_VALIDATED;
        q->rx_extra = r->flags & WEIR_NETRXF_EXTRA_INFO;
    } else if (r->flags & WEIR_NETRXF_EXTRA_INFO) {
        return weir_nf_broken(nf, "rx extra behind a later piece");
    }
    q->rx_more = r->flags & WEIR_NETRXF_MORE_DATA;
    q->rx_begun = true;
    if (r->status < 0 || q->nfrags == WEIR_NF_FRAGS) {
        q->rx_bad = true;
        q->spare[q->nspare++] = q->rx_page[slot];
        return 0;
    }
    q->frag[q->nfrags].page = q->rx_page[slot];
    q->frag[q->nfrags].offset = r->offset;
    q->frag[q->nfrags++].len = (uint16_t)r->status;
    q->rx_len += (uint32_t)r->status;
    return 0;
}

/* 1: a frame is complete; 0: nothing more there; -WEIR_EPROTO. */
static int assemble(struct weir_netfront *nf, struct weir_nf_queue *q)
{
    union weir_netif_rx_slot s;
    for (;;) {
        uint16_t slot = q->rx.r.rsp_cons & (WEIR_NETFRONT_SLOTS - 1);
        int ret = weir_netif_rx_front_get(&q->rx, &s);
        if (ret < 0)
            return weir_nf_broken(nf, "rx ring: more answers than requests");
        if (!ret)
            return 0;
        if (q->rx_extra) {
            q->spare[q->nspare++] = q->rx_page[slot];
            ret = take_extra(nf, q, &s.extra);
        } else {
            ret = take_data(nf, q, slot, &s.rsp);
        }
        if (ret)
            return ret;
        if (!q->rx_extra && !q->rx_more)
            return 1;
    }
}

/* Copies the frame out and gives its pages back.  0: it was bad. */
static int deliver(struct weir_nf_queue *q, uint8_t *buf, uint32_t size,
                   struct weir_netfront_offload *off)
{
    bool bad = q->rx_bad || q->rx_len < 14 || q->rx_len > WEIR_NETFRONT_MAX;
    uint32_t len = q->rx_len;
    for (unsigned i = 0; i < q->nfrags; i++) {
        if (!bad && len <= size) {
            weir_memcpy(buf,
                        q->rx_buf[q->frag[i].page].addr + q->frag[i].offset,
                        q->frag[i].len);
            buf += q->frag[i].len;
        }
        q->spare[q->nspare++] = q->frag[i].page;
    }
    if (off)
        *off = q->rx_off;
    begin(q);
    if (bad || len > size) {
        q->stats.rx_errors++;
        return bad ? 0 : -WEIR_E2BIG;
    }
    q->stats.rx_packets++;
    q->stats.rx_bytes += len;
    return (int)len;
}

int weir_netfront_recv(struct weir_netfront *nf, unsigned queue, void *buf,
                       uint32_t size, struct weir_netfront_offload *off)
{
    struct weir_nf_queue *q = &nf->queue[queue];
    if (weir_unlikely(!nf->connected || queue >= nf->nqueues))
        return nf->reason ? -WEIR_EPROTO : -WEIR_ENOTCONN;
    /* A backend that brings nothing but bad frames must not keep the caller. */
    for (unsigned i = 0; i < WEIR_NETFRONT_SLOTS; i++) {
        int ret = assemble(nf, q);
        if (ret <= 0) {
            if (q->nspare)
                weir_netfront_flush(nf, queue);
            return ret;
        }
        ret = deliver(q, buf, size, off);
        if (q->nspare >= WEIR_NETFRONT_SLOTS / 4)
            weir_netfront_flush(nf, queue);
        if (ret)
            return ret;
    }
    return 0;
}
