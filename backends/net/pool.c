/* SPDX-License-Identifier: MIT */
#include "backends/net/pool.h"
#include "backends/common/crash_point.h"
#include "ring/barrier.h"
#include "ring/compiler.h"
#include "ring/error.h"

#include <errno.h>
#include <string.h>

#define MAP_BATCH 64u

/* A kept word: state, READONLY, reference. */
#define FREE     UINT64_C(0)
#define USED     (UINT64_C(1) << 62)
#define NEW      (UINT64_C(2) << 62) /* used, when the request is done */
#define GONE     (UINT64_C(3) << 62) /* free, when the request is done */
#define STATE    (UINT64_C(3) << 62)
#define READONLY (UINT64_C(1) << 32)

static void keep(volatile uint64_t *word, uint64_t value)
{
    WEIR_CRASH_POINT();
    weir_store_release64(word, value);
}

static void insert(struct weir_pool *p, const struct weir_pool_entry *e)
{
    uint32_t i = weir_pool_hash(e->ref);
    while (p->slot[i].addr)
        i = (i + 1) & (WEIR_POOL_SLOTS - 1);
    p->slot[i] = *e;
    p->count++;
}

int weir_pool_add(struct weir_pool *p, const struct weir_pool_entry *e)
{
    struct weir_pool_entry own = *e;
    if (weir_pool_find(p, e->ref))
        return -EEXIST;
    if (p->count == WEIR_POOL_MAX)
        return -ENOSPC;
    /* Fewer words than there are belong to entries; no request both removes
     * and adds. */
    while (p->kept[p->next] != FREE)
        p->next = (p->next + 1) % WEIR_POOL_MAX;
    own.at = (uint16_t)p->next;
    keep(&p->kept[own.at], NEW | (e->readonly ? READONLY : 0) | e->ref);
    insert(p, &own);
    return 0;
}

/* Entries behind a freed slot move up, so that find may stop at a hole. */
static void close_gap(struct weir_pool *p, uint32_t hole)
{
    const uint32_t mask = WEIR_POOL_SLOTS - 1;
    for (uint32_t i = (hole + 1) & mask; p->slot[i].addr; i = (i + 1) & mask) {
        uint32_t home = weir_pool_hash(p->slot[i].ref);
        if (((i - home) & mask) < ((i - hole) & mask))
            continue; /* its home lies behind the hole */
        p->slot[hole] = p->slot[i];
        p->slot[i].addr = NULL;
        hole = i;
    }
}

int weir_pool_remove(struct weir_pool *p, grant_ref_t ref,
                     struct weir_pool_entry *out)
{
    const struct weir_pool_entry *e = weir_pool_find(p, ref);
    if (!e)
        return -ENOENT;
    *out = *e;
    uint64_t was = p->kept[out->at];
    keep(&p->kept[out->at], (was & STATE) == NEW ? FREE : was | GONE);
    uint32_t i = (uint32_t)(e - p->slot);
    p->slot[i].addr = NULL;
    p->count--;
    close_gap(p, i);
    return 0;
}

void weir_pool_settle(volatile uint64_t *kept, bool done)
{
    for (uint32_t i = 0; i < WEIR_POOL_MAX; i++) {
        uint64_t w = kept[i], state = w & STATE;
        if (state == NEW || state == GONE)
            keep(&kept[i], done == (state == NEW) ? (w & ~STATE) | USED : FREE);
        else if (state == FREE && w != FREE)
            keep(&kept[i], FREE);
    }
}

/* Words from..from+n-1 that are in use: op and at of each; how many. */
static uint32_t collect(const struct weir_pool *p, uint32_t from, domid_t dom,
                        struct weir_map_op *op, uint16_t *at)
{
    uint32_t n = 0;
    memset(op, 0, MAP_BATCH * sizeof(*op));
    for (uint32_t i = from; i < from + MAP_BATCH; i++) {
        uint64_t w = p->kept[i];
        if (w == FREE)
            continue;
        op[n].dom = dom;
        op[n].ref = (grant_ref_t)w;
        op[n].readonly = w & READONLY;
        op[n].status = -WEIR_EIO;
        at[n++] = (uint16_t)i;
    }
    return n;
}

void weir_pool_restore(struct weir_pool *p, struct weir_port *port, domid_t dom)
{
    struct weir_map_op op[MAP_BATCH];
    uint16_t at[MAP_BATCH];
    for (uint32_t from = 0; from < WEIR_POOL_MAX; from += MAP_BATCH) {
        uint32_t n = collect(p, from, dom, op, at);
        bool failed = n && port->ops->map(port, op, n);
        for (uint32_t i = 0; i < n; i++) {
            struct weir_pool_entry e = {.addr = op[i].addr,
                                        .ref = op[i].ref,
                                        .handle = op[i].handle,
                                        .readonly = op[i].readonly,
                                        .at = at[i]};
            if (!failed && !op[i].status && !weir_pool_find(p, e.ref)) {
                insert(p, &e);
                continue;
            }
            if (!failed && !op[i].status)
                weir_pool_unmap(&e, 1, port);
            keep(&p->kept[at[i]], FREE);
        }
    }
}

void weir_pool_unmap(const struct weir_pool_entry *e, uint32_t n,
                     struct weir_port *port)
{
    struct weir_unmap_op op[64];
    unsigned pending = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!e[i].addr)
            continue;
        op[pending++] =
            (struct weir_unmap_op){.addr = e[i].addr, .handle = e[i].handle};
        if (pending == WEIR_ARRAY_SIZE(op)) {
            port->ops->unmap(port, op, pending);
            pending = 0;
        }
    }
    if (pending)
        port->ops->unmap(port, op, pending);
}

void weir_pool_clear(struct weir_pool *p, struct weir_port *port)
{
    weir_pool_unmap(p->slot, WEIR_POOL_SLOTS, port);
    memset(p->slot, 0, sizeof(p->slot));
    p->count = 0;
}
