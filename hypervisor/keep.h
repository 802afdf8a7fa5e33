/* SPDX-License-Identifier: MIT
 *
 * Which runs of a domain's frames outlive its program, by the keys that its
 * programs call them.  Bookkeeping only; used by the domain's own thread.
 *
 *   asked   this program has named it: its frames are RAM
 *   others  a predecessor's: HV_FRAME_KEPT, in reach of nobody
 */
#ifndef WEIR_HYPERVISOR_KEEP_H
#define WEIR_HYPERVISOR_KEEP_H

#include "ring/port.h"

#define HV_KEEPS_MAX 1024 /* runs of one domain */

struct hv_keep {
    uint64_t key;
    mfn_t first;
    uint32_t count;
    bool asked;
};

struct hv_keeps {
    struct hv_keep *run; /* HV_KEEPS_MAX, in no order; NULL before the first */
    uint32_t n;
};

void hv_keeps_fini(struct hv_keeps *k);
/* NULL when there is none; valid until the next change. */
struct hv_keep *hv_keep_find(struct hv_keeps *k, uint64_t key);
/* After 0 the next hv_keep_add finds room.  -ENOSPC, -ENOMEM. */
int hv_keep_room(struct hv_keeps *k);
void hv_keep_add(struct hv_keeps *k, uint64_t key, mfn_t first, uint32_t count);
/* Any of these frames was freed: the runs they lie in are kept no longer. */
void hv_keep_end(struct hv_keeps *k, mfn_t first, uint32_t count);

#endif
