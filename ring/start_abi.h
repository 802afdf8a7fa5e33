/* SPDX-License-Identifier: MIT
 *
 * Manual of a guest's start of day (PVH), x86.       WEIR_START_ABI_VERSION 1
 *
 * Finding the kernel's entry.  An ELF file (32 or 64 bit) has a PT_NOTE segment
 * with a note of name "Xen\0" and type WEIR_ELFNOTE_PHYS32_ENTRY.  Its
 * descriptor is the physical address of the entry, 4 or 8 bytes, little-endian.
 * PT_LOAD segments go to their physical addresses (p_paddr); what is in memory
 * but not in the file is zero.
 *
 *   note   u32 namesz = 4, u32 descsz, u32 type, name, descriptor; name and
 *          descriptor are each padded to 4 bytes
 *
 * The first processor at the entry:
 *
 *   ebx             physical address of struct weir_start_info
 *   cr0             protected mode on, paging off
 *   cr4             0
 *   cs              flat 32-bit code, base 0, limit 4 GiB
 *   ds, es, ss      flat 32-bit data, base 0, limit 4 GiB
 *   tr              32-bit task segment, base 0, limit 0x67
 *   eflags          interrupts, virtual-8086 and single step off
 *   others          undefined: the kernel sets up its own stack, GDT and IDT
 *
 * The other processors wait for INIT and SIPI (MADT) or VCPUOP_initialise.
 *
 * What the start info points to lies in guest RAM below 4 GiB, outside of the
 * kernel's segments; the kernel may reuse it when it has read it.  Address 0
 * means that there is none.  All fields are little-endian.
 *
 *   version 0   up to and with rsdp_paddr
 *   version 1   the memory map too; later versions only append
 *
 * Then the guest looks for the hypervisor: CPUID leaves from the first multiple
 * of 0x100 at or above 0x40000000 whose ebx, ecx, edx are the signature.
 *
 *   base + 0   eax: highest leaf of these; ebx, ecx, edx: signature
 *   base + 1   eax: version, major << 16 | minor
 *   base + 2   eax: number of hypercall pages (1); ebx: the MSR for it
 *   base + 3   subleaf 0: eax: flags; ebx: TSC mode; ecx: TSC kHz
 *   base + 4   eax: WEIR_CPUID_HVM_*; ebx: vCPU id; ecx: domid
 *
 * Writing a page's guest-physical address to that MSR makes it the hypercall
 * page: 128 stubs of 32 bytes, stub n makes hypercall n.
 */
#ifndef WEIR_RING_START_ABI_H
#define WEIR_RING_START_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_START_ABI_VERSION 1

/* Notes in a kernel's ELF file, name "Xen". */
#define WEIR_ELFNOTE_NAME           "Xen"
#define WEIR_ELFNOTE_HYPERCALL_PAGE 2u
#define WEIR_ELFNOTE_GUEST_OS       6u
#define WEIR_ELFNOTE_PHYS32_ENTRY   18u

#define WEIR_START_MAGIC 0x336ec578u

struct weir_start_info {
    uint32_t magic;          /* WEIR_START_MAGIC */
    uint32_t version;        /* 1 */
    uint32_t flags;          /* WEIR_SIF_* */
    uint32_t nr_modules;     /* 0 or 1: the initial ramdisk */
    uint64_t modlist_paddr;  /* struct weir_start_module[nr_modules] */
    uint64_t cmdline_paddr;  /* ASCII, ends with a zero byte */
    uint64_t rsdp_paddr;     /* ACPI's root pointer */
    uint64_t memmap_paddr;   /* version 1: struct weir_start_memmap[] */
    uint32_t memmap_entries; /* version 1: 0 means no map */
    uint32_t reserved;       /* 0 */
};

#define WEIR_SIF_PRIVILEGED 1u
#define WEIR_SIF_INITDOMAIN 2u

struct weir_start_module {
    uint64_t paddr;
    uint64_t size; /* bytes */
    uint64_t cmdline_paddr;
    uint64_t reserved;
};

struct weir_start_memmap {
    uint64_t addr;
    uint64_t size; /* bytes */
    uint32_t type; /* WEIR_MEMMAP_* */
    uint32_t reserved;
};

#define WEIR_MEMMAP_RAM      1u
#define WEIR_MEMMAP_RESERVED 2u
#define WEIR_MEMMAP_ACPI     3u /* RAM once the tables are read */
#define WEIR_MEMMAP_NVS      4u
#define WEIR_MEMMAP_UNUSABLE 5u
#define WEIR_MEMMAP_DISABLED 6u
#define WEIR_MEMMAP_PMEM     7u

#define WEIR_CPUID_FIRST         0x40000000u
#define WEIR_CPUID_STEP          0x100u
#define WEIR_CPUID_SIGNATURE_EBX 0x566e6558u /* "XenV" */
#define WEIR_CPUID_SIGNATURE_ECX 0x65584d4du /* "MMXe" */
#define WEIR_CPUID_SIGNATURE_EDX 0x4d4d566eu /* "nVMM" */

#define WEIR_CPUID_HVM_APIC_ACCESS_VIRT (1u << 0)
#define WEIR_CPUID_HVM_X2APIC_VIRT      (1u << 1)
#define WEIR_CPUID_HVM_IOMMU_MAPPINGS   (1u << 2)
#define WEIR_CPUID_HVM_VCPU_ID          (1u << 3) /* ebx is valid */
#define WEIR_CPUID_HVM_DOMID            (1u << 4) /* ecx is valid */
#define WEIR_CPUID_HVM_EXT_DEST_ID      (1u << 5)
#define WEIR_CPUID_HVM_UPCALL_VECTOR    (1u << 6)

/* Leaf 3, eax. */
#define WEIR_CPUID_TSC_EMULATED (1u << 0)
#define WEIR_CPUID_TSC_RELIABLE (1u << 1)
#define WEIR_CPUID_TSC_RDTSCP   (1u << 2)

_Static_assert(sizeof(struct weir_start_info) == 56, "ABI");
_Static_assert(offsetof(struct weir_start_info, memmap_paddr) == 40, "ABI");
_Static_assert(sizeof(struct weir_start_module) == 32, "ABI");
_Static_assert(sizeof(struct weir_start_memmap) == 24, "ABI");

#endif
