/* SPDX-License-Identifier: MIT
 *
 * weir_blkif_front_* and weir_blkif_back_*: the block protocol's ring.
 */
#ifndef WEIR_RING_BLKIF_RING_H
#define WEIR_RING_BLKIF_RING_H

#include "ring/blkif_abi.h"
#include "ring/ring.h"

WEIR_RING_TYPES(blkif, union weir_blkif_request, struct weir_blkif_response)

/* 32 slots in one page: what every other backend and frontend computes. */
_Static_assert(WEIR_RING_SLOT_blkif == 112, "blkif slot");

#endif
