/* SPDX-License-Identifier: MIT
 *
 * Kernels and VMs: the first 8 bytes are the VM (memory, vCPUs, ramdisk), the
 * rest is an ELF file.  What is taken lies in the file and in the VM's memory,
 * nothing overlaps, and rewriting changes six bytes or none.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/image.h"
#include "hypervisor/vm_map.h"
#include "ring/bytes.h"
#include "ring/checked.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int condition)
{
    if (!condition)
        abort();
}

static void check_why(const struct weir_ld_why *why)
{
    check(strstr(why->text, "found ") == why->text);
    check(strstr(why->text, "needed ") != NULL);
    check(strchr(why->text, '\n') == NULL);
}

static void check_elf(const struct weir_ld_elf *e, size_t n)
{
    check(e->nloads >= 1 && e->nloads <= WEIR_LD_MAX_LOADS);
    check(memchr(e->guest_os, 0, sizeof(e->guest_os)) != NULL);
    for (unsigned i = 0; i < e->nloads; i++) {
        const struct weir_ld_load *l = &e->load[i];

        check(weir_in_range(l->offset, l->filesz, n));
        check(l->filesz <= l->memsz && l->paddr <= UINT64_MAX - l->memsz);
        check(i == 0 || l[-1].paddr + l[-1].memsz <= l->paddr);
    }
}

static void check_stubs(uint8_t *bytes, size_t n, const struct weir_ld_elf *e)
{
    struct weir_ld_why why = {0};
    struct weir_ld_stubs s;
    uint8_t *before = malloc(n);
    unsigned changed = 0;
    int rc;

    check(before != NULL);
    memcpy(before, bytes, n);
    weir_ld_stubs(bytes, e, &s);
    rc = weir_ld_rewrite(bytes, &s, &why);
    for (size_t i = 0; i < n; i++)
        changed += before[i] != bytes[i];
    check(changed == (rc == 2 ? 6 : 0));
    if (rc < 0)
        check_why(&why);
    free(before);
}

static int apart(uint64_t a, uint64_t a_len, uint64_t b, uint64_t b_len)
{
    return a + a_len <= b || b + b_len <= a;
}

static void check_plan(const struct weir_ld_plan *p,
                       const struct weir_ld_vm *vm, const struct weir_ld_elf *e)
{
    uint64_t ram = vm->ram_pages * WEIR_LD_PAGE;

    check(p->entry == e->entry && p->tables_len <= WEIR_LD_MAX_TABLES);
    check(p->tables_gpa >= WEIR_VM_TABLES &&
          p->tables_gpa + p->tables_len <= WEIR_VM_TABLES_END);
    check(WEIR_VM_TABLES_END <= ram);
    if (vm->has_ramdisk)
        check(p->ramdisk_gpa >= WEIR_VM_TABLES_END &&
              weir_in_range(p->ramdisk_gpa, vm->ramdisk_size,
                            ram < WEIR_VM_LOW_END ? ram : WEIR_VM_LOW_END));
    for (unsigned i = 0; i < e->nloads; i++) {
        const struct weir_ld_load *l = &e->load[i];

        check(weir_in_range(l->paddr, l->memsz,
                            ram < WEIR_VM_LOW_END ? ram : WEIR_VM_LOW_END));
        check(apart(l->paddr, l->memsz, WEIR_VM_TABLES,
                    WEIR_VM_TABLES_END - WEIR_VM_TABLES));
        check(!vm->has_ramdisk ||
              apart(l->paddr, l->memsz, p->ramdisk_gpa, vm->ramdisk_size));
    }
}

/* What fits at all fits into what it is said to need, and into no MiB less. */
static void check_needs(struct weir_ld_vm vm, const struct weir_ld_elf *e)
{
    struct weir_ld_plan plan;
    struct weir_ld_why why;
    uint64_t mib;

    vm.ram_pages = WEIR_LD_MAX_PAGES;
    if (weir_ld_place(e, &vm, &plan, &why))
        return;
    mib = weir_ld_needs(e, vm.has_ramdisk ? vm.ramdisk_size : 0);
    vm.ram_pages = mib << 8;
    check(weir_ld_place(e, &vm, &plan, &why) == 0);
    vm.ram_pages -= 1 << 8;
    check(weir_ld_place(e, &vm, &plan, &why) != 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct weir_ld_why why = {0};
    struct weir_ld_vm vm = {.cmdline = "x", .cmdline_max = 2047};
    struct weir_ld_plan plan;
    struct weir_ld_elf elf;
    uint8_t *copy;
    int rc;

    if (size < 8)
        return 0;
    vm.ram_pages = (uint64_t)weir_le16(data) << (data[2] % 20);
    vm.vcpus = data[3] % 10;
    vm.has_ramdisk = data[4] & 1;
    vm.ramdisk_size = (uint64_t)weir_le16(data + 5) << (data[7] % 50);
    data += 8;
    size -= 8;
    copy = malloc(size ? size : 1); /* exact: overreads are seen */
    check(copy != NULL);
    memcpy(copy, data, size);
    rc = weir_ld_elf(copy, size, &elf, &why);
    if (rc == 0) {
        check_elf(&elf, size);
        check_stubs(copy, size, &elf);
        check_needs(vm, &elf);
        rc = weir_ld_place(&elf, &vm, &plan, &why);
        if (rc == 0)
            check_plan(&plan, &vm, &elf);
    }
    if (rc)
        check_why(&why);
    free(copy);
    return 0;
}
