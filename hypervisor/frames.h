/* SPDX-License-Identifier: MIT
 *
 * The frame table: who owns each frame of machine memory, how many foreign
 * mappings it has, and which run of frames is free.  Bookkeeping only; the
 * memory itself is memory.h's.  The caller holds the machine's lock.
 *
 *   FREE -> RESERVED -> RAM, TABLE, STORE, CONSOLE       given to a domain
 *   RAM -> LEAVING -> RAM                                free refused
 *   RAM -> KEPT -> RAM                                   program died, next
 *   LEAVING -> ORPHAN -> SCRUB -> FREE                   still mapped, then not
 *   LEAVING -> SCRUB -> FREE                             not mapped
 *
 * SCRUB frames belong to whoever put them there until the hole is punched:
 * hv_frames_release is called after that and nothing else touches them.
 */
#ifndef WEIR_HYPERVISOR_FRAMES_H
#define WEIR_HYPERVISOR_FRAMES_H

#include "ring/port.h"

enum hv_frame_type {
    HV_FRAME_FREE = 0,
    HV_FRAME_RESERVED, /* owned number, no memory behind it yet */
    HV_FRAME_RAM,
    HV_FRAME_TABLE, /* grant table: neither freed nor granted */
    HV_FRAME_STORE, /* ring pages: granted, not freed */
    HV_FRAME_CONSOLE,
    HV_FRAME_KEPT,    /* of its owner's last program: in reach of nobody */
    HV_FRAME_LEAVING, /* being freed by its owner */
    HV_FRAME_ORPHAN,  /* given back, still mapped by others */
    HV_FRAME_SCRUB,
};

struct hv_frame {
    domid_t owner;
    uint8_t type;  /* enum hv_frame_type */
    bool charged;  /* counts in the owner's quota */
    uint32_t maps; /* mappings through grants, of all domains */
};

struct hv_frames {
    struct hv_frame *frame; /* count of them; untouched parts cost nothing */
    uint64_t *used;         /* a bit a frame */
    uint64_t count, in_use;
    uint64_t hint; /* no free frame below */
};

int hv_frames_init(struct hv_frames *f, uint64_t count);
void hv_frames_fini(struct hv_frames *f);

/* A run of count free frames, now RESERVED for owner; -ENOMEM.  Looks from
 * *first on (0: from the start) and only so far: -EAGAIN means that *first is
 * where to go on, after others had the lock.  Many small holes make a long
 * way. */
int hv_frames_alloc(struct hv_frames *f, domid_t owner, uint64_t count,
                    mfn_t *first);
void hv_frames_set(struct hv_frames *f, mfn_t first, uint64_t count,
                   enum hv_frame_type type);
/* NULL when m is beyond the machine. */
struct hv_frame *hv_frames_get(struct hv_frames *f, mfn_t m);

/* May owner grant frame m to others, or copy from and to it? */
bool hv_frames_grantable(struct hv_frames *f, mfn_t m, domid_t owner);

/* Its owner gives frame m back: true when the caller is to scrub and release
 * it now, false when its last unmapping will. */
bool hv_frames_give_back(struct hv_frames *f, mfn_t m);
void hv_frames_map(struct hv_frames *f, mfn_t m);
/* True when that was the last mapping of an orphan: scrub and release. */
bool hv_frames_unmap(struct hv_frames *f, mfn_t m);
void hv_frames_release(struct hv_frames *f, mfn_t first, uint64_t count);

/* The first frame in [from, end) that owner holds (RESERVED included, ORPHAN
 * and SCRUB not); end when there is none. */
mfn_t hv_frames_next_owned(struct hv_frames *f, domid_t owner, mfn_t from,
                           mfn_t end);

#endif
