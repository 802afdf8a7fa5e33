/* SPDX-License-Identifier: MIT
 *
 * Where a kernel's parts go, what it is told, and the rewriting of its
 * hypercalls.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "hypervisor/loader/answer.h"
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"
#include "ring/bytes.h"
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

/* ---- stubs -------------------------------------------------------------- */

static enum weir_ld_calls calls_of(const struct ld_spec *s,
                                   struct weir_ld_stubs *stubs)
{
    struct weir_ld_elf elf;

    parse(s, &elf);
    weir_ld_stubs(image, &elf, stubs);
    return stubs->calls;
}

static void linux_stubs_become_port_writes(void **state)
{
    static const uint8_t port[3] = {0xe7, HV_PORT_CALL, 0x90};

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const unsigned apart = i & 1 ? 32 : 16;
        const struct ld_spec s = {.guest_os = "linux",
                                  .stubs = 0x1230,
                                  .stubs_apart = apart,
                                  .stubs_jump = i & 2};
        static uint8_t before[sizeof(image)];
        struct weir_ld_stubs st;

        assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_STUBS);
        assert_int_equal(st.at[0], LD_CODE + 0x1230);
        assert_int_equal(st.at[1], LD_CODE + 0x1230 + apart);
        memcpy(before, image, sizeof(image));
        assert_int_equal(weir_ld_rewrite(image, &st, &why), 2);
        /* Six bytes change, no other. */
        memcpy(before + st.at[0], port, 3);
        memcpy(before + st.at[1], port, 3);
        assert_memory_equal(image, before, sizeof(image));
    }
}

static void stubs_at_the_segment_end_are_found(void **state)
{
    struct ld_spec s = {.guest_os = "linux", .code = 0x1000, .stubs = 0xfe0};
    struct weir_ld_stubs st;

    (void)state;
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_STUBS);
    s.stubs_apart = 32; /* the second is behind it */
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_OTHER);
    s.stubs_apart = 16;
    s.code = 0xff7; /* or cut off */
    assert_int_equal(calls_of(&s, &st), WEIR_LD_CALLS_OTHER);
}

static void not_exactly_linux_stubs_are_left_alone(void **state)
{
    const struct ld_spec s = {
        .guest_os = "linux", .stubs = 0x1230, .stubs_jump = true};
    const size_t at = LD_CODE + 0x1230;
    static const struct {
        size_t off;
        uint8_t byte;
    } change[] = {{3, 0xc3}, {16 + 3, 0xc3}, {4, 0x51},      {16 + 7, 0x01},
                  {2, 0xc1}, {16 + 2, 0xd9}, {16 + 1, 0x02}, {3, 0xeb}};
    struct weir_ld_elf elf;
    struct weir_ld_stubs st;

    (void)state;
    for (unsigned i = 0; i < sizeof(change) / sizeof(change[0]); i++) {
        parse(&s, &elf);
        image[at + change[i].off] = change[i].byte;
        weir_ld_stubs(image, &elf, &st);
        assert_int_equal(st.calls, WEIR_LD_CALLS_OTHER);
        assert_int_equal(st.found, 0);
    }
    assert_int_equal(weir_ld_rewrite(image, &st, &why), -EINVAL);
    said("0 pairs of vmcall functions");
    said("CONFIG_KVM_XEN=y");
    /* Off the alignment of functions. */
    assert_int_equal(
        calls_of(&(struct ld_spec){.guest_os = "linux", .stubs = 0x1238}, &st),
        WEIR_LD_CALLS_OTHER);
}

static void two_pairs_of_stubs_are_one_too_many(void **state)
{
    const struct ld_spec s = {.guest_os = "linux", .stubs = 0x1000};
    struct weir_ld_elf elf;
    struct weir_ld_stubs st;

    (void)state;
    parse(&s, &elf);
    ld_stubs(image + LD_CODE + 0x2000, 16, false);
    weir_ld_stubs(image, &elf, &st);
    assert_int_equal(st.found, 2);
    assert_int_equal(weir_ld_rewrite(image, &st, &why), -EINVAL);
    said("2 pairs");
}

static void kernels_with_a_hypercall_page_stay_as_they_are(void **state)
{
    static const struct ld_spec specs[] = {
        {.stubs = 0x1230}, /* names no guest: sets the page up by its MSR */
        {.stubs = 0x1230, .guest_os = "NetBSD"},
        {.stubs = 0x1230, .guest_os = "linux", .page_note = true},
    };

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct weir_ld_stubs st;

        assert_int_equal(calls_of(&specs[i], &st), WEIR_LD_CALLS_PAGE);
        assert_int_equal(weir_ld_rewrite(image, &st, &why), 0);
        assert_memory_equal(image + LD_CODE + 0x1230, "\x0f\x01\xd9", 3);
    }
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

/* ---- answers ------------------------------------------------------------ */

static struct weir_load_answer good_answer(void)
{
    return (struct weir_load_answer){
        .image = {.memfd = -1,
                  .entry = 0x1000010,
                  .start_info = 0xe0400,
                  .rewritten = 2,
                  .nsegments = 2,
                  .segments = {{0x1000000, 0x1000, 0x2000},
                               {0xe0000, 0x8000, 0x500}}}};
}

static int reread(struct weir_load_answer *a)
{
    uint8_t buf[WEIR_LOAD_MAX_PACKET];
    size_t n = weir_load_put(buf, a);
    uint8_t *copy = malloc(n);
    int rc;

    assert_non_null(copy);
    memcpy(copy, buf, n);
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(weir_load_get(copy, cut, a), -EPROTO);
    rc = weir_load_get(copy, n, a);
    free(copy);
    return rc;
}

static void answers_come_through(void **state)
{
    struct weir_load_answer a = good_answer(), want = a;

    (void)state;
    assert_int_equal(reread(&a), 0);
    assert_memory_equal(&a, &want, sizeof(a));
    a = (struct weir_load_answer){.error = EINVAL, .text = "vmlinuz: \x1b bad"};
    assert_int_equal(reread(&a), 0);
    assert_int_equal(a.error, EINVAL);
    assert_string_equal(a.text, "vmlinuz: ? bad");
}

static void answers_that_lie_are_refused(void **state)
{
    struct weir_load_answer a;

    (void)state;
    a = good_answer();
    a.image.entry = 0x1002000;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.start_info = 0xdffff;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].length = UINT64_MAX - 0xdfff0;
    assert_int_equal(reread(&a), -EPROTO); /* gpa wraps */
    a = good_answer();
    a.image.segments[1].offset = UINT64_MAX - 5;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].gpa = 0xfffb01; /* overlaps by one byte */
    a.image.start_info = 0x1000020;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.segments[1].gpa = 0xfffb00; /* and not */
    a.image.start_info = 0x1000020;
    assert_int_equal(reread(&a), 0);
    a = good_answer();
    a.image.segments[0].length = 0;
    assert_int_equal(reread(&a), -EPROTO);
    a = good_answer();
    a.image.nsegments = 0;
    assert_int_equal(reread(&a), -EPROTO);
    a = (struct weir_load_answer){.error = EINVAL}; /* says nothing */
    assert_int_equal(reread(&a), -EPROTO);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(linux_stubs_become_port_writes),
        cmocka_unit_test(stubs_at_the_segment_end_are_found),
        cmocka_unit_test(not_exactly_linux_stubs_are_left_alone),
        cmocka_unit_test(two_pairs_of_stubs_are_one_too_many),
        cmocka_unit_test(kernels_with_a_hypercall_page_stay_as_they_are),
        cmocka_unit_test(start_info_tells_everything),
        cmocka_unit_test(nothing_given_is_nothing_told),
        cmocka_unit_test(the_longest_command_line_fits),
        cmocka_unit_test(ramdisk_is_high_and_clear_of_everything),
        cmocka_unit_test(ramdisk_that_does_not_fit_says_what_would),
        cmocka_unit_test(kernels_that_do_not_fit),
        cmocka_unit_test(vms_that_are_none),
        cmocka_unit_test(answers_come_through),
        cmocka_unit_test(answers_that_lie_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
