/* SPDX-License-Identifier: MIT
 *
 * The guest port: own grant table, other domains' pages.
 */
#include "frontends/guest/port_guest_priv.h"

#include "ring/gntst.h"

#define BATCH     16u /* elements of one hypercall, on the stack */
#define FIRST_MAP WEIR_GUEST_WINDOW_MIN
#define NO_SLOT   UINT32_MAX

static int grant_op(struct weir_port_guest *pg, enum weir_gnttab_op op,
                    void *elements, unsigned n)
{
    return (int)weir_pg_call_(pg, WEIR_HYPERCALL_GRANT_TABLE_OP, op, elements,
                              n);
}

int weir_pg_table_open_(struct weir_port_guest *pg)
{
    struct weir_gnttab_query_size q = {.dom = WEIR_DOMID_SELF};
    uint32_t maps = pg->platform.window_pages - FIRST_MAP;
    int err = grant_op(pg, WEIR_GNTTABOP_QUERY_SIZE, &q, 1);

    if (err == 0)
        err = weir_gntst_error(q.status);
    if (err != 0)
        return err;
    pg->nmaps = maps < WEIR_GUEST_MAPS ? maps : WEIR_GUEST_MAPS;
    pg->table_max = q.max_nr_frames < WEIR_GUEST_TABLE_FRAMES
                        ? q.max_nr_frames
                        : WEIR_GUEST_TABLE_FRAMES;
    err = weir_pg_place_(pg, WEIR_XENMAPSPACE_GRANT_TABLE, 0, 1);
    if (err == 0)
        pg->table_frames = 1;
    return err;
}

/* The frames that the table has already are placed as they are asked for,
 * like new ones. */
int weir_pg_grant_table_(struct weir_port *p, bool grow,
                         volatile struct weir_grant_entry_v1 **entries,
                         uint32_t *count)
{
    struct weir_port_guest *pg = weir_pg_of_(p);
    int err = 0;

    weir_spin_lock(&pg->lock);
    if (grow && pg->table_frames < pg->table_max) {
        err = weir_pg_place_(pg, WEIR_XENMAPSPACE_GRANT_TABLE, pg->table_frames,
                             1 + pg->table_frames);
        if (err == 0)
            pg->table_frames++;
    } else if (grow) {
        err = -WEIR_ENOSPC;
    }
    *entries = weir_pg_window_(pg, 1);
    *count = pg->table_frames * WEIR_GRANTS_PER_FRAME;
    weir_spin_unlock(&pg->lock);
    return err;
}

/* ---- foreign pages ---- */

static uint32_t slot_take(struct weir_port_guest *pg)
{
    uint32_t found = NO_SLOT;

    weir_spin_lock(&pg->lock);
    for (uint32_t w = 0; w * 64 < pg->nmaps && found == NO_SLOT; w++) {
        uint32_t slot;

        if (pg->maps[w] == UINT64_MAX)
            continue;
        slot = w * 64 + (uint32_t)__builtin_ctzll(~pg->maps[w]);
        if (slot >= pg->nmaps)
            break;
        pg->maps[w] |= UINT64_C(1) << slot % 64;
        found = slot;
    }
    weir_spin_unlock(&pg->lock);
    return found;
}

static void slot_give(struct weir_port_guest *pg, uint32_t slot)
{
    weir_spin_lock(&pg->lock);
    pg->maps[slot / 64] &= ~(UINT64_C(1) << slot % 64);
    weir_spin_unlock(&pg->lock);
}

static uint64_t slot_gpa(struct weir_port_guest *pg, uint32_t slot)
{
    return (pg->platform.window_gfn + FIRST_MAP + slot) << WEIR_PAGE_SHIFT;
}

/* NO_SLOT when addr is not of a mapping. */
static uint32_t slot_of(struct weir_port_guest *pg, const void *addr)
{
    uintptr_t first = (uintptr_t)weir_pg_window_(pg, FIRST_MAP);
    uintptr_t slot = ((uintptr_t)addr - first) >> WEIR_PAGE_SHIFT;

    if ((uintptr_t)addr < first || slot >= pg->nmaps ||
        !(pg->maps[slot / 64] >> slot % 64 & 1))
        return NO_SLOT;
    return (uint32_t)slot;
}

/* A batch: n <= BATCH.  Elements without a slot are left out. */
static int map_some(struct weir_port_guest *pg, struct weir_map_op *ops,
                    unsigned n)
{
    struct weir_gnttab_map_grant_ref e[BATCH];
    uint32_t slot[BATCH];
    unsigned used = 0;
    int err = 0;

    for (unsigned i = 0; i < n; i++) {
        slot[i] = slot_take(pg);
        ops[i].status = -WEIR_ENOSPC;
        if (slot[i] == NO_SLOT)
            continue;
        e[used++] = (struct weir_gnttab_map_grant_ref){
            .host_addr = slot_gpa(pg, slot[i]),
            .flags = WEIR_GNTMAP_HOST_MAP |
                     (ops[i].readonly ? WEIR_GNTMAP_READONLY : 0),
            .ref = ops[i].ref,
            .dom = ops[i].dom,
            .status = WEIR_GNTST_GENERAL_ERROR,
        };
    }
    if (used != 0)
        err = grant_op(pg, WEIR_GNTTABOP_MAP_GRANT_REF, e, used);
    used = 0;
    for (unsigned i = 0; i < n; i++) {
        const struct weir_gnttab_map_grant_ref *r;

        if (slot[i] == NO_SLOT)
            continue;
        r = &e[used++];
        ops[i].status = weir_gntst_error(r->status);
        if (ops[i].status != 0) {
            slot_give(pg, slot[i]);
            continue;
        }
        ops[i].addr = weir_pg_window_(pg, FIRST_MAP + slot[i]);
        ops[i].handle = r->handle;
    }
    return err;
}

int weir_pg_map_(struct weir_port *p, struct weir_map_op *ops, unsigned n)
{
    int first = 0;

    for (unsigned at = 0; at < n; at += BATCH) {
        int err =
            map_some(weir_pg_of_(p), ops + at, n - at < BATCH ? n - at : BATCH);

        if (first == 0)
            first = err;
    }
    return first;
}

static int unmap_some(struct weir_port_guest *pg, struct weir_unmap_op *ops,
                      unsigned n)
{
    struct weir_gnttab_unmap_grant_ref e[BATCH];
    uint32_t slot[BATCH];
    unsigned used = 0;
    int err = 0;

    for (unsigned i = 0; i < n; i++) {
        slot[i] = slot_of(pg, ops[i].addr);
        ops[i].status = -WEIR_EBADF;
        if (slot[i] != NO_SLOT)
            e[used++] = (struct weir_gnttab_unmap_grant_ref){
                .host_addr = slot_gpa(pg, slot[i]),
                .handle = ops[i].handle,
                .status = WEIR_GNTST_GENERAL_ERROR,
            };
    }
    if (used != 0)
        err = grant_op(pg, WEIR_GNTTABOP_UNMAP_GRANT_REF, e, used);
    used = 0;
    for (unsigned i = 0; i < n; i++) {
        if (slot[i] == NO_SLOT)
            continue;
        ops[i].status = weir_gntst_error(e[used++].status);
        /* What is still mapped keeps its place. */
        if (ops[i].status == 0)
            slot_give(pg, slot[i]);
    }
    return err;
}

int weir_pg_unmap_(struct weir_port *p, struct weir_unmap_op *ops, unsigned n)
{
    int first = 0;

    for (unsigned at = 0; at < n; at += BATCH) {
        int err = unmap_some(weir_pg_of_(p), ops + at,
                             n - at < BATCH ? n - at : BATCH);

        if (first == 0)
            first = err;
    }
    return first;
}

static struct weir_gnttab_copy_ptr copy_end(struct weir_port_guest *pg,
                                            const struct weir_copy_end *end)
{
    const struct weir_guest_platform *f = &pg->platform;
    struct weir_gnttab_copy_ptr p = {
        .domid = end->is_grant ? end->dom : WEIR_DOMID_SELF,
        .offset = end->offset,
    };

    if (end->is_grant)
        p.u.ref = end->ref;
    else
        p.u.gmfn = f->ops->gfn(f->context, end->page);
    return p;
}

static int copy_some(struct weir_port_guest *pg, struct weir_copy_op *ops,
                     unsigned n)
{
    struct weir_gnttab_copy e[BATCH];
    int err;

    for (unsigned i = 0; i < n; i++)
        e[i] = (struct weir_gnttab_copy){
            .source = copy_end(pg, &ops[i].src),
            .dest = copy_end(pg, &ops[i].dst),
            .len = ops[i].len,
            .flags = (ops[i].src.is_grant ? WEIR_GNTCOPY_SOURCE_GREF : 0) |
                     (ops[i].dst.is_grant ? WEIR_GNTCOPY_DEST_GREF : 0),
            .status = WEIR_GNTST_GENERAL_ERROR,
        };
    err = grant_op(pg, WEIR_GNTTABOP_COPY, e, n);
    for (unsigned i = 0; i < n; i++)
        ops[i].status = weir_gntst_error(e[i].status);
    return err;
}

int weir_pg_copy_(struct weir_port *p, struct weir_copy_op *ops, unsigned n)
{
    int first = 0;

    for (unsigned at = 0; at < n; at += BATCH) {
        int err = copy_some(weir_pg_of_(p), ops + at,
                            n - at < BATCH ? n - at : BATCH);

        if (first == 0)
            first = err;
    }
    return first;
}
