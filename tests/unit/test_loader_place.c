/* SPDX-License-Identifier: MIT
 *
 * Where a kernel's parts go and what it is told.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/vm_map.h"
#include "ring/start_abi.h"
#include "tests/unit/ld_images.h"

#define PAGES(mib) ((uint64_t)(mib)*256)

static uint8_t image[1u << 18];
static struct weir_ld_why why;

static void said(const char *found)
{
    if (!strstr(why.text, found))
        fail_msg("\"%s\" does not say \"%s\"", why.text, found);
    assert_non_null(strstr(why.text, "needed "));
}

static void parse(const struct ld_spec *s, struct weir_ld_elf *elf)
{
    assert_int_equal(weir_ld_elf(image, ld_elf(image, s), elf, &why), 0);
}

static struct weir_ld_vm vm_of(uint64_t mib)
{
    return (struct weir_ld_vm){.ram_pages = PAGES(mib),
                               .vcpus = 2,
                               .cmdline = "console=hvc0",
                               .cmdline_max = 2047};
}

static int place(const struct ld_spec *s, const struct weir_ld_vm *vm,
                 struct weir_ld_plan *plan)
{
    struct weir_ld_elf elf;

    parse(s, &elf);
    memset(&why, 0, sizeof(why));
    return weir_ld_place(&elf, vm, plan, &why);
}

/* ---- places ------------------------------------------------------------- */

static const void *at(const struct weir_ld_plan *p, uint64_t gpa, size_t n)
{
    assert_true(gpa >= p->tables_gpa);
    assert_true(gpa - p->tables_gpa + n <= p->tables_len);
    return p->tables + (gpa - p->tables_gpa);
}

static void start_info_tells_everything(void **state)
{
    struct weir_ld_vm vm = vm_of(4096);
    struct weir_vm_range map[WEIR_VM_MAP_MAX];
    struct weir_start_info info;
    struct weir_start_module mod;
    struct weir_start_memmap m;
    struct weir_ld_plan p;

    (void)state;
    vm.has_ramdisk = true;
    vm.ramdisk_size = 123457;
    assert_int_equal(place(&(struct ld_spec){.entry = LD_BASE + 5}, &vm, &p),
                     0);
    assert_int_equal(p.entry, LD_BASE + 5);
    assert_true(p.tables_gpa >= WEIR_VM_TABLES);
    assert_true(p.tables_gpa + p.tables_len <= WEIR_VM_TABLES_END);
    memcpy(&info, at(&p, p.start_info, sizeof(info)), sizeof(info));
    assert_int_equal(info.magic, 0x336ec578);
    assert_int_equal(info.version, 1);
    assert_int_equal(info.flags, 0);
    assert_int_equal(info.reserved, 0);
    assert_string_equal(at(&p, info.cmdline_paddr, 13), "console=hvc0");
    assert_memory_equal(at(&p, info.rsdp_paddr, 36), "RSD PTR ", 8);
    assert_int_equal(info.nr_modules, 1);
    memcpy(&mod, at(&p, info.modlist_paddr, sizeof(mod)), sizeof(mod));
    assert_int_equal(mod.size, 123457);
    assert_int_equal(mod.paddr, p.ramdisk_gpa);
    assert_int_equal(mod.cmdline_paddr, 0);
    assert_int_equal(info.memmap_entries, weir_vm_map(vm.ram_pages, map));
    for (unsigned i = 0; i < info.memmap_entries; i++) {
        memcpy(&m, at(&p, info.memmap_paddr + i * sizeof(m), sizeof(m)),
               sizeof(m));
        assert_int_equal(m.addr, map[i].addr);
        assert_int_equal(m.size, map[i].size);
        assert_int_equal(m.type, map[i].type);
        assert_int_equal(m.reserved, 0);
    }
}

static void nothing_given_is_nothing_told(void **state)
{
    struct weir_ld_vm vm = vm_of(32);
    struct weir_start_info info;
    struct weir_ld_plan p;

    (void)state;
    vm.cmdline = NULL;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    memcpy(&info, at(&p, p.start_info, sizeof(info)), sizeof(info));
    assert_int_equal(info.cmdline_paddr, 0);
    assert_int_equal(info.nr_modules, 0);
    assert_int_equal(info.modlist_paddr, 0);
}

static void the_longest_command_line_fits(void **state)
{
    struct weir_ld_vm vm = vm_of(32);
    char line[4098];
    struct weir_ld_plan p;

    (void)state;
    memset(line, 'x', sizeof(line));
    line[4095] = 0;
    vm.cmdline = line;
    vm.cmdline_max = WEIR_LOAD_MAX_CMDLINE;
    vm.vcpus = 8;
    vm.has_ramdisk = true;
    vm.ramdisk_size = 1;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    vm.cmdline_max = 2047;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    said("a command line of 4095 bytes; needed at most the 2047");
    line[4095] = 'x';
    line[4096] = 0;
    vm.cmdline_max = UINT32_MAX;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
}

static void ramdisk_is_high_and_clear_of_everything(void **state)
{
    struct weir_ld_vm vm = vm_of(64);
    struct weir_ld_plan p;

    (void)state;
    vm.has_ramdisk = true;
    vm.ramdisk_size = 5000;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    assert_int_equal(p.ramdisk_gpa, (64u << 20) - 8192);
    /* Not above 3 GiB. */
    vm.ram_pages = PAGES(8192);
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    assert_int_equal(p.ramdisk_gpa, WEIR_VM_LOW_END - 8192);
    /* Below a kernel that ends where RAM does. */
    vm.ram_pages = PAGES(32);
    vm.ramdisk_size = 1 << 20;
    assert_int_equal(
        place(&(struct ld_spec){.bss = (16u << 20) - 0x3000}, &vm, &p), 0);
    assert_int_equal(p.ramdisk_gpa, LD_BASE - (1 << 20));
    /* Between segments: exactly, then one byte too many. */
    const struct ld_spec two = {.bss = (16u << 20) - 0x3000,
                                .second = 0x200000};

    vm.ramdisk_size = LD_BASE - 0x201000;
    assert_int_equal(place(&two, &vm, &p), 0);
    assert_int_equal(p.ramdisk_gpa, 0x201000);
    vm.ramdisk_size++;
    assert_int_equal(place(&two, &vm, &p), -ENOMEM);
}

static void ramdisk_that_does_not_fit_says_what_would(void **state)
{
    struct weir_ld_vm vm = vm_of(64);
    struct weir_ld_plan p;

    (void)state;
    vm.has_ramdisk = true;
    vm.ramdisk_size = 100u << 20;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -ENOMEM);
    assert_true(why.ramdisk);
    said("found a ramdisk of 100 MiB beside a kernel that takes memory up to "
         "17 MiB, and memory=64; needed memory=117");
    vm.ram_pages = PAGES(117); /* as it said */
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    /* A kernel that leaves a byte of its last page. */
    const struct ld_spec odd = {.bss = (1u << 20) - 0x3001};

    vm.ramdisk_size = (15 << 20) + 1; /* nor does it fit below */
    vm.ram_pages = PAGES(32);
    assert_int_equal(place(&odd, &vm, &p), -ENOMEM);
    said("needed memory=33");
    vm.ram_pages = PAGES(33);
    assert_int_equal(place(&odd, &vm, &p), 0);
    vm.ram_pages = PAGES(16384);
    vm.ramdisk_size = UINT64_C(3) << 30;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -ENOMEM);
    said("a ramdisk of 3072 MiB; needed one of at most 3055 MiB");
    vm.ramdisk_size = UINT64_C(3055) << 20;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    vm.ramdisk_size = UINT64_MAX;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -ENOMEM);
    vm.ramdisk_size = 0;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    said("an empty file; needed a ramdisk");
}

static void kernels_that_do_not_fit(void **state)
{
    struct weir_ld_vm vm = vm_of(16);
    struct weir_ld_plan p;

    (void)state;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -ENOMEM);
    assert_false(why.ramdisk);
    said("takes memory up to 17 MiB, and memory=16; needed memory=17");
    vm.ram_pages = PAGES(17);
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), 0);
    assert_int_equal(place(&(struct ld_spec){.paddr = 0x9f000}, &vm, &p),
                     -EINVAL);
    said("a segment from 0x9f000 to 0xa7000, where the start information is");
    assert_int_equal(
        place(&(struct ld_spec){.paddr = 0xff000, .bss = 1}, &vm, &p), -EINVAL);
    assert_int_equal(place(&(struct ld_spec){.paddr = 0x1000}, &vm, &p), 0);
    vm.ram_pages = PAGES(8192);
    assert_int_equal(place(&(struct ld_spec){.paddr = 0xc0000000}, &vm, &p),
                     -EINVAL);
    said("below 0xc0000000");
    /* Memory that is there, but not for a 32-bit start. */
    assert_int_equal(place(&(struct ld_spec){.second = 0x100000000}, &vm, &p),
                     -EINVAL);
    said("below 0xc0000000");
}

static void vms_that_are_none(void **state)
{
    struct weir_ld_vm vm = vm_of(64);
    struct weir_ld_plan p;

    (void)state;
    vm.vcpus = 9;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    said("vcpus=9");
    vm.vcpus = 0;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    vm.vcpus = 1;
    vm.ram_pages = 255;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    vm.ram_pages = UINT64_MAX;
    assert_int_equal(place(&(struct ld_spec){0}, &vm, &p), -EINVAL);
    said("memory=");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_info_tells_everything),
        cmocka_unit_test(nothing_given_is_nothing_told),
        cmocka_unit_test(the_longest_command_line_fits),
        cmocka_unit_test(ramdisk_is_high_and_clear_of_everything),
        cmocka_unit_test(ramdisk_that_does_not_fit_says_what_would),
        cmocka_unit_test(kernels_that_do_not_fit),
        cmocka_unit_test(vms_that_are_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
