/* SPDX-License-Identifier: MIT */
#include "backends/blk/grants.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backends/common/stats.h"

#define NONE    0xffffu
#define BUCKETS 2048u /* power of two */
#define BATCH   512u

struct entry {
    grant_ref_t ref;
    uint32_t handle;
    uint8_t *addr;
    uint32_t users;
    uint16_t chain;        /* next in bucket, or in the free list */
    uint16_t newer, older; /* the list by use */
};

struct weir_blk_grants {
    struct weir_port *port;
    struct weir_dev_stats *stats;
    domid_t dom;
    bool persistent;
    unsigned nmap, nunmap;
    uint16_t free, newest, oldest;
    uint16_t bucket[BUCKETS];
    struct entry entry[WEIR_BLK_PERSISTENT];
    struct weir_map_op map[BATCH];
    struct weir_blk_pin *target[BATCH];
    struct weir_unmap_op unmap[BATCH];
};

static unsigned bucket_of(grant_ref_t ref)
{
    return (ref * 2654435761u) >> 21; /* the upper 11 bits */
}

_Static_assert(BUCKETS == 1u << (32 - 21), "bucket_of yields 0..BUCKETS-1");

struct weir_blk_grants *weir_blk_grants_new(struct weir_port *port, domid_t dom,
                                            bool persistent,
                                            struct weir_dev_stats *stats)
{
    struct weir_blk_grants *g = calloc(1, sizeof(*g));

    if (g == NULL)
        return NULL;
    g->port = port;
    g->dom = dom;
    g->persistent = persistent;
    g->stats = stats;
    g->newest = g->oldest = NONE;
    memset(g->bucket, 0xff, sizeof(g->bucket));
    for (unsigned i = 0; i < WEIR_BLK_PERSISTENT; i++)
        g->entry[i].chain =
            i + 1 < WEIR_BLK_PERSISTENT ? (uint16_t)(i + 1) : (uint16_t)NONE;
    return g;
}

static void unlink_use(struct weir_blk_grants *g, uint16_t i)
{
    struct entry *e = &g->entry[i];

    *(e->newer != NONE ? &g->entry[e->newer].older : &g->newest) = e->older;
    *(e->older != NONE ? &g->entry[e->older].newer : &g->oldest) = e->newer;
}

static void link_newest(struct weir_blk_grants *g, uint16_t i)
{
    struct entry *e = &g->entry[i];

    e->newer = NONE;
    e->older = g->newest;
    *(e->older != NONE ? &g->entry[e->older].newer : &g->oldest) = i;
    g->newest = i;
}

static uint16_t find(const struct weir_blk_grants *g, grant_ref_t ref)
{
    uint16_t i = g->bucket[bucket_of(ref)];

    while (i != NONE && g->entry[i].ref != ref)
        i = g->entry[i].chain;
    return i;
}

static void queue_unmap(struct weir_blk_grants *g, void *addr, uint32_t handle)
{
    if (g->nunmap == BATCH)
        weir_blk_grants_unmap(g);
    g->unmap[g->nunmap].addr = addr;
    g->unmap[g->nunmap].handle = handle;
    g->unmap[g->nunmap++].status = 0;
}

static void drop_entry(struct weir_blk_grants *g, uint16_t i)
{
    struct entry *e = &g->entry[i];
    uint16_t *at = &g->bucket[bucket_of(e->ref)];

    while (*at != i)
        at = &g->entry[*at].chain;
    *at = e->chain;
    unlink_use(g, i);
    queue_unmap(g, e->addr, e->handle);
    e->chain = g->free;
    g->free = i;
    weir_stats_sub(g->stats, WEIR_STAT_PERSISTENT, 1);
}

static uint16_t oldest_idle(const struct weir_blk_grants *g)
{
    uint16_t i = g->oldest;

    while (i != NONE && g->entry[i].users > 0)
        i = g->entry[i].newer;
    return i;
}

unsigned weir_blk_grants_shrink(struct weir_blk_grants *g, unsigned n)
{
    unsigned gone = 0;
    uint16_t i;

    while (gone < n && (i = oldest_idle(g)) != NONE) {
        drop_entry(g, i);
        gone++;
    }
    weir_blk_grants_unmap(g);
    return gone;
}

/* Keep a page that was just mapped, unless the table is full of pages in use
 * or has the reference already (twice in one batch). */
static void keep(struct weir_blk_grants *g, struct weir_blk_pin *pin,
                 grant_ref_t ref)
{
    unsigned b = bucket_of(ref);
    struct entry *e;
    uint16_t i;

    if (!g->persistent || find(g, ref) != NONE)
        return;
    if (g->free == NONE) {
        i = oldest_idle(g);
        if (i == NONE)
            return;
        drop_entry(g, i);
    }
    i = g->free;
    e = &g->entry[i];
    g->free = e->chain;
    e->ref = ref;
    e->addr = pin->addr;
    e->handle = pin->handle;
    e->users = 1;
    e->chain = g->bucket[b];
    g->bucket[b] = i;
    link_newest(g, i);
    pin->entry = i;
    weir_stats_add(g->stats, WEIR_STAT_PERSISTENT, 1);
}

void weir_blk_grants_want(struct weir_blk_grants *g, struct weir_blk_pin *pin,
                          grant_ref_t ref, bool readonly)
{
    uint16_t i = g->persistent ? find(g, ref) : (uint16_t)NONE;
    struct weir_map_op *op;

    if (i != NONE) {
        struct entry *e = &g->entry[i];

        e->users++;
        if (g->newest != i) {
            unlink_use(g, i);
            link_newest(g, i);
        }
        pin->addr = e->addr;
        pin->handle = e->handle;
        pin->entry = i;
        pin->status = 0;
        return;
    }
    if (g->nmap == BATCH)
        weir_blk_grants_map(g);
    op = &g->map[g->nmap];
    op->dom = g->dom;
    op->ref = ref;
    op->readonly = readonly && !g->persistent;
    op->status = -EAGAIN;
    op->addr = NULL;
    op->handle = 0;
    pin->entry = NONE;
    pin->status = -EAGAIN;
    g->target[g->nmap++] = pin;
}

void weir_blk_grants_map(struct weir_blk_grants *g)
{
    unsigned n = g->nmap;
    int err;

    if (n == 0)
        return;
    g->nmap = 0;
    err = g->port->ops->map(g->port, g->map, n);
    weir_stats_add(g->stats, WEIR_STAT_MAPS, n);
    for (unsigned i = 0; i < n; i++) {
        struct weir_blk_pin *pin = g->target[i];

        pin->status = (int16_t)(err != 0 ? err : g->map[i].status);
        if (pin->status != 0)
            continue;
        pin->addr = g->map[i].addr;
        pin->handle = g->map[i].handle;
        keep(g, pin, g->map[i].ref);
    }
}

void weir_blk_grants_release(struct weir_blk_grants *g,
                             struct weir_blk_pin *pin)
{
    if (pin->status != 0)
        return;
    pin->status = -EAGAIN;
    if (pin->entry != NONE)
        g->entry[pin->entry].users--;
    else
        queue_unmap(g, pin->addr, pin->handle);
}

void weir_blk_grants_unmap(struct weir_blk_grants *g)
{
    unsigned n = g->nunmap;

    if (n == 0)
        return;
    g->nunmap = 0;
    g->port->ops->unmap(g->port, g->unmap, n);
}

bool weir_blk_grants_shortage(int status)
{
    return status == -ENOMEM || status == -ENOSPC || status == -EAGAIN ||
           status == -EBUSY;
}

void weir_blk_grants_free(struct weir_blk_grants *g)
{
    if (g == NULL)
        return;
    while (g->newest != NONE)
        drop_entry(g, g->newest);
    weir_blk_grants_unmap(g);
    free(g);
}
