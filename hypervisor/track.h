/* SPDX-License-Identifier: MIT
 *
 * What one domain maps of others: a table of handles (one a map operation)
 * and, by frame, how many of them are read-write and read-only.  All
 * mappings of a frame share one page-table entry of the domain, because a
 * frame has one address in its window; the counts say what it must show.
 *
 * Used by the domain's own thread; the machine's lock is held where others
 * read `used`.
 */
#ifndef WEIR_HYPERVISOR_TRACK_H
#define WEIR_HYPERVISOR_TRACK_H

#include "ring/port.h"

struct hv_handle {
    mfn_t frame;
    grant_ref_t ref;
    uint32_t gfn; /* VM: where it is mapped */
    domid_t granter;
    bool used, readonly;
    bool ending;   /* this unmap batch names it already */
    uint32_t next; /* free list */
};

struct hv_count {
    uint32_t frame; /* plus 1; 0: slot empty */
    uint32_t rw, ro;
};

struct hv_track {
    struct hv_handle *handle;
    uint32_t size, free_head, used;
    uint32_t max;           /* quota: handles plus page-table pages */
    struct hv_count *count; /* open addressing, a power of two of slots */
    uint32_t slots, frames;
    uint64_t *regions; /* a bit each 2 MiB of the window that has a page
                          table of its own */
    uint32_t tables;   /* bits set: page-table pages the kernel keeps for
                          this domain until it dies */
    uint64_t nregions;
};

#define HV_FRAMES_PER_TABLE 512 /* of one x86 page-table page */

/* frames: of its window.  0: it has none, and no page tables are charged (a
 * VM's are those of its address space, wherever the frames are). */
int hv_track_init(struct hv_track *t, uint32_t max, uint64_t frames);
void hv_track_fini(struct hv_track *t);
/* Its window is gone, and no handle is left. */
void hv_track_reset(struct hv_track *t);

/* A handle for a new mapping; -ENOSPC: quota, -ENOMEM. */
int hv_track_add(struct hv_track *t, const struct hv_handle *what,
                 uint32_t *handle);
/* NULL when no such mapping exists. */
struct hv_handle *hv_track_get(struct hv_track *t, uint32_t handle);
void hv_track_del(struct hv_track *t, uint32_t handle);

/* Counts of frame m; zeros when it is not mapped. */
struct hv_count hv_track_count(const struct hv_track *t, mfn_t m);
/* Take one mapping of m off the counts or put it back (handles stay).
 * Putting back what was just taken off cannot fail. */
void hv_track_drop(struct hv_track *t, mfn_t m, bool readonly);
void hv_track_undrop(struct hv_track *t, mfn_t m, bool readonly);

/* Charge the page tables that pages [m, m + count) need. */
void hv_track_charge(struct hv_track *t, mfn_t m, uint64_t count);

#endif
