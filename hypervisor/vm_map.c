/* SPDX-License-Identifier: MIT */
#include "hypervisor/vm_map.h"

enum { RAM = 1, RESERVED = 2 };

static unsigned add(struct weir_vm_range *out, unsigned n, uint64_t from,
                    uint64_t to, uint32_t type)
{
    if (from >= to)
        return n;
    out[n] = (struct weir_vm_range){from, to - from, type};
    return n + 1;
}

static uint64_t least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

unsigned weir_vm_map(uint64_t ram_pages,
                     struct weir_vm_range out[WEIR_VM_MAP_MAX])
{
    uint64_t ram = ram_pages << 12, low = least(ram, WEIR_VM_LOW_END);
    unsigned n = 0;

    n = add(out, n, 0, least(low, WEIR_VM_TABLES), RAM);
    n = add(out, n, WEIR_VM_TABLES, least(low, WEIR_VM_TABLES_END), RESERVED);
    n = add(out, n, WEIR_VM_TABLES_END, low, RAM);
    n = add(out, n, WEIR_VM_HOLE, WEIR_VM_HIGH, RESERVED);
    return add(out, n, WEIR_VM_HIGH, WEIR_VM_HIGH + ram - low, RAM);
}
