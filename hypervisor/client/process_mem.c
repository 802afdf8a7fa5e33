/* SPDX-License-Identifier: MIT
 *
 * Process port: own pages, grant table, grants of others.
 *
 * A page that leaves the window is dropped here (MADV_DONTNEED, a call a run)
 * before weir-hv is told, and only when no other mapping of ours shows it: a
 * frame has one address, however often it is mapped.
 */
#include "hypervisor/client/process_call.h"

#include "ring/gntst.h"

#include <errno.h>
#include <sys/mman.h>

static int status_of(int32_t gntst)
{
    /* Still in our page table: only a process domain's unmap says so. */
    return gntst == WEIR_GNTST_BAD_VIRT_ADDR ? -WEIR_EBUSY
                                             : weir_gntst_error(gntst);
}

mfn_t weir_process_frame(struct weir_port *p, const void *page)
{
    const struct weir_process *d = weir_process_of(p);
    const uint8_t *at = page, *base = d->window.base;

    if (at < base || at >= base + d->window.size)
        base = d->window.ro_base;
    return (mfn_t)(at - base) >> WEIR_PAGE_SHIFT;
}

/* The reply begins with the first of count frames that are ours now. */
static void *own_pages(struct weir_process *d, unsigned count)
{
    mfn_t frame = weir_le64(weir_process_result(d));

    for (unsigned i = 0; i < count; i++)
        d->maps[frame + i] = 1;
    return weir_window_at(&d->window, frame, false);
}

int weir_process_alloc(struct weir_port *p, unsigned count, void **first)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {.op = WEIR_HV_ALLOC, .len = 8, .want = 8};
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_put32(weir_process_args(d), count);
    weir_put32(weir_process_args(d) + 4, 0);
    rc = d->sealed ? weir_process_call(d, &m) : -WEIR_EPERM;
    if (rc == 0)
        *first = own_pages(d, count);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_keep(struct weir_port *p, uint64_t key, unsigned count,
                      void **first, bool *found)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {
        .op = WEIR_HV_KEEP, .len = WEIR_HV_KEEP_REQ, .want = WEIR_HV_KEEP_REP};
    uint8_t *a = weir_process_args(d);
    int rc;

    pthread_mutex_lock(&d->lock);
    weir_put64(a, key);
    weir_put32(a + 8, count);
    weir_put32(a + 12, 0);
    rc = d->sealed ? weir_process_call(d, &m) : -WEIR_EPERM;
    if (rc == 0) {
        *first = own_pages(d, count);
        *found = weir_le32(weir_process_result(d) + 8) != 0;
    }
    pthread_mutex_unlock(&d->lock);
    return rc;
}

int weir_process_forget_kept(struct weir_port *p)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {.op = WEIR_HV_FORGET};
    int rc;

    pthread_mutex_lock(&d->lock);
    rc = d->sealed ? weir_process_call(d, &m) : -WEIR_EPERM;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

void weir_process_free(struct weir_port *p, void *first, unsigned count)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {.op = WEIR_HV_FREE, .len = 16};
    mfn_t frame = weir_process_frame(p, first);
    uint8_t *a = weir_process_args(d);
    int rc;

    if (count == 0)
        return;
    pthread_mutex_lock(&d->lock);
    weir_window_drop(&d->window, frame, count, false);
    weir_put64(a, frame);
    weir_put32(a + 8, count);
    weir_put32(a + 12, 0);
    rc = weir_process_call(d, &m);
    for (unsigned i = 0; rc == 0 && i < count; i++)
        d->maps[frame + i] = 0;
    pthread_mutex_unlock(&d->lock);
    if (rc < 0)
        weir_process_log(p, WEIR_LOG_ERROR,
                         "pages were not taken back by weir-hv: kept");
}

int weir_process_grant_table(struct weir_port *p, bool grow,
                             volatile struct weir_grant_entry_v1 **entries,
                             uint32_t *count)
{
    struct weir_process *d = weir_process_of(p);
    struct weir_process_msg m = {
        .op = WEIR_HV_GRANT_TABLE, .len = 8, .want = 16};
    uint32_t want = d->grant_frames;
    int rc = 0;

    if (!d->sealed)
        return -WEIR_EPERM;
    pthread_mutex_lock(&d->lock);
    if (grow) {
        want = d->grant_frames * 2;
        if (want > d->hello.max_grants)
            want = d->hello.max_grants;
        weir_put32(weir_process_args(d), want);
        weir_put32(weir_process_args(d) + 4, 0);
        rc = want == d->grant_frames ? -WEIR_ENOSPC : weir_process_call(d, &m);
        if (rc == 0)
            d->grant_frames = want;
    }
    *entries = weir_window_at(&d->window, d->hello.grant_frame, false);
    *count = d->grant_frames * WEIR_GRANTS_PER_FRAME;
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static void map_results(struct weir_process *d, struct weir_map_op *ops,
                        unsigned n)
{
    const uint8_t *r = weir_process_result(d);

    for (unsigned i = 0; i < n; i++, r += WEIR_HV_MAP_REP) {
        mfn_t frame = weir_le64(r + 8);

        ops[i].status = status_of((int32_t)weir_le32(r));
        if (ops[i].status)
            continue;
        d->maps[frame]++;
        ops[i].handle = weir_le32(r + 4);
        ops[i].addr = weir_window_at(&d->window, frame, ops[i].readonly);
    }
}

static int map_some(struct weir_process *d, struct weir_map_op *ops, unsigned n)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_MAP,
        .count = n,
        .len = (size_t)n * WEIR_HV_MAP_REQ,
        .want = (size_t)n * WEIR_HV_MAP_REP,
    };
    uint8_t *a = weir_process_args(d);
    int rc;

    for (unsigned i = 0; i < n; i++, a += WEIR_HV_MAP_REQ) {
        weir_put16(a, ops[i].dom);
        weir_put16(a + 2, ops[i].readonly ? WEIR_HV_MAP_READONLY : 0);
        weir_put32(a + 4, ops[i].ref);
    }
    rc = weir_process_call(d, &m);
    if (rc == 0)
        map_results(d, ops, n);
    return rc;
}

int weir_process_map(struct weir_port *p, struct weir_map_op *ops, unsigned n)
{
    struct weir_process *d = weir_process_of(p);
    int rc = d->sealed ? 0 : -WEIR_EPERM;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < n && rc == 0; i += WEIR_HV_BATCH)
        rc =
            map_some(d, ops + i, n - i < WEIR_HV_BATCH ? n - i : WEIR_HV_BATCH);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

/* Frames no mapping of ours shows any more, from ops[i] on, as one run: its
 * length, 0 when ops[i] is not to be dropped. */
static unsigned run_of(struct weir_process *d, const struct weir_unmap_op *ops,
                       unsigned i, unsigned n)
{
    const uint8_t *at = ops[i].addr;
    unsigned len = 0;

    while (i + len < n &&
           (const uint8_t *)ops[i + len].addr ==
               at + (size_t)len * WEIR_PAGE_SIZE &&
           d->maps[weir_process_frame(&d->port, ops[i + len].addr)] == 0)
        len++;
    return len;
}

static void drop_pages(struct weir_process *d, const struct weir_unmap_op *ops,
                       unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        d->maps[weir_process_frame(&d->port, ops[i].addr)]--;
    for (unsigned i = 0, len; i < n; i += len ? len : 1) {
        const uint8_t *at = ops[i].addr;
        bool ro = at < d->window.base || at >= d->window.base + d->window.size;

        len = run_of(d, ops, i, n);
        if (len)
            weir_window_drop(&d->window, weir_process_frame(&d->port, at), len,
                             ro);
    }
}

static int unmap_some(struct weir_process *d, struct weir_unmap_op *ops,
                      unsigned n)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_UNMAP,
        .count = n,
        .len = (size_t)n * WEIR_HV_UNMAP_REQ,
        .want = (size_t)n * WEIR_HV_STATUS_REP,
    };
    int rc;

    drop_pages(d, ops, n);
    for (unsigned i = 0; i < n; i++)
        weir_put32(weir_process_args(d) + (size_t)i * WEIR_HV_UNMAP_REQ,
                   ops[i].handle);
    rc = weir_process_call(d, &m);
    for (unsigned i = 0; i < n && rc == 0; i++) {
        const uint8_t *r =
            weir_process_result(d) + (size_t)i * WEIR_HV_STATUS_REP;

        ops[i].status = status_of((int32_t)weir_le32(r));
        if (ops[i].status)
            d->maps[weir_process_frame(&d->port, ops[i].addr)]++;
    }
    return rc;
}

int weir_process_unmap(struct weir_port *p, struct weir_unmap_op *ops,
                       unsigned n)
{
    struct weir_process *d = weir_process_of(p);
    int rc = d->sealed ? 0 : -WEIR_EPERM;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < n && rc == 0; i += WEIR_HV_BATCH)
        rc = unmap_some(d, ops + i,
                        n - i < WEIR_HV_BATCH ? n - i : WEIR_HV_BATCH);
    pthread_mutex_unlock(&d->lock);
    return rc;
}

static uint64_t copy_target(struct weir_port *p, const struct weir_copy_end *e)
{
    return e->is_grant ? e->ref : weir_process_frame(p, e->page);
}

static int copy_some(struct weir_process *d, struct weir_copy_op *ops,
                     unsigned n)
{
    struct weir_process_msg m = {
        .op = WEIR_HV_COPY,
        .count = n,
        .len = (size_t)n * WEIR_HV_COPY_REQ,
        .want = (size_t)n * WEIR_HV_STATUS_REP,
    };
    uint8_t *a = weir_process_args(d);
    int rc;

    for (unsigned i = 0; i < n; i++, a += WEIR_HV_COPY_REQ) {
        const struct weir_copy_op *o = &ops[i];
        struct weir_hv_copy_elem e = {
            .src = copy_target(&d->port, &o->src),
            .dst = copy_target(&d->port, &o->dst),
            .src_dom = o->src.dom,
            .dst_dom = o->dst.dom,
            .src_off = o->src.offset,
            .dst_off = o->dst.offset,
            .len = o->len,
        };

        if (o->src.is_grant)
            e.flags |= WEIR_HV_COPY_SRC_GREF;
        if (o->dst.is_grant)
            e.flags |= WEIR_HV_COPY_DST_GREF;
        weir_hv_put_copy(a, &e);
    }
    rc = weir_process_call(d, &m);
    for (unsigned i = 0; i < n && rc == 0; i++)
        ops[i].status = status_of((int32_t)weir_le32(
            weir_process_result(d) + (size_t)i * WEIR_HV_STATUS_REP));
    return rc;
}

int weir_process_copy(struct weir_port *p, struct weir_copy_op *ops, unsigned n)
{
    struct weir_process *d = weir_process_of(p);
    int rc = d->sealed ? 0 : -WEIR_EPERM;

    pthread_mutex_lock(&d->lock);
    for (unsigned i = 0; i < n && rc == 0; i += WEIR_HV_BATCH)
        rc = copy_some(d, ops + i,
                       n - i < WEIR_HV_BATCH ? n - i : WEIR_HV_BATCH);
    pthread_mutex_unlock(&d->lock);
    return rc;
}
