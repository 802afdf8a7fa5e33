/* SPDX-License-Identifier: MIT
 *
 * Hypercalls about the domain's own frames.
 */
#include "hypervisor/client/breakable.h"
#include "hypervisor/hypercall.h"

#include <errno.h>

bool hv_own_frame(struct hv_domain *d, mfn_t m)
{
    const struct hv_frame *fr = hv_frames_get(&d->m->frames, m);

    return fr && fr->owner == d->domid &&
           ((weir_broken("kept") && fr->type == HV_FRAME_KEPT) ||
            fr->type == HV_FRAME_RAM || fr->type == HV_FRAME_TABLE ||
            fr->type == HV_FRAME_STORE || fr->type == HV_FRAME_CONSOLE);
}

void hv_unreserve(struct hv_domain *d, mfn_t first, uint32_t count)
{
    struct hv_scrub s = {.n = 0};

    while (count) {
        pthread_mutex_lock(&d->m->lock);
        for (; count && s.n < WEIR_HV_BATCH; first++, count--)
            if (hv_frames_give_back(&d->m->frames, first))
                s.frame[s.n++] = first;
        pthread_mutex_unlock(&d->m->lock);
        hv_scrub(d->m, &s);
    }
}

int hv_alloc_run(struct hv_domain *d, uint32_t count, mfn_t *first)
{
    int rc = count ? hv_domain_reserve(d, count, true, first) : -EINVAL;

    if (rc < 0)
        return rc;
    rc = hv_memory_populate(&d->m->mem, *first, count);
    if (rc < 0) {
        hv_unreserve(d, *first, count);
        return rc;
    }
    hv_track_charge(&d->track, *first, count);
    rc = weir_pagewin_present(d->win, *first, count, false, NULL);
    if (rc == -ENOMEM) {
        /* No page for a page table.  What did appear the hole punch takes
         * out of the domain's page table again. */
        hv_unreserve(d, *first, count);
        return rc;
    }
    if (rc < 0) {
        hv_window_failed(d, *first, count, rc);
        return rc;
    }
    pthread_mutex_lock(&d->m->lock);
    hv_frames_set(&d->m->frames, *first, count, HV_FRAME_RAM);
    pthread_mutex_unlock(&d->m->lock);
    return 0;
}

int hv_op_alloc(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    mfn_t first;
    int rc = hv_alloc_run(d, weir_le32(q->p), &first);

    if (rc < 0)
        return rc;
    weir_put64(r->p, first);
    r->len = 8;
    return 0;
}

/* Up to a batch of frames from RAM to gone. */
static int free_some(struct hv_domain *d, mfn_t first, unsigned count)
{
    struct hv_machine *m = d->m;
    struct hv_scrub s = {.n = 0};
    mfn_t frame[WEIR_HV_BATCH];
    int status[WEIR_HV_BATCH], rc;

    pthread_mutex_lock(&m->lock);
    hv_frames_set(&m->frames, first, count, HV_FRAME_LEAVING);
    pthread_mutex_unlock(&m->lock);
    for (unsigned i = 0; i < count; i++)
        frame[i] = first + i;
    rc = weir_pagewin_check_unmapped(d->win, frame, count, status);
    for (unsigned i = 0; i < count && rc == 0; i++)
        rc = status[i];
    pthread_mutex_lock(&m->lock);
    if (rc < 0)
        hv_frames_set(&m->frames, first, count, HV_FRAME_RAM);
    for (unsigned i = 0; i < count && rc == 0; i++) {
        if (first + i == d->stats)
            d->stats = 0;
        if (hv_frames_give_back(&m->frames, first + i))
            s.frame[s.n++] = first + i;
    }
    pthread_mutex_unlock(&m->lock);
    hv_scrub(m, &s);
    if (rc == 0)
        hv_keep_end(&d->keeps, first, count);
    return rc;
}

/* None but its own thread takes a frame of this kind from a domain. */
static int check_owned(struct hv_domain *d, mfn_t first, unsigned count)
{
    int rc = 0;

    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < count && rc == 0; i++) {
        const struct hv_frame *fr = hv_frames_get(&d->m->frames, first + i);

        if (fr->owner != d->domid || fr->type != HV_FRAME_RAM)
            rc = -EPERM;
    }
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

int hv_op_free(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    mfn_t first = weir_le64(q->p);
    uint32_t count = weir_le32(q->p + 8);
    struct hv_machine *m = d->m;
    int rc = 0;

    (void)r;
    if (count == 0 || first >= m->frames.count ||
        count > m->frames.count - first)
        return -EINVAL;
    for (uint32_t i = 0; i < count && rc == 0; i += WEIR_HV_BATCH)
        rc = check_owned(d, first + i,
                         count - i < WEIR_HV_BATCH ? count - i : WEIR_HV_BATCH);
    while (count && rc == 0) {
        unsigned n = count < WEIR_HV_BATCH ? count : WEIR_HV_BATCH;

        rc = free_some(d, first, n);
        first += n;
        count -= n;
    }
    return rc;
}

int hv_op_stats(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    mfn_t frame = weir_le64(q->p);
    int rc = 0;

    (void)r;
    pthread_mutex_lock(&d->m->lock);
    if (frame && !hv_frames_grantable(&d->m->frames, frame, d->domid))
        rc = -EPERM;
    else
        d->stats = frame;
    pthread_mutex_unlock(&d->m->lock);
    return rc;
}

/* One frame more of the table, and it appears. */
static int extend_table(struct hv_domain *d)
{
    mfn_t frame = d->grants.first + d->grants.frames;
    int rc = hv_table_grow(d);

    if (rc < 0)
        return rc;
    rc = weir_pagewin_present(d->win, frame, 1, false, NULL);
    if (rc < 0)
        hv_window_failed(d, frame, 1, rc);
    else
        hv_track_charge(&d->track, frame, 1);
    return rc;
}

int hv_op_grant_table(struct hv_domain *d, struct hv_request *q,
                      struct hv_reply *r)
{
    uint32_t want = weir_le32(q->p);
    int rc = 0;

    if (want > d->grants.max)
        return -ENOSPC;
    while (d->grants.frames < want && rc == 0)
        rc = extend_table(d);
    weir_put64(r->p, d->grants.first);
    weir_put32(r->p + 8, d->grants.frames);
    weir_put32(r->p + 12, d->grants.max);
    r->len = 16;
    return rc;
}
