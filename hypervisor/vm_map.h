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
/* RAM, but reserved: start info and ACPI tables. */
#define WEIR_VM_TABLES     UINT64_C(0xA0000)
#define WEIR_VM_TABLES_END UINT64_C(0x100000)
/* Reserved: local APIC, I/O APIC, special pages. */
#define WEIR_VM_HOLE        UINT64_C(0xFC000000)
#define WEIR_VM_PFN_CONSOLE UINT64_C(0xFEFFC)
#define WEIR_VM_PFN_STORE   UINT64_C(0xFEFFD)

/* I/O ports, a byte each, that the ACPI tables name.  A write of
 * WEIR_VM_SLEEP_S5 to SLEEP is a power-off, of WEIR_VM_RESET_VALUE to RESET a
 * reboot; SLEEP_STATUS reads 0. */
#define WEIR_VM_PORT_SLEEP        0x404
#define WEIR_VM_PORT_SLEEP_STATUS 0x405
#define WEIR_VM_PORT_RESET        0x406
#define WEIR_VM_SLEEP_TYPE        5 /* of _S5 */
#define WEIR_VM_SLEEP_S5          (WEIR_VM_SLEEP_TYPE << 2 | 1 << 5)
#define WEIR_VM_RESET_VALUE       1

#define WEIR_VM_MAP_MAX 8

struct weir_vm_range {
    uint64_t addr, size; /* bytes */
    uint32_t type;       /* E820: 1 RAM, 2 reserved, 3 ACPI */
};

/* The entries for so many pages of RAM, ascending; returns their number. */
unsigned weir_vm_map(uint64_t ram_pages,
                     struct weir_vm_range out[WEIR_VM_MAP_MAX]);

#endif
