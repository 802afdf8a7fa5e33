/* SPDX-License-Identifier: MIT */
#include "backends/blk/request.h"

#include <errno.h>
#include <string.h>

#include "ring/checked.h"

/* Segments in, their sectors added to req->nsectors. */
static int take_segments(struct weir_blk_request *req,
                         const struct weir_blkif_segment *wire, unsigned n,
                         struct weir_blk_seg *seg)
{
    req->nsectors = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned first = wire[i].first_sect, last = wire[i].last_sect;

        if (first > last || last >= WEIR_BLKIF_SECTORS_PER_PAGE)
            return -EINVAL;
        seg[i].gref = wire[i].gref;
        seg[i].offset = (uint16_t)(first << WEIR_BLKIF_SECTOR_SHIFT);
        seg[i].len = (uint16_t)((last - first + 1) << WEIR_BLKIF_SECTOR_SHIFT);
        req->nsectors += last - first + 1;
    }
    return 0;
}

/* Within the device, and in whole sectors of it. */
static int check_range(const struct weir_blk_request *req,
                       const struct weir_blk_limits *lim)
{
    uint64_t mask = lim->sector_size / WEIR_BLKIF_SECTOR_SIZE - 1;

    if (!weir_in_range(req->sector, req->nsectors, lim->sectors))
        return -EINVAL;
    return ((req->sector | req->nsectors) & mask) == 0 ? 0 : -EINVAL;
}

static bool writes(const struct weir_blk_request *req)
{
    return req->op == WEIR_BLK_WRITE || req->op == WEIR_BLK_DISCARD ||
           (req->op != WEIR_BLK_READ && req->nsegs > 0);
}

static int parse_rw(const struct weir_blkif_request_rw *rw,
                    const struct weir_blk_limits *lim,
                    struct weir_blk_request *req, struct weir_blk_seg *seg)
{
    bool empty_ok = req->op == WEIR_BLK_FLUSH || req->op == WEIR_BLK_BARRIER;
    int err;

    req->nsegs = rw->nr_segments;
    req->sector = rw->sector_number;
    if (req->nsegs > WEIR_BLKIF_MAX_SEGMENTS || (req->nsegs == 0 && !empty_ok))
        return -EINVAL;
    if (lim->readonly && writes(req))
        return -EINVAL;
    err = take_segments(req, rw->seg, req->nsegs, seg);
    if (err != 0 || req->nsegs == 0)
        return err;
    return check_range(req, lim);
}

static int parse_indirect(const struct weir_blkif_request_indirect *in,
                          const struct weir_blk_limits *lim,
                          struct weir_blk_request *req)
{
    if (in->indirect_op == WEIR_BLKIF_OP_READ)
        req->op = WEIR_BLK_READ;
    else if (in->indirect_op == WEIR_BLKIF_OP_WRITE)
        req->op = WEIR_BLK_WRITE;
    else
        return -EOPNOTSUPP;
    req->indirect = true;
    req->nsegs = in->nr_segments;
    req->sector = in->sector_number;
    if (req->nsegs == 0 || req->nsegs > WEIR_BLK_MAX_INDIRECT ||
        (lim->readonly && writes(req)))
        return -EINVAL;
    req->nindirect =
        (uint16_t)((req->nsegs + WEIR_BLKIF_SEGMENTS_PER_PAGE - 1) /
                   WEIR_BLKIF_SEGMENTS_PER_PAGE);
    memcpy(req->indirect_gref, in->indirect_grefs, sizeof(req->indirect_gref));
    return 0;
}

static int parse_discard(const struct weir_blkif_request_discard *d,
                         const struct weir_blk_limits *lim,
                         struct weir_blk_request *req)
{
    if (!lim->discard)
        return -EOPNOTSUPP;
    req->secure = (d->flag & WEIR_BLKIF_DISCARD_SECURE) != 0;
    /* Forgetting without erasing would be a lie. */
    if (req->secure && !lim->secure)
        return -EOPNOTSUPP;
    req->sector = d->sector_number;
    req->nsectors = d->nr_sectors;
    if (lim->readonly || req->nsectors == 0)
        return -EINVAL;
    return check_range(req, lim);
}

int weir_blk_parse(const union weir_blkif_request *slot,
                   const struct weir_blk_limits *lim,
                   struct weir_blk_request *out, struct weir_blk_seg *seg)
{
    /* operation is the first byte and id lies at 8 in all three layouts. */
    memset(out, 0, sizeof(*out));
    out->operation = weir_blkif_answered(slot);
    out->id = slot->rw.id;
    switch (slot->rw.operation) {
    case WEIR_BLKIF_OP_READ:
        out->op = WEIR_BLK_READ;
        return parse_rw(&slot->rw, lim, out, seg);
    case WEIR_BLKIF_OP_WRITE:
        out->op = WEIR_BLK_WRITE;
        return parse_rw(&slot->rw, lim, out, seg);
    case WEIR_BLKIF_OP_FLUSH_DISKCACHE:
        out->op = WEIR_BLK_FLUSH;
        return lim->flush ? parse_rw(&slot->rw, lim, out, seg) : -EOPNOTSUPP;
    case WEIR_BLKIF_OP_WRITE_BARRIER:
        out->op = WEIR_BLK_BARRIER;
        return lim->barrier ? parse_rw(&slot->rw, lim, out, seg) : -EOPNOTSUPP;
    case WEIR_BLKIF_OP_DISCARD:
        out->op = WEIR_BLK_DISCARD;
        return parse_discard(&slot->discard, lim, out);
    case WEIR_BLKIF_OP_INDIRECT:
        return parse_indirect(&slot->indirect, lim, out);
    default:
        return -EOPNOTSUPP;
    }
}

int weir_blk_parse_indirect(struct weir_blk_request *req,
                            const struct weir_blkif_segment *wire,
                            const struct weir_blk_limits *lim,
                            struct weir_blk_seg *seg)
{
    int err = take_segments(req, wire, req->nsegs, seg);

    return err != 0 ? err : check_range(req, lim);
}
