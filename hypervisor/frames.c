/* SPDX-License-Identifier: MIT */
#include "hypervisor/frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hv_frames_init(struct hv_frames *f, uint64_t count)
{
    uint64_t words = (count + 63) / 64;

    memset(f, 0, sizeof(*f));
    if (count < 2)
        return -EINVAL;
    f->frame = calloc(count, sizeof(*f->frame));
    f->used = calloc(words, sizeof(*f->used));
    if (!f->frame || !f->used) {
        hv_frames_fini(f);
        return -ENOMEM;
    }
    f->count = count;
    /* Frame 0 is nobody's: 0 means "no frame" on the wire. */
    f->used[0] = 1;
    f->frame[0].type = HV_FRAME_RESERVED;
    f->frame[0].owner = UINT16_MAX;
    f->hint = 1;
    return 0;
}

void hv_frames_fini(struct hv_frames *f)
{
    free(f->frame);
    free(f->used);
    memset(f, 0, sizeof(*f));
}

/* The first free frame >= m, or count. */
static uint64_t next_free(const struct hv_frames *f, uint64_t m)
{
    while (m < f->count) {
        uint64_t idle = ~f->used[m / 64] >> (m % 64);

        if (idle) {
            m += (uint64_t)__builtin_ctzll(idle);
            return m < f->count ? m : f->count;
        }
        m = (m / 64 + 1) * 64;
    }
    return f->count;
}

static uint64_t next_used(const struct hv_frames *f, uint64_t m, uint64_t end)
{
    while (m < end) {
        uint64_t busy = f->used[m / 64] >> (m % 64);

        if (busy) {
            m += (uint64_t)__builtin_ctzll(busy);
            return m < end ? m : end;
        }
        m = (m / 64 + 1) * 64;
    }
    return end;
}

/* Holes looked at in one go: some tens of microseconds. */
#define HOLES 1024

static int find_run(const struct hv_frames *f, uint64_t count, mfn_t *first)
{
    uint64_t m = next_free(f, *first > f->hint ? *first : f->hint);

    for (unsigned i = 0; m < f->count && count <= f->count - m; i++) {
        uint64_t end = next_used(f, m, m + count);

        *first = m;
        if (end == m + count)
            return 0;
        if (i == HOLES)
            return -EAGAIN;
        m = next_free(f, end);
    }
    return -ENOMEM;
}

int hv_frames_alloc(struct hv_frames *f, domid_t owner, uint64_t count,
                    mfn_t *first)
{
    uint64_t m;
    int rc;

    if (count == 0 || count > f->count)
        return -ENOMEM;
    f->hint = next_free(f, f->hint);
    rc = find_run(f, count, first);
    if (rc < 0)
        return rc;
    m = *first;
    for (uint64_t i = m; i < m + count; i++) {
        f->used[i / 64] |= UINT64_C(1) << (i % 64);
        f->frame[i].owner = owner;
        f->frame[i].type = HV_FRAME_RESERVED;
        f->frame[i].maps = 0;
    }
    f->in_use += count;
    return 0;
}

void hv_frames_set(struct hv_frames *f, mfn_t first, uint64_t count,
                   enum hv_frame_type type)
{
    for (mfn_t m = first; m < first + count && m < f->count; m++)
        f->frame[m].type = (uint8_t)type;
}

struct hv_frame *hv_frames_get(struct hv_frames *f, mfn_t m)
{
    return m < f->count ? &f->frame[m] : NULL;
}

bool hv_frames_grantable(struct hv_frames *f, mfn_t m, domid_t owner)
{
    const struct hv_frame *fr = hv_frames_get(f, m);

    return fr && fr->owner == owner &&
           (fr->type == HV_FRAME_RAM || fr->type == HV_FRAME_STORE ||
            fr->type == HV_FRAME_CONSOLE);
}

bool hv_frames_give_back(struct hv_frames *f, mfn_t m)
{
    struct hv_frame *fr = &f->frame[m];

    fr->type = fr->maps ? HV_FRAME_ORPHAN : HV_FRAME_SCRUB;
    return fr->maps == 0;
}

void hv_frames_map(struct hv_frames *f, mfn_t m)
{
    f->frame[m].maps++;
}

bool hv_frames_unmap(struct hv_frames *f, mfn_t m)
{
    struct hv_frame *fr = &f->frame[m];

    if (--fr->maps != 0 || fr->type != HV_FRAME_ORPHAN)
        return false;
    fr->type = HV_FRAME_SCRUB;
    return true;
}

void hv_frames_release(struct hv_frames *f, mfn_t first, uint64_t count)
{
    for (mfn_t m = first; m < first + count; m++) {
        memset(&f->frame[m], 0, sizeof(f->frame[m]));
        f->used[m / 64] &= ~(UINT64_C(1) << (m % 64));
    }
    f->in_use -= count;
    if (first < f->hint)
        f->hint = first;
}

mfn_t hv_frames_next_owned(struct hv_frames *f, domid_t owner, mfn_t from,
                           mfn_t end)
{
    for (mfn_t m = from; m < end; m++) {
        m = next_used(f, m, end);
        if (m < end && f->frame[m].owner == owner &&
            f->frame[m].type != HV_FRAME_ORPHAN &&
            f->frame[m].type != HV_FRAME_SCRUB)
            return m;
    }
    return end;
}
