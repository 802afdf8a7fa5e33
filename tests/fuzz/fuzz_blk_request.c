/* SPDX-License-Identifier: MIT
 *
 * Block requests: whatever bytes are in a slot, a request that is accepted
 * lies within the device and its segments within their pages.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "backends/blk/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int ok)
{
    if (!ok)
        abort();
}

static void check_segments(const struct weir_blk_request *r,
                           const struct weir_blk_seg *seg, unsigned max,
                           const struct weir_blk_limits *lim)
{
    uint64_t bytes = 0;

    check(r->nsegs <= max);
    for (unsigned i = 0; i < r->nsegs; i++) {
        check(seg[i].len > 0 && seg[i].offset + seg[i].len <= 4096);
        check(seg[i].offset % 512 == 0 && seg[i].len % 512 == 0);
        bytes += seg[i].len;
    }
    if (r->nsegs > 0)
        check(bytes == r->nsectors * 512);
    check(r->nsectors <= lim->sectors &&
          r->sector <= lim->sectors - r->nsectors);
    check(r->nsectors == 0 || r->nsectors * 512 % lim->sector_size == 0);
    check(!lim->readonly || r->op == WEIR_BLK_READ || r->nsegs == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_blkif_segment wire[WEIR_BLK_MAX_INDIRECT];
    struct weir_blk_seg seg[WEIR_BLK_MAX_INDIRECT];
    union weir_blkif_request slot;
    struct weir_blk_request req;
    struct weir_blk_limits lim = {.sectors = 1 << 20, .sector_size = 512};

    if (size < 1)
        return 0;
    lim.readonly = data[0] & 1;
    lim.flush = data[0] & 2;
    lim.barrier = data[0] & 4;
    lim.discard = data[0] & 8;
    lim.secure = data[0] & 16;
    lim.sector_size = data[0] & 32 ? 4096 : 512;
    memset(&slot, 0, sizeof(slot));
    memset(wire, 0, sizeof(wire));
    data++;
    size--;
    memcpy(&slot, data, size < sizeof(slot) ? size : sizeof(slot));
    if (size > sizeof(slot)) {
        size -= sizeof(slot);
        memcpy(wire, data + sizeof(slot),
               size < sizeof(wire) ? size : sizeof(wire));
    }
    if (weir_blk_parse(&slot, &lim, &req, seg) != 0)
        return 0;
    check(req.id == slot.rw.id && req.operation == weir_blkif_answered(&slot));
    if (!req.indirect) {
        if (req.nsegs > 0 || req.op == WEIR_BLK_DISCARD)
            check_segments(&req, seg, 11, &lim);
        return 0;
    }
    check(req.nsegs > 0 && req.nsegs <= WEIR_BLK_MAX_INDIRECT);
    check(req.nindirect > 0 && req.nindirect <= WEIR_BLK_INDIRECT_PAGES);
    if (weir_blk_parse_indirect(&req, wire, &lim, seg) == 0)
        check_segments(&req, seg, WEIR_BLK_MAX_INDIRECT, &lim);
    return 0;
}
