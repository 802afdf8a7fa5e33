/* SPDX-License-Identifier: MIT
 *
 * The attacks of hostile_blkfront.
 */
#ifndef WEIR_TESTS_E2E_HOSTILE_BLK_H
#define WEIR_TESTS_E2E_HOSTILE_BLK_H

#include "tests/e2e/hostile_disk.h"

#define DISK_RW 51712
#define DISK_RO 51728

/* hostile_blk_req.c: requests that are wrong, on a ring that is right */
void attack_requests(struct hostile *h);
void attack_indirect(struct hostile *h);
void attack_references(struct hostile *h);
void attack_revoke(struct hostile *h);
void attack_readonly(struct hostile *h);
void attack_rewrite(struct hostile *h);

/* hostile_blk_ring.c: the ring, the registry, the event channel */
void attack_own_ring(struct hostile *h);
void attack_indexes(struct hostile *h);
void attack_unread(struct hostile *h);
void attack_nodes(struct hostile *h);
void attack_flap(struct hostile *h);
void attack_storm(struct hostile *h);
void attack_flood(struct hostile *h);
void attack_twins(struct hostile *h);
void attack_ungrant_ring(struct hostile *h);

/* hostile_blk_end.c: disks and guests that go away */
void attack_shrunk(struct hostile *h);
void attack_full(struct hostile *h);
void attack_vanish(struct hostile *h);
void attack_hang(struct hostile *h);

#endif
