/* SPDX-License-Identifier: MIT
 *
 * Where kernel, ramdisk and tables go in a VM's memory, and what the kernel is
 * told of it (start_abi.h).
 *
 *   kernel    where its segments say: in RAM (vm_map.h), outside of the tables
 *   tables    at TABLES: ACPI, start info, module, memory map, command line;
 *             where firmware has its read-only data on other machines, so that
 *             a kernel that scans for the root pointer finds it
 *   ramdisk   as high as possible below the end of RAM below 4 GiB, for Linux
 *             allocates its first memory beside the kernel
 */
#include "hypervisor/loader/image.h"

#include <errno.h>
#include <string.h>

#include "hypervisor/vm_map.h"
#include "ring/checked.h"
#include "ring/start_abi.h"

#define TABLES UINT64_C(0xE0000)
#define MIB    (UINT64_C(1) << 20)

_Static_assert(TABLES >= WEIR_VM_TABLES &&
                   TABLES + WEIR_LD_MAX_TABLES <= WEIR_VM_TABLES_END,
               "the tables lie in their reserved range");
_Static_assert(WEIR_LD_ACPI_MAX + sizeof(struct weir_start_info) +
                       sizeof(struct weir_start_module) +
                       WEIR_VM_MAP_MAX * sizeof(struct weir_start_memmap) +
                       WEIR_LOAD_MAX_CMDLINE + 1 + 4 * 16 <=
                   WEIR_LD_MAX_TABLES,
               "they have room for the longest command line");

struct map {
    struct weir_vm_range r[WEIR_VM_MAP_MAX];
    unsigned n;
};

static uint64_t mib_up(uint64_t bytes)
{
    return bytes / MIB + (bytes % MIB != 0);
}

static bool in_ram(const struct map *m, uint64_t addr, uint64_t size)
{
    for (unsigned i = 0; i < m->n; i++)
        if (m->r[i].type == WEIR_MEMMAP_RAM && addr >= m->r[i].addr &&
            weir_in_range(addr - m->r[i].addr, size, m->r[i].size))
            return true;
    return false;
}

static int check_loads(const struct weir_ld_elf *elf, const struct map *m,
                       uint64_t ram, struct weir_ld_why *why)
{
    for (unsigned i = 0; i < elf->nloads; i++) {
        const struct weir_ld_load *l = &elf->load[i];
        uint64_t end = l->paddr + l->memsz;

        if (end <= WEIR_VM_LOW_END && in_ram(m, l->paddr, l->memsz))
            continue;
        if (l->paddr < WEIR_VM_TABLES_END && end > WEIR_VM_TABLES)
            return weir_ld_refuse(
                why, -EINVAL,
                "found a segment from 0x%llx to 0x%llx, where the start "
                "information is; needed a kernel that leaves 0x%llx to 0x%llx "
                "alone",
                (unsigned long long)l->paddr, (unsigned long long)end,
                (unsigned long long)WEIR_VM_TABLES,
                (unsigned long long)WEIR_VM_TABLES_END);
        if (end > WEIR_VM_LOW_END)
            return weir_ld_refuse(
                why, -EINVAL,
                "found a segment from 0x%llx to 0x%llx; needed a kernel "
                "that lies below 0x%llx",
                (unsigned long long)l->paddr, (unsigned long long)end,
                (unsigned long long)WEIR_VM_LOW_END);
        return weir_ld_refuse(
            why, -ENOMEM,
            "found a kernel that takes memory up to %llu MiB, and memory=%llu; "
            "needed memory=%llu at the least",
            (unsigned long long)mib_up(end), (unsigned long long)(ram / MIB),
            (unsigned long long)mib_up(end));
    }
    return 0;
}

/* The highest place in low RAM that no segment takes; 0: none.  Segments are
 * sorted, so candidates are the end of RAM and the start of each. */
static uint64_t place_ramdisk(const struct weir_ld_elf *elf, uint64_t low_end,
                              uint64_t size)
{
    uint64_t top = low_end;

    for (unsigned i = elf->nloads + 1; i-- > 0;) {
        uint64_t bottom = WEIR_VM_TABLES_END;

        if (i > 0 && elf->load[i - 1].paddr + elf->load[i - 1].memsz > bottom)
            bottom = elf->load[i - 1].paddr + elf->load[i - 1].memsz;
        if (top > bottom && top - bottom >= size) {
            uint64_t at = (top - size) & ~(WEIR_LD_PAGE - 1);

            if (at >= bottom)
                return at;
        }
        if (i > 0)
            top = elf->load[i - 1].paddr;
    }
    return 0;
}

static uint64_t page_up(uint64_t n)
{
    return (n + WEIR_LD_PAGE - 1) & ~(WEIR_LD_PAGE - 1);
}

static uint64_t end_of(const struct weir_ld_elf *elf)
{
    const struct weir_ld_load *last = &elf->load[elf->nloads - 1];

    return last->paddr + last->memsz;
}

uint64_t weir_ld_needs(const struct weir_ld_elf *elf, uint64_t ramdisk_size)
{
    uint64_t end = end_of(elf);

    if (ramdisk_size && !place_ramdisk(elf, end, ramdisk_size)) {
        if (end < WEIR_VM_TABLES_END)
            end = WEIR_VM_TABLES_END;
        end = page_up(end) + page_up(ramdisk_size);
    }
    return mib_up(end);
}

static int find_ramdisk(const struct weir_ld_elf *elf,
                        const struct weir_ld_vm *vm, uint64_t ram,
                        uint64_t *gpa, struct weir_ld_why *why)
{
    uint64_t low_end = ram < WEIR_VM_LOW_END ? ram : WEIR_VM_LOW_END;
    uint64_t room = WEIR_VM_LOW_END - page_up(end_of(elf));

    why->ramdisk = true;
    if (vm->ramdisk_size == 0)
        return weir_ld_refuse(why, -EINVAL,
                              "found an empty file; needed a ramdisk, or a "
                              "configuration without ramdisk=");
    *gpa = place_ramdisk(elf, low_end, vm->ramdisk_size);
    why->ramdisk = *gpa == 0;
    if (*gpa)
        return 0;
    if (vm->ramdisk_size > room)
        return weir_ld_refuse(
            why, -ENOMEM,
            "found a ramdisk of %llu MiB; needed one of at most %llu MiB, "
            "that fits between the kernel and 3 GiB",
            (unsigned long long)mib_up(vm->ramdisk_size),
            (unsigned long long)(room / MIB));
    return weir_ld_refuse(
        why, -ENOMEM,
        "found a ramdisk of %llu MiB beside a kernel that takes memory up to "
        "%llu MiB, and memory=%llu; needed memory=%llu at the least",
        (unsigned long long)mib_up(vm->ramdisk_size),
        (unsigned long long)mib_up(end_of(elf)),
        (unsigned long long)(ram / MIB),
        (unsigned long long)weir_ld_needs(elf, vm->ramdisk_size));
}

/* A piece of the tables, at its guest-physical address. */
static uint64_t put(struct weir_ld_plan *p, const void *bytes, size_t n)
{
    uint64_t gpa;

    p->tables_len = (p->tables_len + 15) & ~(size_t)15;
    gpa = p->tables_gpa + p->tables_len;
    memcpy(p->tables + p->tables_len, bytes, n);
    p->tables_len += n;
    return gpa;
}

static void put_map(struct weir_ld_plan *p, const struct map *m,
                    struct weir_start_info *info)
{
    struct weir_start_memmap map[WEIR_VM_MAP_MAX] = {0};

    for (unsigned i = 0; i < m->n; i++) {
        map[i].addr = m->r[i].addr;
        map[i].size = m->r[i].size;
        map[i].type = m->r[i].type;
    }
    info->memmap_paddr = put(p, map, m->n * sizeof(map[0]));
    info->memmap_entries = m->n;
}

static void put_tables(struct weir_ld_plan *p, const struct weir_ld_vm *vm,
                       const struct map *m)
{
    struct weir_start_info info = {.magic = WEIR_START_MAGIC, .version = 1};
    uint8_t acpi[WEIR_LD_ACPI_MAX];
    size_t n = weir_ld_acpi(acpi, (uint32_t)p->tables_gpa, vm->vcpus);

    info.rsdp_paddr = put(p, acpi, n);
    put_map(p, m, &info);
    if (vm->has_ramdisk) {
        struct weir_start_module mod = {.paddr = p->ramdisk_gpa,
                                        .size = vm->ramdisk_size};

        info.modlist_paddr = put(p, &mod, sizeof(mod));
        info.nr_modules = 1;
    }
    if (vm->cmdline)
        info.cmdline_paddr = put(p, vm->cmdline, strlen(vm->cmdline) + 1);
    p->start_info = (uint32_t)put(p, &info, sizeof(info));
}

static int check_vm(const struct weir_ld_vm *vm, struct weir_ld_why *why)
{
    size_t len = vm->cmdline ? strlen(vm->cmdline) : 0;

    if (vm->vcpus == 0 || vm->vcpus > WEIR_LD_MAX_VCPUS)
        return weir_ld_refuse(why, -EINVAL, "found vcpus=%u; needed 1 to %u",
                              vm->vcpus, WEIR_LD_MAX_VCPUS);
    if (vm->ram_pages < WEIR_VM_TABLES_END / WEIR_LD_PAGE ||
        vm->ram_pages > WEIR_LD_MAX_PAGES)
        return weir_ld_refuse(
            why, -EINVAL, "found memory=%llu; needed 1 to %llu MiB",
            (unsigned long long)(vm->ram_pages / (MIB / WEIR_LD_PAGE)),
            (unsigned long long)(WEIR_LD_MAX_PAGES / (MIB / WEIR_LD_PAGE)));
    if (len > vm->cmdline_max || len > WEIR_LOAD_MAX_CMDLINE)
        return weir_ld_refuse(
            why, -EINVAL,
            "found a command line of %zu bytes; needed at most the %u that "
            "the kernel takes",
            len, vm->cmdline_max);
    return 0;
}

int weir_ld_place(const struct weir_ld_elf *elf, const struct weir_ld_vm *vm,
                  struct weir_ld_plan *out, struct weir_ld_why *why)
{
    uint64_t ram = vm->ram_pages * WEIR_LD_PAGE;
    struct map m;
    int rc = check_vm(vm, why);

    memset(out, 0, sizeof(*out));
    if (rc)
        return rc;
    m.n = weir_vm_map(vm->ram_pages, m.r);
    rc = check_loads(elf, &m, ram, why);
    if (rc == 0 && vm->has_ramdisk)
        rc = find_ramdisk(elf, vm, ram, &out->ramdisk_gpa, why);
    if (rc)
        return rc;
    out->entry = elf->entry;
    out->tables_gpa = TABLES;
    put_tables(out, vm, &m);
    return 0;
}
