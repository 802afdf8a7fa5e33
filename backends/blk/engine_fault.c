/* SPDX-License-Identifier: MIT
 *
 * Wraps another engine and spoils every so many I/Os; for tests.  The order
 * in which faults are dealt out is the order of submission, so a test knows
 * which request each one hits.
 */
#include "backends/blk/engine.h"

#include <errno.h>
#include <string.h>

static bool hits(unsigned every, unsigned count)
{
    return every != 0 && count % every == 0;
}

/* The I/O as the inner engine sees it ends short: fewer iovecs' bytes. */
static void cut(struct weir_blk_io *io)
{
    io->result = io->result > 512 ? io->result / 2 / 512 * 512 : 0;
}

static int fault_submit(struct weir_blk_engine *e, struct weir_blk_io **io,
                        unsigned n)
{
    struct weir_blk_faults *f = e->faults;
    int took;

    if (hits(f->refuse_every, ++f->calls))
        return 0;
    if (hits(f->error_every, f->count + 1)) {
        f->count++;
        return -EIO;
    }
    took = e->inner->ops->submit(e->inner, io, n > 0 ? 1 : 0);
    if (took > 0) {
        f->count++;
        e->inflight++;
    }
    return took;
}

static unsigned fault_reap(struct weir_blk_engine *e, struct weir_blk_io **done,
                           unsigned max)
{
    struct weir_blk_faults *f = e->faults;
    unsigned n = 0;

    if (f->late != NULL && --f->late_left == 0 && max > 0) {
        done[n++] = f->late;
        f->late = NULL;
    }
    if (n < max)
        n += e->inner->ops->reap(e->inner, done + n, max - n);
    for (unsigned i = 0; i < n; i++) {
        if (f->short_every != 0 && done[i]->op != WEIR_BLK_IO_SYNC &&
            hits(f->short_every, ++f->calls))
            cut(done[i]);
    }
    if (n > 0 && f->late == NULL && hits(f->delay_every, ++f->calls)) {
        f->late = done[--n];
        f->late_left = f->delay + 1;
    }
    e->inflight -= n;
    return n;
}

static bool fault_arm(struct weir_blk_engine *e, uint64_t *nap_ns)
{
    if (e->faults->late != NULL) {
        *nap_ns = 0;
        return true;
    }
    return e->inner->ops->arm(e->inner, nap_ns);
}

static void fault_woke(struct weir_blk_engine *e)
{
    e->inner->ops->woke(e->inner);
}

static const struct weir_blk_engine_ops fault_ops = {
    .name = "fault",
    .submit = fault_submit,
    .reap = fault_reap,
    .arm = fault_arm,
    .woke = fault_woke,
};

void weir_blk_engine_fault(struct weir_blk_engine *e,
                           struct weir_blk_engine *inner,
                           struct weir_blk_faults *faults)
{
    memset(e, 0, sizeof(*e));
    e->ops = &fault_ops;
    e->fd = inner->fd;
    e->event_fd = inner->event_fd;
    e->inner = inner;
    e->faults = faults;
}
