/* SPDX-License-Identifier: MIT
 *
 * Manual of the block protocol (class "vbd"), x86-64 layout.
 *                                                   WEIR_BLKIF_ABI_VERSION 1
 *
 * The frontend puts requests into a ring (ring_abi.h) and gets exactly one
 * response for each, in any order, matched by id.  Data moves in whole sectors
 * of granted pages.
 *
 * SECTORS ARE 512 BYTES.  Every sector number, sector count and first/last
 * sector within a page, in requests and in the node `sectors`, counts 512-byte
 * units whatever `sector-size` says; `sector-size` only says which multiples
 * may be addressed.  (Both ends may agree otherwise by
 * `feature-large-sector-size`; Weir's never set it.)
 *
 * Backend's nodes (written before InitWait unless said otherwise)
 *
 *   name                         value  default     notes
 *   feature-flush-cache          0, 1   0           FLUSH works
 *   feature-barrier              0, 1   0           BARRIER works
 *   feature-discard              0, 1   0           DISCARD works
 *   discard-granularity          bytes  sector-size
 *   discard-alignment            bytes  0           offset of the first
 *                                                   granule
 *   discard-secure               0, 1   0           DISCARD's SECURE flag
 *                                                   works
 *   discard-enable               0, 1   1           toolstack's wish, read by
 *                                                   the backend
 *   feature-persistent           0, 1   0           keeps grants mapped
 *   feature-max-indirect-segments
 *                                count  absent      INDIRECT works, with at
 *                                                   most so many segments
 *   max-ring-page-order          0-4    0           2^order ring pages
 *   multi-queue-max-queues       count  1
 *   mode                         r, w   -           toolstack; r: refuse
 *                                                   writes
 *   sectors                      count  -           size in 512-byte units;
 *                                                   from Connected on; changed
 *                                                   by a resize, after which
 *                                                   the backend writes `state`
 *                                                   once more
 *   sector-size                  bytes  512         power of two, 512 or more
 *   physical-sector-size         bytes  sector-size
 *   info                         bits   0           WEIR_VDISK_*
 *
 * Frontend's nodes (written before Initialised)
 *
 *   virtual-device               number     -        toolstack; also the
 *                                                    directory's name
 *   device-type                  disk,cdrom -        toolstack
 *   protocol                     x86_64-abi native   layout of the ring
 *   event-channel                port       -        unbound, for the backend
 *   ring-ref                     reference  -        ring of one page
 *   ring-page-order              0-4        absent   with it: ring-ref0 ...
 *   ring-ref0, ring-ref1 ...     reference  -        instead of ring-ref, one
 *                                                    for each page
 *   multi-queue-num-queues       count      1        if above 1, ring-ref*,
 *                                                    event-channel are below
 *                                                    queue-0/, queue-1/ ...
 *   feature-persistent           0, 1       0        the same references come
 *                                                    again and again; the
 *                                                    backend may keep them
 *                                                    mapped, always writable
 *   trusted                      0, 1       1        toolstack; 0: the frontend
 *                                                    must mistrust the backend
 *
 * Persistent grants: both ends say 1.  The frontend copies data into pages it
 * granted once; the backend maps each reference at first use, writable, and
 * keeps it (it may drop any that is idle).  So every page a request names must
 * be granted writable then: those of writes and the pages with segment lists
 * as well.  The references stay granted until the frontend disconnects or finds
 * that the backend no longer maps them.
 *
 * Operations
 *
 *   READ, WRITE  nr_segments 1-11, seg[]; data of segment k is sectors
 *                first_sect..last_sect (0-7, inclusive) of page seg[k].gref
 *   INDIRECT     the same, operation in indirect_op, with 1 to
 *                feature-max-indirect-segments segments in up to 8 pages
 *                indirect_grefs[], 512 segments a page, granted readable
 *                (writable with persistent grants)
 *   FLUSH        all writes that were answered are on stable storage; may also
 *                carry segments that are written before (not from Weir)
 *   BARRIER      a write (possibly empty) with a FLUSH before and after
 *   DISCARD      nr_sectors from sector_number may be forgotten
 *
 * A read's pages must be granted writable, a write's may be read-only (without
 * persistent grants).  For an operation it does not know or offer the backend
 * answers EOPNOTSUPP; the frontend then stops using it.
 *
 * States: xenbus_abi.h, without shortcuts.
 */
#ifndef WEIR_RING_BLKIF_ABI_H
#define WEIR_RING_BLKIF_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_BLKIF_ABI_VERSION 1
#define WEIR_BLKIF_PROTOCOL    "x86_64-abi"

enum weir_blkif_op {
    WEIR_BLKIF_OP_READ = 0,
    WEIR_BLKIF_OP_WRITE = 1,
    WEIR_BLKIF_OP_WRITE_BARRIER = 2,
    WEIR_BLKIF_OP_FLUSH_DISKCACHE = 3,
    WEIR_BLKIF_OP_RESERVED_1 = 4, /* never valid */
    WEIR_BLKIF_OP_DISCARD = 5,
    WEIR_BLKIF_OP_INDIRECT = 6,
};

enum weir_blkif_status {
    WEIR_BLKIF_RSP_OKAY = 0,
    WEIR_BLKIF_RSP_ERROR = -1,
    WEIR_BLKIF_RSP_EOPNOTSUPP = -2,
};

#define WEIR_BLKIF_SECTOR_SIZE        512u /* bytes, the protocol's unit */
#define WEIR_BLKIF_SECTOR_SHIFT       9
#define WEIR_BLKIF_SECTORS_PER_PAGE   8u
#define WEIR_BLKIF_MAX_SEGMENTS       11u /* direct */
#define WEIR_BLKIF_MAX_INDIRECT_PAGES 8u
#define WEIR_BLKIF_SEGMENTS_PER_PAGE  512u
#define WEIR_BLKIF_DISCARD_SECURE     1u

#define WEIR_VDISK_CDROM     1u
#define WEIR_VDISK_REMOVABLE 2u
#define WEIR_VDISK_READONLY  4u

struct weir_blkif_segment {
    uint32_t gref;      /* the page */
    uint8_t first_sect; /* 0-7 */
    uint8_t last_sect;  /* first_sect-7, inclusive */
    uint16_t pad;       /* zero */
};

struct weir_blkif_request_rw { /* READ, WRITE, BARRIER, FLUSH */
    uint8_t operation;
    uint8_t nr_segments;
    uint16_t handle; /* virtual-device; backends ignore it */
    uint32_t pad;    /* zero */
    uint64_t id;     /* the frontend's, echoed */
    uint64_t sector_number;
    struct weir_blkif_segment seg[WEIR_BLKIF_MAX_SEGMENTS];
};

struct weir_blkif_request_discard {
    uint8_t operation; /* DISCARD */
    uint8_t flag;      /* 0 or WEIR_BLKIF_DISCARD_SECURE */
    uint16_t handle;
    uint32_t pad;
    uint64_t id;
    uint64_t sector_number;
    uint64_t nr_sectors;
};

struct weir_blkif_request_indirect {
    uint8_t operation;   /* INDIRECT */
    uint8_t indirect_op; /* READ or WRITE */
    uint16_t nr_segments;
    uint32_t pad;
    uint64_t id;
    uint64_t sector_number;
    uint16_t handle;
    uint16_t pad2;
    uint32_t indirect_grefs[WEIR_BLKIF_MAX_INDIRECT_PAGES];
    uint32_t pad3;
};

/* What a slot holds from the frontend; operation says which member counts. */
union weir_blkif_request {
    struct weir_blkif_request_rw rw;
    struct weir_blkif_request_discard discard;
    struct weir_blkif_request_indirect indirect;
};

struct weir_blkif_response {
    uint64_t id;       /* the request's */
    uint8_t operation; /* the request's; of INDIRECT its indirect_op */
    uint8_t pad;       /* zero */
    int16_t status;    /* enum weir_blkif_status */
    uint32_t pad2;     /* zero */
};

/* Linux' frontend disables a disk that answers otherwise. */
static inline uint8_t weir_blkif_answered(const union weir_blkif_request *req)
{
    return req->rw.operation == WEIR_BLKIF_OP_INDIRECT
               ? req->indirect.indirect_op
               : req->rw.operation;
}

_Static_assert(sizeof(struct weir_blkif_segment) == 8, "ABI");
_Static_assert(sizeof(struct weir_blkif_request_rw) == 112, "ABI");
_Static_assert(offsetof(struct weir_blkif_request_rw, id) == 8, "ABI");
_Static_assert(offsetof(struct weir_blkif_request_rw, seg) == 24, "ABI");
_Static_assert(sizeof(struct weir_blkif_request_discard) == 32, "ABI");
_Static_assert(sizeof(struct weir_blkif_request_indirect) == 64, "ABI");
_Static_assert(offsetof(struct weir_blkif_request_indirect, indirect_grefs) ==
                   28,
               "ABI");
_Static_assert(sizeof(union weir_blkif_request) == 112, "ABI");
_Static_assert(sizeof(struct weir_blkif_response) == 16, "ABI");

#endif
