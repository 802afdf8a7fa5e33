/* SPDX-License-Identifier: MIT */
#include "hypervisor/track.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define NO_HANDLE UINT32_MAX

int hv_track_init(struct hv_track *t, uint32_t max, uint64_t frames)
{
    memset(t, 0, sizeof(*t));
    t->max = max;
    t->free_head = NO_HANDLE;
    /* Windows start one page off a 2 MiB border: one region more. */
    t->nregions = frames ? frames / HV_FRAMES_PER_TABLE + 2 : 0;
    t->regions = calloc(t->nregions / 64 + 1, sizeof(*t->regions));
    return t->regions ? 0 : -ENOMEM;
}

void hv_track_fini(struct hv_track *t)
{
    free(t->handle);
    free(t->count);
    free(t->regions);
    memset(t, 0, sizeof(*t));
}

void hv_track_reset(struct hv_track *t)
{
    free(t->handle);
    free(t->count);
    t->handle = NULL;
    t->count = NULL;
    t->size = t->slots = t->frames = t->tables = 0;
    t->free_head = NO_HANDLE;
    memset(t->regions, 0, (t->nregions / 64 + 1) * sizeof(*t->regions));
}

static bool region_new(const struct hv_track *t, mfn_t m)
{
    uint64_t r = (m + 1) / HV_FRAMES_PER_TABLE;

    return r < t->nregions && !(t->regions[r / 64] >> (r % 64) & 1);
}

void hv_track_charge(struct hv_track *t, mfn_t m, uint64_t count)
{
    mfn_t end = m + count;

    while (m < end) {
        uint64_t r = (m + 1) / HV_FRAMES_PER_TABLE;

        if (region_new(t, m)) {
            t->regions[r / 64] |= UINT64_C(1) << (r % 64);
            t->tables++;
        }
        m = (r + 1) * HV_FRAMES_PER_TABLE - 1;
    }
}

static uint32_t hash(const struct hv_track *t, uint32_t key)
{
    return (uint32_t)(key * UINT32_C(2654435761)) >> 7 & (t->slots - 1);
}

static struct hv_count *find(const struct hv_track *t, uint32_t key)
{
    uint32_t i;

    if (!t->slots)
        return NULL;
    for (i = hash(t, key); t->count[i].frame; i = (i + 1) & (t->slots - 1))
        if (t->count[i].frame == key)
            break;
    return &t->count[i];
}

/* Keeps the table at most half full. */
static int grow_counts(struct hv_track *t)
{
    struct hv_track bigger = *t;

    if (t->slots && t->frames < t->slots / 2)
        return 0;
    bigger.slots = t->slots ? t->slots * 2 : 64;
    bigger.count = calloc(bigger.slots, sizeof(*bigger.count));
    if (!bigger.count)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->slots; i++)
        if (t->count[i].frame)
            *find(&bigger, t->count[i].frame) = t->count[i];
    free(t->count);
    *t = bigger;
    return 0;
}

static int grow_handles(struct hv_track *t)
{
    uint32_t size = t->size ? t->size * 2 : 64;
    struct hv_handle *h;

    if (t->free_head != NO_HANDLE)
        return 0;
    if (size > t->max)
        size = t->max;
    if (size <= t->size)
        return -ENOSPC;
    h = reallocarray(t->handle, size, sizeof(*h));
    if (!h)
        return -ENOMEM;
    t->handle = h;
    memset(h + t->size, 0, (size - t->size) * sizeof(*h));
    for (uint32_t i = size; i > t->size; i--) {
        h[i - 1].next = t->free_head;
        t->free_head = i - 1;
    }
    t->size = size;
    return 0;
}

static void count_up(struct hv_track *t, mfn_t m, bool readonly)
{
    uint32_t key = (uint32_t)m + 1;
    struct hv_count *c = find(t, key);

    if (!c->frame) {
        *c = (struct hv_count){.frame = key};
        t->frames++;
    }
    *(readonly ? &c->ro : &c->rw) += 1;
}

int hv_track_add(struct hv_track *t, const struct hv_handle *what,
                 uint32_t *handle)
{
    uint32_t h;
    int rc;

    if (t->used + t->tables + region_new(t, what->frame) >= t->max)
        return -ENOSPC;
    rc = grow_handles(t);
    if (rc == 0)
        rc = grow_counts(t);
    if (rc < 0)
        return rc;
    h = t->free_head;
    t->free_head = t->handle[h].next;
    t->handle[h] = *what;
    t->handle[h].used = true;
    t->handle[h].ending = false;
    t->used++;
    count_up(t, what->frame, what->readonly);
    hv_track_charge(t, what->frame, 1);
    *handle = h;
    return 0;
}

struct hv_handle *hv_track_get(struct hv_track *t, uint32_t handle)
{
    if (handle >= t->size || !t->handle[handle].used)
        return NULL;
    return &t->handle[handle];
}

void hv_track_del(struct hv_track *t, uint32_t handle)
{
    struct hv_handle *h = &t->handle[handle];

    h->used = false;
    h->next = t->free_head;
    t->free_head = handle;
    t->used--;
}

struct hv_count hv_track_count(const struct hv_track *t, mfn_t m)
{
    const struct hv_count *c = find(t, (uint32_t)m + 1);

    if (!c || !c->frame)
        return (struct hv_count){0};
    return *c;
}

/* Deletion without tombstones: shift back what probing would now miss. */
static void erase(struct hv_track *t, uint32_t hole)
{
    uint32_t mask = t->slots - 1;

    for (uint32_t i = (hole + 1) & mask; t->count[i].frame;
         i = (i + 1) & mask) {
        uint32_t home = hash(t, t->count[i].frame);

        if (((i - home) & mask) >= ((i - hole) & mask)) {
            t->count[hole] = t->count[i];
            hole = i;
        }
    }
    t->count[hole] = (struct hv_count){0};
    t->frames--;
}

void hv_track_drop(struct hv_track *t, mfn_t m, bool readonly)
{
    struct hv_count *c = find(t, (uint32_t)m + 1);

    *(readonly ? &c->ro : &c->rw) -= 1;
    if (c->ro == 0 && c->rw == 0)
        erase(t, (uint32_t)(c - t->count));
}

void hv_track_undrop(struct hv_track *t, mfn_t m, bool readonly)
{
    /* The slot that drop freed is still there: no growth needed. */
    count_up(t, m, readonly);
}
