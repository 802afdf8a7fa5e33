/* SPDX-License-Identifier: MIT
 *
 * Inside the guest port: port_guest.c (opening, events, time),
 * port_guest_grant.c (grant table, foreign pages).
 */
#ifndef WEIR_FRONTENDS_GUEST_PORT_GUEST_PRIV_H
#define WEIR_FRONTENDS_GUEST_PORT_GUEST_PRIV_H

#include "frontends/guest/port_guest.h"
#include "ring/error.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

static inline struct weir_port_guest *weir_pg_of_(struct weir_port *p)
{
    return (struct weir_port_guest *)p;
}

static inline int64_t weir_pg_call_(struct weir_port_guest *pg, unsigned nr,
                                    uint64_t a1, const void *a2, uint64_t a3)
{
    const uint64_t arg[5] = {a1, (uintptr_t)a2, a3};

    return pg->platform.ops->hypercall(pg->platform.context, nr, arg);
}

/* Page index of the window, and its guest frame number. */
static inline void *weir_pg_window_(struct weir_port_guest *pg, uint32_t index)
{
    return (uint8_t *)pg->platform.window + (size_t)index * WEIR_PAGE_SIZE;
}

/* port_guest.c: put a frame of the hypervisor's (space, idx) at a page of the
 * window. */
int weir_pg_place_(struct weir_port_guest *pg, uint32_t space, uint64_t idx,
                   uint32_t window_index);

/* port_guest_grant.c */
int weir_pg_table_open_(struct weir_port_guest *pg);
int weir_pg_grant_table_(struct weir_port *p, bool grow,
                         volatile struct weir_grant_entry_v1 **entries,
                         uint32_t *count);
int weir_pg_map_(struct weir_port *p, struct weir_map_op *ops, unsigned n);
int weir_pg_unmap_(struct weir_port *p, struct weir_unmap_op *ops, unsigned n);
int weir_pg_copy_(struct weir_port *p, struct weir_copy_op *ops, unsigned n);

#endif
