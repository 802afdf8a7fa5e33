/* SPDX-License-Identifier: MIT
 *
 * Hypercalls about frames that outlive a domain's program.
 */
#include "hypervisor/hypercall.h"

#include <errno.h>

/* A predecessor's run appears to this program. */
static int take_over(struct hv_domain *d, struct hv_keep *run)
{
    int rc;

    hv_track_charge(&d->track, run->first, run->count);
    rc = weir_pagewin_present(d->win, run->first, run->count, false, NULL);
    if (rc < 0) {
        /* -ENOMEM: no page for a page table; it may ask again. */
        if (rc != -ENOMEM)
            hv_window_failed(d, run->first, run->count, rc);
        return rc;
    }
    pthread_mutex_lock(&d->m->lock);
    hv_frames_set(&d->m->frames, run->first, run->count, HV_FRAME_RAM);
    pthread_mutex_unlock(&d->m->lock);
    run->asked = true;
    return 0;
}

int hv_op_keep(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    uint64_t key = weir_le64(q->p);
    uint32_t count = weir_le32(q->p + 8);
    struct hv_keep *run = hv_keep_find(&d->keeps, key);
    mfn_t first = run ? run->first : 0;
    int rc;

    if (!run) {
        rc = hv_keep_room(&d->keeps);
        if (rc == 0)
            rc = hv_alloc_run(d, count, &first);
        if (rc == 0)
            hv_keep_add(&d->keeps, key, first, count);
    } else if (run->count != count || run->asked) {
        rc = run->count != count ? -EEXIST : -EBUSY;
    } else {
        rc = take_over(d, run);
    }
    weir_put64(r->p, first);
    weir_put64(r->p + 8, run != NULL);
    r->len = WEIR_HV_KEEP_REP;
    return rc;
}

int hv_op_forget(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    (void)q;
    (void)r;
    for (uint32_t i = 0; i < d->keeps.n;) {
        struct hv_keep run = d->keeps.run[i];

        if (run.asked) {
            i++;
            continue;
        }
        hv_keep_end(&d->keeps, run.first, run.count);
        hv_unreserve(d, run.first, run.count);
    }
    return 0;
}
