/* SPDX-License-Identifier: MIT
 *
 * One domain's grant table, version 1, as weir-hv sees it: the shared entries
 * in the domain's own frames, which the domain changes at any time, and the
 * active entries, private, which say what others really use.
 *
 * Acquiring a reference sets GTF_reading (and GTF_writing) in the shared entry
 * by compare-exchange, so the granter's own compare-exchange that ends access
 * fails while the grant is used.  What was read is used once: frame and
 * grantee come from the active entry from then on, whatever the granter
 * writes into the shared one.  The caller holds the machine's lock.
 */
#ifndef WEIR_HYPERVISOR_GRANT_H
#define WEIR_HYPERVISOR_GRANT_H

#include "hypervisor/frames.h"
#include "hypervisor/hv_abi.h"

#define HV_GRANT_RETRIES 8    /* of a compare-exchange the granter disturbs */
#define HV_GRANTS_MAX    1024 /* frames of a table, at most */

struct hv_vm;

struct hv_active {
    mfn_t frame;
    uint32_t ro, rw; /* uses */
    domid_t grantee;
};

struct hv_grants {
    volatile uint32_t *shared; /* two words an entry: domid << 16 | flags,
                                  frame.  Both sides write flags.  NULL once
                                  the domain's frames are given back. */
    mfn_t first;               /* of the table's frames, a contiguous run */
    uint32_t frames, max;
    struct hv_active **active; /* one array a frame in use */
    uint32_t in_use;           /* references with a use */
    /* Entries of a VM domain name guest frame numbers: the machine frame, or
     * 0.  NULL: they are the same. */
    mfn_t (*translate)(const struct hv_vm *vm, uint64_t gfn);
    const struct hv_vm *vm;
    domid_t owner;
};

int hv_grants_init(struct hv_grants *g, domid_t owner, uint32_t max);
void hv_grants_fini(struct hv_grants *g);
/* One frame more is behind the table: make its active entries. */
int hv_grants_extend(struct hv_grants *g);

/* Returns a GNTST status; *frame is what ref grants to domain grantee. */
int hv_grant_acquire(struct hv_grants *g, struct hv_frames *f, grant_ref_t ref,
                     domid_t grantee, bool readonly, mfn_t *frame);
/* Ends one use that acquire began with the same readonly. */
void hv_grant_release(struct hv_grants *g, grant_ref_t ref, bool readonly);

/* Does nobody use a grant, but grantee ref for frame? */
bool hv_grants_idle(const struct hv_grants *g, grant_ref_t ref, domid_t grantee,
                    mfn_t frame);
/* Write an entry of a table no domain runs with yet; its uses stay marked. */
void hv_grant_preset(struct hv_grants *g, grant_ref_t ref, domid_t grantee,
                     mfn_t frame);

#endif
