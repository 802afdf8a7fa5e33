/* SPDX-License-Identifier: MIT */
#include "hypervisor/grant.h"

#include "ring/barrier.h"
#include "ring/grant_abi.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int hv_grants_init(struct hv_grants *g, domid_t owner, uint32_t max)
{
    memset(g, 0, sizeof(*g));
    if (max == 0 || max > HV_GRANTS_MAX)
        return -EINVAL;
    g->active = calloc(max, sizeof(*g->active));
    if (!g->active)
        return -ENOMEM;
    g->max = max;
    g->owner = owner;
    return 0;
}

void hv_grants_fini(struct hv_grants *g)
{
    for (uint32_t i = 0; i < g->frames; i++)
        free(g->active[i]);
    free(g->active);
    memset(g, 0, sizeof(*g));
}

int hv_grants_extend(struct hv_grants *g)
{
    if (g->frames >= g->max)
        return -ENOSPC;
    g->active[g->frames] = calloc(WEIR_GRANTS_PER_FRAME, sizeof(**g->active));
    if (!g->active[g->frames])
        return -ENOMEM;
    g->frames++;
    return 0;
}

static struct hv_active *active_of(const struct hv_grants *g, grant_ref_t ref)
{
    return &g->active[ref / WEIR_GRANTS_PER_FRAME][ref % WEIR_GRANTS_PER_FRAME];
}

static volatile uint32_t *head_of(const struct hv_grants *g, grant_ref_t ref)
{
    return &g->shared[(size_t)ref * 2];
}

/* Announce a use in the shared entry.  The whole head (flags and grantee) is
 * compared, so the entry validated is the entry marked. */
static int mark(const struct hv_grants *g, grant_ref_t ref, domid_t grantee,
                bool readonly)
{
    volatile uint32_t *head;
    uint32_t seen;

    if (!g->shared)
        return WEIR_GNTST_BAD_DOMAIN;
    head = head_of(g, ref);
    seen = weir_load_relaxed32(head);
    for (int i = 0; i < HV_GRANT_RETRIES; i++) {
        uint32_t now, want = seen | WEIR_GTF_READING;

        if ((seen & WEIR_GTF_TYPE_MASK) != WEIR_GTF_PERMIT_ACCESS ||
            seen >> 16 != grantee)
            return WEIR_GNTST_GENERAL_ERROR;
        if (!readonly) {
            if (seen & WEIR_GTF_READONLY)
                return WEIR_GNTST_GENERAL_ERROR;
            want |= WEIR_GTF_WRITING;
        }
        now = weir_cmpxchg32(head, seen, want);
        if (now == seen)
            return WEIR_GNTST_OKAY;
        seen = now;
    }
    return WEIR_GNTST_GENERAL_ERROR;
}

static void unmark(const struct hv_grants *g, grant_ref_t ref, uint32_t bits)
{
    /* A destroyed domain's table is gone before the last use of it ends. */
    if (g->shared)
        weir_fetch_and32(head_of(g, ref), ~bits);
}

/* The first use: the shared entry decides. */
static int activate(struct hv_grants *g, struct hv_frames *f, grant_ref_t ref,
                    domid_t grantee, bool readonly)
{
    struct hv_active *a = active_of(g, ref);
    int status = mark(g, ref, grantee, readonly);
    mfn_t frame;

    if (status != WEIR_GNTST_OKAY)
        return status;
    frame = weir_load_acquire32(head_of(g, ref) + 1);
    if (g->translate)
        frame = g->translate(g->vm, frame);
    if (!hv_frames_grantable(f, frame, g->owner)) {
        unmark(g, ref, WEIR_GTF_READING | WEIR_GTF_WRITING);
        return WEIR_GNTST_BAD_PAGE;
    }
    a->frame = frame;
    a->grantee = grantee;
    g->in_use++;
    return WEIR_GNTST_OKAY;
}

int hv_grant_acquire(struct hv_grants *g, struct hv_frames *f, grant_ref_t ref,
                     domid_t grantee, bool readonly, mfn_t *frame)
{
    struct hv_active *a;
    int status = WEIR_GNTST_OKAY;

    if (ref >= g->frames * WEIR_GRANTS_PER_FRAME)
        return WEIR_GNTST_BAD_GNTREF;
    a = active_of(g, ref);
    if (a->ro == 0 && a->rw == 0)
        status = activate(g, f, ref, grantee, readonly);
    else if (a->grantee != grantee)
        status = WEIR_GNTST_GENERAL_ERROR;
    /* The frame may have left its owner since: existing uses keep it. */
    else if (!hv_frames_grantable(f, a->frame, g->owner))
        status = WEIR_GNTST_BAD_PAGE;
    else if (!readonly && a->rw == 0)
        status = mark(g, ref, grantee, false);
    if (status != WEIR_GNTST_OKAY)
        return status;
    *(readonly ? &a->ro : &a->rw) += 1;
    *frame = a->frame;
    return WEIR_GNTST_OKAY;
}

void hv_grant_release(struct hv_grants *g, grant_ref_t ref, bool readonly)
{
    struct hv_active *a = active_of(g, ref);
    uint32_t bits = 0;

    *(readonly ? &a->ro : &a->rw) -= 1;
    if (!readonly && a->rw == 0)
        bits |= WEIR_GTF_WRITING;
    if (a->ro == 0 && a->rw == 0) {
        bits |= WEIR_GTF_READING;
        g->in_use--;
    }
    if (bits)
        unmark(g, ref, bits);
}

bool hv_grants_idle(const struct hv_grants *g, grant_ref_t ref, domid_t grantee,
                    mfn_t frame)
{
    const struct hv_active *a = active_of(g, ref);
    bool used = a->ro || a->rw;

    return g->in_use ==
           (used && a->grantee == grantee && a->frame == frame ? 1 : 0);
}

void hv_grant_preset(struct hv_grants *g, grant_ref_t ref, domid_t grantee,
                     mfn_t frame)
{
    volatile uint32_t *head = head_of(g, ref);
    const struct hv_active *a = active_of(g, ref);
    uint32_t flags = WEIR_GTF_PERMIT_ACCESS;

    if (a->ro || a->rw)
        flags |= WEIR_GTF_READING;
    if (a->rw)
        flags |= WEIR_GTF_WRITING;
    weir_store_relaxed32(head + 1, (uint32_t)frame);
    weir_store_release32(head, (uint32_t)grantee << 16 | flags);
}
