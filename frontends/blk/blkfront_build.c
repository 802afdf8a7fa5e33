/* SPDX-License-Identifier: MIT
 *
 * From a piece of the caller's I/O to a request on the ring.
 */
#include "frontends/blk/blkfront_priv.h"

static uint8_t wire_op(const struct weir_blkfront_io *io)
{
    switch (io->op) {
    case WEIR_BLKFRONT_READ:
        return WEIR_BLKIF_OP_READ;
    case WEIR_BLKFRONT_WRITE:
        return WEIR_BLKIF_OP_WRITE;
    case WEIR_BLKFRONT_FLUSH:
        return WEIR_BLKIF_OP_FLUSH_DISKCACHE;
    case WEIR_BLKFRONT_DISCARD:
        return WEIR_BLKIF_OP_DISCARD;
    }
    return WEIR_BLKIF_OP_RESERVED_1; /* submit refuses anything else */
}

static void set_seg(struct weir_blkif_segment *s, grant_ref_t ref,
                    size_t offset, size_t len)
{
    s->gref = ref;
    s->first_sect = (uint8_t)(offset >> WEIR_BLKIF_SECTOR_SHIFT);
    s->last_sect = (uint8_t)(((offset + len) >> WEIR_BLKIF_SECTOR_SHIFT) - 1);
    s->pad = 0;
}

static size_t seg_len(const struct weir_blkif_segment *s)
{
    return (size_t)(s->last_sect - s->first_sect + 1)
           << WEIR_BLKIF_SECTOR_SHIFT;
}

/* Where in io->vec; moved by what the segments cover. */
struct place {
    unsigned at;
    size_t off;
};

static void advance(const struct weir_blkfront_io *io, struct place *p,
                    size_t len)
{
    while (len > 0) {
        size_t left = io->vec[p->at].len - p->off;

        if (len < left) {
            p->off += len;
            return;
        }
        len -= left;
        p->at++;
        p->off = 0;
    }
}

/* Segments that lie in granted areas: nothing is copied. */
static unsigned direct_segs(const struct weir_blkfront *bf,
                            const struct weir_blkfront_io *io,
                            struct weir_blkif_segment *seg, unsigned max)
{
    struct place p = {io->vec_at, io->vec_off};
    size_t left = (size_t)(io->len - io->sent);
    unsigned n = 0;

    while (n < max && left > 0) {
        const struct weir_blkfront_vec *v = &io->vec[p.at];
        const struct weir_bf_area *a;
        uint8_t *data = (uint8_t *)v->data + p.off;
        size_t offset, len;

        if (v->len == 0) {
            p.at++;
            continue;
        }
        a = weir_bf_find(bf, data, v->len - p.off);
        if (a == NULL)
            break; /* cannot be: submit looked; then nothing is sent */
        offset = (uintptr_t)data & (WEIR_PAGE_SIZE - 1);
        len = WEIR_PAGE_SIZE - offset;
        if (len > v->len - p.off)
            len = v->len - p.off;
        set_seg(&seg[n++], a->ref[(size_t)(data - a->base) >> WEIR_PAGE_SHIFT],
                offset, len);
        left -= len;
        advance(io, &p, len);
    }
    return n;
}

static void copy(const struct weir_blkfront_io *io, struct place *p,
                 uint8_t *page, size_t len, bool out)
{
    while (len > 0) {
        const struct weir_blkfront_vec *v = &io->vec[p->at];
        uint8_t *data = (uint8_t *)v->data + p->off;
        size_t part = v->len - p->off;

        if (part > len)
            part = len;
        if (out)
            weir_memcpy(page, data, part);
        else
            weir_memcpy(data, page, part);
        page += part;
        len -= part;
        advance(io, p, part);
        while (len > 0 && io->vec[p->at].len == p->off) {
            p->at++; /* an empty element */
            p->off = 0;
        }
    }
}

/* Whole pages of the bounce pool, packed. */
static unsigned bounce_segs(struct weir_bf_queue *q, struct weir_bf_req *r,
                            const struct weir_blkfront_io *io,
                            struct weir_blkif_segment *seg, unsigned max)
{
    struct place p = {io->vec_at, io->vec_off};
    size_t left = (size_t)(io->len - io->sent);
    uint16_t last = WEIR_BF_NONE;
    unsigned n = 0;

    while (n < max && left > 0) {
        size_t len = left < WEIR_PAGE_SIZE ? left : WEIR_PAGE_SIZE;
        uint16_t i = weir_bf_pool_get(&q->bounce);
        uint8_t *page;

        if (i == WEIR_BF_NONE)
            break;
        if (last == WEIR_BF_NONE)
            r->bounce = i;
        else
            q->bounce.next[last] = i;
        last = i;
        page = q->bounce.area.base + (size_t)i * WEIR_PAGE_SIZE;
        if (io->op == WEIR_BLKFRONT_WRITE)
            copy(io, &p, page, len, true);
        set_seg(&seg[n++], q->bounce.area.ref[i], 0, len);
        left -= len;
    }
    return n;
}

void weir_bf_copy_back(struct weir_bf_queue *q, const struct weir_bf_req *r)
{
    struct place p = {r->vec_at, r->vec_off};
    size_t left = r->len;

    for (uint16_t i = r->bounce; i != WEIR_BF_NONE && left > 0;
         i = q->bounce.next[i]) {
        size_t len = left < WEIR_PAGE_SIZE ? left : WEIR_PAGE_SIZE;

        copy(r->io, &p, q->bounce.area.base + (size_t)i * WEIR_PAGE_SIZE, len,
             false);
        left -= len;
    }
}

/* Cut at the end so that whole sectors of the device remain. */
static unsigned trim(struct weir_blkif_segment *seg, unsigned n, size_t *total,
                     uint32_t sector_size)
{
    size_t excess = *total % sector_size;

    *total -= excess;
    while (excess > 0) {
        size_t len = seg_len(&seg[n - 1]);

        if (len <= excess) {
            n--;
            excess -= len;
        } else {
            seg[n - 1].last_sect -=
                (uint8_t)(excess >> WEIR_BLKIF_SECTOR_SHIFT);
            excess = 0;
        }
    }
    return n;
}

static bool use_table(struct weir_bf_queue *q, struct weir_bf_req *r,
                      const struct weir_blkfront_io *io)
{
    uint64_t left = io->len - io->sent;

    if (q->bf->max_segs <= WEIR_BLKIF_MAX_SEGMENTS ||
        (left <= WEIR_BLKIF_MAX_SEGMENTS * (uint64_t)WEIR_PAGE_SIZE &&
         io->bounce))
        return false;
    if (left <= WEIR_BLKIF_SECTOR_SIZE * (uint64_t)WEIR_BLKIF_MAX_SEGMENTS)
        return false;
    if (!io->bounce && io->nvec == 1 &&
        left <= (WEIR_BLKIF_MAX_SEGMENTS - 1) * (uint64_t)WEIR_PAGE_SIZE)
        return false; /* at most one page more than its length has */
    r->table = weir_bf_pool_get(&q->tables);
    return r->table != WEIR_BF_NONE;
}

static void fill_wire(struct weir_bf_queue *q, struct weir_bf_req *r,
                      const struct weir_blkfront_io *io, unsigned n)
{
    uint64_t sector = io->sector + (io->sent >> WEIR_BLKIF_SECTOR_SHIFT);

    if (r->table != WEIR_BF_NONE) {
        struct weir_blkif_request_indirect *w = &r->wire.indirect;

        w->operation = WEIR_BLKIF_OP_INDIRECT;
        w->indirect_op = wire_op(io);
        w->nr_segments = (uint16_t)n;
        w->sector_number = sector;
        w->indirect_grefs[0] = q->tables.area.ref[r->table];
        /* The backend could change it: it can only name pages that it may
         * use anyway.  Nobody here reads it again. */
        weir_memcpy(q->tables.area.base + (size_t)r->table * WEIR_PAGE_SIZE,
                    q->seg, n * sizeof(q->seg[0]));
    } else {
        r->wire.rw.operation = wire_op(io);
        r->wire.rw.nr_segments = (uint8_t)n;
        r->wire.rw.sector_number = sector;
        weir_memcpy(r->wire.rw.seg, q->seg, n * sizeof(q->seg[0]));
    }
}

static uint32_t build_data(struct weir_bf_queue *q, struct weir_bf_req *r,
                           struct weir_blkfront_io *io)
{
    struct weir_blkif_segment *seg = q->seg;
    unsigned n, max = WEIR_BLKIF_MAX_SEGMENTS;
    struct place p = {io->vec_at, io->vec_off};
    size_t total = 0;

    if (use_table(q, r, io))
        max = q->bf->max_segs;
    n = io->bounce ? bounce_segs(q, r, io, seg, max)
                   : direct_segs(q->bf, io, seg, max);
    for (unsigned i = 0; i < n; i++)
        total += seg_len(&seg[i]);
    n = trim(seg, n, &total, q->bf->info.sector_size);
    if (n == 0) {
        weir_bf_pool_put(&q->bounce, r->bounce);
        weir_bf_pool_put(&q->tables, r->table);
        return 0;
    }
    fill_wire(q, r, io, n);
    r->vec_at = io->vec_at;
    r->vec_off = io->vec_off;
    r->len = (uint32_t)total;
    advance(io, &p, total);
    io->vec_at = p.at;
    io->vec_off = p.off;
    io->sent += total;
    return (uint32_t)total;
}

uint32_t weir_bf_build(struct weir_bf_queue *q, struct weir_bf_req *r,
                       struct weir_blkfront_io *io)
{
    weir_memset(&r->wire, 0, sizeof(r->wire));
    r->io = io;
    r->bounce = r->table = WEIR_BF_NONE;
    if (io->op == WEIR_BLKFRONT_READ || io->op == WEIR_BLKFRONT_WRITE)
        return build_data(q, r, io);
    r->wire.rw.operation = wire_op(io);
    if (io->op == WEIR_BLKFRONT_DISCARD) {
        r->wire.discard.flag = io->secure ? WEIR_BLKIF_DISCARD_SECURE : 0;
        r->wire.discard.sector_number = io->sector;
        r->wire.discard.nr_sectors = io->nsectors;
    }
    r->len = 0;
    io->sent = io->len; /* nothing more to send */
    return 1;
}
