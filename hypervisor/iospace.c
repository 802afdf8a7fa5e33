/* SPDX-License-Identifier: MIT */
#include "hypervisor/iospace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hv_iospace_fini(struct hv_iospace *io)
{
    free(io->range);
    memset(io, 0, sizeof(*io));
}

static int by_place(const void *a, const void *b)
{
    const struct weir_io_range *x = a, *y = b;

    if (x->kind != y->kind)
        return x->kind < y->kind ? -1 : 1;
    return x->first < y->first ? -1 : x->first > y->first;
}

/* Sort, join what touches, store; out has room for n. */
static int store(struct hv_iospace *io, struct weir_io_range *out, unsigned n)
{
    unsigned kept = 0;

    if (n)
        qsort(out, n, sizeof(*out), by_place);
    for (unsigned i = 0; i < n; i++) {
        struct weir_io_range *last = kept ? &out[kept - 1] : NULL;

        if (last && last->kind == out[i].kind &&
            (last->last == UINT64_MAX || out[i].first <= last->last + 1)) {
            if (out[i].last > last->last)
                last->last = out[i].last;
        } else {
            out[kept++] = out[i];
        }
    }
    if (kept > HV_IO_RANGES) {
        free(out);
        return -ENOSPC;
    }
    free(io->range);
    io->range = out;
    io->n = kept;
    return 0;
}

int hv_iospace_permit(struct hv_iospace *io, const struct weir_io_range *r)
{
    struct weir_io_range *out = calloc(io->n + 1, sizeof(*out));

    if (!out)
        return -ENOMEM;
    if (io->n)
        memcpy(out, io->range, io->n * sizeof(*out));
    out[io->n] = *r;
    return store(io, out, io->n + 1);
}

int hv_iospace_deny(struct hv_iospace *io, const struct weir_io_range *r)
{
    struct weir_io_range *out = calloc(io->n + 1, sizeof(*out));
    unsigned n = 0;

    if (!out)
        return -ENOMEM;
    for (unsigned i = 0; i < io->n; i++) {
        struct weir_io_range have = io->range[i];

        if (have.kind != r->kind || have.last < r->first ||
            have.first > r->last) {
            out[n++] = have;
            continue;
        }
        /* At most one range sticks out on both sides: n + 1 suffices. */
        if (have.first < r->first)
            out[n++] =
                (struct weir_io_range){have.kind, have.first, r->first - 1};
        if (have.last > r->last)
            out[n++] =
                (struct weir_io_range){have.kind, r->last + 1, have.last};
    }
    return store(io, out, n);
}

bool hv_iospace_has(const struct hv_iospace *io, const struct weir_io_range *r)
{
    for (unsigned i = 0; i < io->n; i++)
        if (io->range[i].kind == r->kind && io->range[i].first <= r->first &&
            r->last <= io->range[i].last)
            return true;
    return false;
}
