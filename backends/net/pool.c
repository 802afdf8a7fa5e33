/* SPDX-License-Identifier: MIT */
#include "backends/net/pool.h"
#include "ring/compiler.h"

#include <errno.h>
#include <string.h>

int weir_pool_add(struct weir_pool *p, const struct weir_pool_entry *e)
{
    if (weir_pool_find(p, e->ref))
        return -EEXIST;
    if (p->count == WEIR_POOL_MAX)
        return -ENOSPC;
    uint32_t i = weir_pool_hash(e->ref);
    while (p->slot[i].addr)
        i = (i + 1) & (WEIR_POOL_SLOTS - 1);
    p->slot[i] = *e;
    p->count++;
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
    uint32_t i = (uint32_t)(e - p->slot);
    p->slot[i].addr = NULL;
    p->count--;
    close_gap(p, i);
    return 0;
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
    memset(p, 0, sizeof(*p));
}
