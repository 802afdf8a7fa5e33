/* SPDX-License-Identifier: MIT
 *
 * Grant hypercalls.  A batch takes the machine's lock twice: to decide and
 * count, then (after the calls into the domain's window, which it may make
 * slow) to finish.  Between the two a frame cannot change hands: its map count
 * is up.
 */
#include "hypervisor/hypercall.h"

#include <errno.h>
#include <string.h>

/* Frames to be made accessible, in runs. */
struct present {
    mfn_t frame[WEIR_HV_BATCH];
    bool readonly[WEIR_HV_BATCH];
    unsigned n;
};

/* With two windows a frame shows in one of them only.  A mapping the other way
 * may end soon; an own frame is read-write for good. */
static int mixes(const struct hv_domain *d, bool own, struct hv_count had,
                 bool readonly)
{
    if (weir_pagewin_one_window(d->win))
        return WEIR_GNTST_OKAY;
    if (readonly && own)
        return WEIR_GNTST_GENERAL_ERROR;
    return (readonly ? had.rw : had.ro) != 0 ? WEIR_GNTST_EAGAIN
                                             : WEIR_GNTST_OKAY;
}

static int map_one(struct hv_domain *d, const uint8_t *in, uint8_t *out,
                   struct present *todo)
{
    struct hv_handle e = {
        .granter = weir_le16(in),
        .readonly = weir_le16(in + 2) & WEIR_HV_MAP_READONLY,
        .ref = weir_le32(in + 4),
    };
    struct hv_scrub none; /* it is granted: its owner has it */
    struct hv_count had;
    uint32_t handle = 0;
    int status;
    bool own;

    if (weir_le16(in + 2) & ~WEIR_HV_MAP_READONLY)
        return WEIR_GNTST_GENERAL_ERROR;
    status = hv_use_begin(d, &e, &handle);
    if (status != WEIR_GNTST_OKAY)
        return status;
    had = hv_track_count(&d->track, e.frame);
    *(e.readonly ? &had.ro : &had.rw) -= 1;
    own = hv_own_frame(d, e.frame);
    status = mixes(d, own, had, e.readonly);
    if (status != WEIR_GNTST_OKAY) {
        none.n = 0;
        hv_track_drop(&d->track, e.frame, e.readonly);
        hv_use_end(d, handle, &none);
        return status;
    }
    if (!own && had.rw == 0 && (had.ro == 0 || !e.readonly)) {
        todo->frame[todo->n] = e.frame;
        todo->readonly[todo->n++] = e.readonly;
    }
    weir_put32(out + 4, handle);
    weir_put64(out + 8, e.frame);
    return WEIR_GNTST_OKAY;
}

static int present_all(struct hv_domain *d, const struct present *t)
{
    for (unsigned i = 0, n; i < t->n; i += n) {
        int rc;

        for (n = 1; i + n < t->n && t->frame[i + n] == t->frame[i] + n &&
                    t->readonly[i + n] == t->readonly[i];)
            n++;
        rc = weir_pagewin_present(d->win, t->frame[i], n, t->readonly[i], NULL);
        if (rc < 0) {
            hv_window_failed(d, t->frame[i], n, rc);
            return rc;
        }
    }
    return 0;
}

int hv_op_map(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    struct present todo = {.n = 0};

    memset(r->p, 0, (size_t)q->count * WEIR_HV_MAP_REP);
    pthread_mutex_lock(&d->m->lock);
    for (unsigned i = 0; i < q->count; i++) {
        uint8_t *out = r->p + (size_t)i * WEIR_HV_MAP_REP;

        weir_put32(out, (uint32_t)map_one(d, q->p + (size_t)i * WEIR_HV_MAP_REQ,
                                          out, &todo));
    }
    pthread_mutex_unlock(&d->m->lock);
    r->count = q->count;
    r->len = (size_t)q->count * WEIR_HV_MAP_REP;
    /* When this fails the domain ends, and its mappings with it. */
    return present_all(d, &todo);
}

struct unmap {
    uint32_t handle[WEIR_HV_BATCH];
    int status[WEIR_HV_BATCH];  /* GNTST */
    bool check[WEIR_HV_BATCH];  /* the last one of its frame: look */
    mfn_t frame[WEIR_HV_BATCH]; /* to look at: nframes of them */
    unsigned nframes;
    mfn_t weaken[WEIR_HV_BATCH]; /* to become read-only */
    unsigned nweaken;
};

/* Take each element off the counts; note what its page must now show. */
static void unmap_decide(struct hv_domain *d, struct unmap *u, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct hv_handle *h = hv_track_get(&d->track, u->handle[i]);
        struct hv_count now;

        if (!h || h->ending) {
            u->status[i] = WEIR_GNTST_BAD_HANDLE;
            continue;
        }
        h->ending = true;
        hv_track_drop(&d->track, h->frame, h->readonly);
        if (hv_own_frame(d, h->frame))
            continue;
        now = hv_track_count(&d->track, h->frame);
        if (now.ro == 0 && now.rw == 0) {
            u->check[i] = true;
            u->frame[u->nframes++] = h->frame;
        } else if (!h->readonly && now.rw == 0) {
            u->weaken[u->nweaken++] = h->frame;
        }
    }
}

/* Frames mapped read-write and read-only lose the former; also one whose last
 * mapping this batch wants to end: if its page turns out to be there still,
 * that mapping stays, and is the read-only one. */
static int weaken(struct hv_domain *d, const struct unmap *u)
{
    for (unsigned i = 0; i < u->nweaken; i++) {
        int rc = weir_pagewin_protect(d->win, u->weaken[i], 1);

        if (rc < 0 && rc != -ENOENT) {
            hv_window_failed(d, u->weaken[i], 1, rc);
            return rc;
        }
    }
    return 0;
}

/* seen NULL: no page is known to have lost anything, so no mapping ends. */
static void unmap_finish(struct hv_domain *d, struct unmap *u, unsigned count,
                         const int *seen, struct hv_scrub *s)
{
    for (unsigned i = 0, looked = 0; i < count; i++) {
        struct hv_handle *h;

        if (u->status[i] != WEIR_GNTST_OKAY)
            continue;
        h = hv_track_get(&d->track, u->handle[i]);
        if (!seen || (u->check[i] && seen[looked++] != 0)) {
            hv_track_undrop(&d->track, h->frame, h->readonly);
            h->ending = false;
            u->status[i] = WEIR_GNTST_BAD_VIRT_ADDR;
            continue;
        }
        hv_use_end(d, u->handle[i], s);
    }
}

int hv_op_unmap(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    struct unmap u = {.nframes = 0};
    struct hv_scrub s = {.n = 0};
    int seen[WEIR_HV_BATCH], rc = 0;

    for (unsigned i = 0; i < q->count; i++)
        u.handle[i] = weir_le32(q->p + (size_t)i * WEIR_HV_UNMAP_REQ);
    pthread_mutex_lock(&d->m->lock);
    unmap_decide(d, &u, q->count);
    pthread_mutex_unlock(&d->m->lock);
    if (u.nframes)
        rc = weir_pagewin_check_unmapped(d->win, u.frame, u.nframes, seen);
    if (rc == 0)
        rc = weaken(d, &u);
    pthread_mutex_lock(&d->m->lock);
    unmap_finish(d, &u, q->count, rc == 0 ? seen : NULL, &s);
    pthread_mutex_unlock(&d->m->lock);
    hv_scrub(d->m, &s);
    for (unsigned i = 0; i < q->count; i++)
        weir_put32(r->p + (size_t)i * WEIR_HV_STATUS_REP,
                   (uint32_t)u.status[i]);
    r->count = q->count;
    r->len = (size_t)q->count * WEIR_HV_STATUS_REP;
    return rc;
}

int hv_op_copy(struct hv_domain *d, struct hv_request *q, struct hv_reply *r)
{
    for (unsigned i = 0; i < q->count; i++) {
        struct weir_hv_copy_elem c;
        int status;

        weir_hv_get_copy(q->p + (size_t)i * WEIR_HV_COPY_REQ, &c);
        /* One element at a time: a page is the longest the lock is held. */
        pthread_mutex_lock(&d->m->lock);
        status = hv_use_copy(d, &c);
        pthread_mutex_unlock(&d->m->lock);
        weir_put32(r->p + (size_t)i * WEIR_HV_STATUS_REP, (uint32_t)status);
    }
    r->count = q->count;
    r->len = (size_t)q->count * WEIR_HV_STATUS_REP;
    return 0;
}
