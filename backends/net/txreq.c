/* SPDX-License-Identifier: MIT */
#include "backends/net/txreq.h"
#include "ring/checked.h"
#include "ring/port.h"

static void bad(struct weir_txreq *out, const char *why)
{
    if (!out->why)
        out->why = why;
}

static void take_gso(const struct weir_netif_extra_info *e,
                     struct weir_txreq *out)
{
    if (out->gso)
        bad(out, "two GSO extras");
    if (e->u.gso.type != WEIR_NETIF_GSO_TCPV4 &&
        e->u.gso.type != WEIR_NETIF_GSO_TCPV6)
        bad(out, "unknown GSO type");
    if (!e->u.gso.size)
        bad(out, "GSO size 0");
    out->gso = e->u.gso.type;
    out->gso_size = e->u.gso.size;
}

static void take_extra(const struct weir_netif_extra_info *e,
                       struct weir_txreq *out)
{
    switch (e->type) {
    case WEIR_NETIF_EXTRA_GSO:
        take_gso(e, out);
        break;
    case WEIR_NETIF_EXTRA_MCAST_ADD:
    case WEIR_NETIF_EXTRA_MCAST_DEL:
        if (out->mcast)
            bad(out, "two multicast extras");
        out->mcast = e->type;
        for (int i = 0; i < 6; i++)
            out->mcast_addr[i] = e->u.mcast.addr[i];
        break;
    case WEIR_NETIF_EXTRA_HASH:
        break; /* the sender's opinion; steering computes its own */
    default:
        bad(out, "unknown extra type");
    }
}

/* Pieces after the first: their own sizes.  *rest gets their sum. */
static void take_piece(const struct weir_netif_tx_request *r,
                       struct weir_txreq *out, uint32_t *rest)
{
    if (out->npieces == WEIR_NET_SLOTS) {
        bad(out, "more than 20 slots a packet");
        return;
    }
    if (!weir_in_range(r->offset, r->size, WEIR_PAGE_SIZE))
        bad(out, "piece beyond its page");
    if (out->npieces)
        *rest += r->size; /* at most 19 * 65535 */
    struct weir_txreq_piece *p = &out->piece[out->npieces++];
    p->ref = r->gref;
    p->offset = r->offset;
    p->size = r->size;
}

static void take_first(const struct weir_netif_tx_request *r,
                       struct weir_txreq *out)
{
    out->csum_blank = r->flags & WEIR_NETTXF_CSUM_BLANK;
    out->validated =
        out->csum_blank || (r->flags & WEIR_NETTXF_DATA_VALIDATED) != 0;
    out->len = r->size;
    out->npieces = 1;
    out->piece[0].ref = r->gref;
    out->piece[0].offset = r->offset;
}

/* The first slot's size is the packet's: its own share is what is left. */
static void finish(struct weir_txreq *out, uint32_t rest)
{
    if (rest > out->len) {
        bad(out, "pieces longer than the packet");
        return;
    }
    uint32_t first = out->len - rest;
    if (!weir_in_range(out->piece[0].offset, first, WEIR_PAGE_SIZE))
        bad(out, "piece beyond its page");
    out->piece[0].size = (uint16_t)first;
    if (out->mcast) {
        if (out->npieces > 1 || out->gso)
            bad(out, "multicast request with data");
        return;
    }
    if (out->len < WEIR_NET_MIN)
        bad(out, "shorter than an Ethernet header");
    if (out->gso && !out->csum_blank)
        out->csum_blank = true; /* every segment's checksum is filled in */
}

enum weir_txreq_result weir_txreq_parse(const union weir_netif_tx_slot *slot,
                                        unsigned n, struct weir_txreq *out)
{
    uint32_t rest = 0;
    unsigned i = 1;
    out->extras = 0;
    out->gso = out->mcast = 0;
    out->gso_size = 0;
    out->why = NULL;
    take_first(&slot[0].req, out);
    bool extra = slot[0].req.flags & WEIR_NETTXF_EXTRA_INFO;
    bool more = slot[0].req.flags & WEIR_NETTXF_MORE_DATA;
    while (extra || more) {
        if (i == WEIR_TXREQ_CHAIN) {
            out->why = "packet without an end";
            return WEIR_TXREQ_FATAL;
        }
        if (i == n)
            return WEIR_TXREQ_PARTIAL;
        if (extra) {
            out->extras |= UINT64_C(1) << i;
            take_extra(&slot[i].extra, out);
            extra = slot[i].extra.flags & WEIR_NETIF_EXTRA_FLAG_MORE;
        } else {
            take_piece(&slot[i].req, out, &rest);
            if (slot[i].req.flags & WEIR_NETTXF_EXTRA_INFO)
                bad(out, "extra behind a later piece");
            more = slot[i].req.flags & WEIR_NETTXF_MORE_DATA;
        }
        i++;
    }
    out->slots = i;
    finish(out, rest);
    return out->why ? WEIR_TXREQ_BAD : WEIR_TXREQ_OK;
}
