/* SPDX-License-Identifier: MIT
 *
 * The guest-physical memory map of a VM domain: one pure function that weir-hv
 * (XENMEM_memory_map) and the loader (start info) both use, so that the guest
 * is told the same twice.
 */
#ifndef WEIR_HYPERVISOR_VM_MAP_H
#define WEIR_HYPERVISOR_VM_MAP_H

#include <stdint.h>

#define WEIR_VM_LOW_END UINT64_C(0xC0000000) /* RAM below 4 GiB ends here */
#define WEIR_VM_HIGH    UINT64_C(0x100000000)
#define WEIR_VM_TABLES  UINT64_C(0xA0000) /* start info and ACPI tables lie in \
                                           */
#define WEIR_VM_TABLES_END UINT64_C(0x100000) /* this part: RAM, but reserved  \
                                               */
/* Reserved: local APIC, I/O APIC, special pages. */
#define WEIR_VM_HOLE        UINT64_C(0xFC000000)
#define WEIR_VM_PFN_CONSOLE UINT64_C(0xFEFFC)
#define WEIR_VM_PFN_STORE   UINT64_C(0xFEFFD)

#define WEIR_VM_MAP_MAX 8

struct weir_vm_range {
    uint64_t addr, size; /* bytes */
    uint32_t type;       /* E820: 1 RAM, 2 reserved, 3 ACPI */
};

/* The entries for so many pages of RAM, ascending; returns their number. */
unsigned weir_vm_map(uint64_t ram_pages,
                     struct weir_vm_range out[WEIR_VM_MAP_MAX]);

#endif
