/* SPDX-License-Identifier: MIT
 *
 * From a ring slot's bytes to a request that is known to be good.  Pure: no
 * state, no shared memory (callers copy first), no I/O; what the fuzzer drives.
 */
#ifndef WEIR_BACKENDS_BLK_REQUEST_H
#define WEIR_BACKENDS_BLK_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "ring/blkif_abi.h"

#define WEIR_BLK_MAX_INDIRECT 256u /* segments of a request */
/* Pages with their descriptors: 512 fit into one. */
#define WEIR_BLK_INDIRECT_PAGES                                                \
    ((WEIR_BLK_MAX_INDIRECT + WEIR_BLKIF_SEGMENTS_PER_PAGE - 1) /              \
     WEIR_BLKIF_SEGMENTS_PER_PAGE)

/* What the device is, as far as a request must respect it. */
struct weir_blk_limits {
    uint64_t sectors;     /* size, in 512-byte units */
    uint32_t sector_size; /* bytes: 512 or 4096 */
    bool readonly, flush, barrier, discard, secure;
};

enum weir_blk_op {
    WEIR_BLK_READ,
    WEIR_BLK_WRITE,
    WEIR_BLK_FLUSH,   /* with segments: flush, write, flush */
    WEIR_BLK_BARRIER, /* flush, write (segments may be none), flush */
    WEIR_BLK_DISCARD,
};

struct weir_blk_seg {
    uint32_t gref;
    uint16_t offset, len; /* bytes in the page; len > 0 */
};

struct weir_blk_request {
    uint64_t id;       /* the frontend's, echoed */
    uint8_t operation; /* to answer with */
    enum weir_blk_op op;
    bool secure;   /* a discard that must not be recoverable */
    bool indirect; /* segments are in the pages below, not in seg */
    uint16_t nsegs;
    uint16_t nindirect; /* pages */
    uint64_t sector;    /* 512-byte units, as the next */
    uint64_t nsectors;
    uint32_t indirect_gref[WEIR_BLKIF_MAX_INDIRECT_PAGES];
};

/* out->id and out->operation are set in any case, for the answer.
 * seg: room for 11; filled for a request that is not indirect.
 * 0, -EINVAL (answer ERROR), -EOPNOTSUPP (answer that). */
int weir_blk_parse(const union weir_blkif_request *slot,
                   const struct weir_blk_limits *lim,
                   struct weir_blk_request *out, struct weir_blk_seg *seg);

/* The second step of an indirect request: wire holds req->nsegs descriptors,
 * copied out of the frontend's pages. */
int weir_blk_parse_indirect(struct weir_blk_request *req,
                            const struct weir_blkif_segment *wire,
                            const struct weir_blk_limits *lim,
                            struct weir_blk_seg *seg);

#endif
