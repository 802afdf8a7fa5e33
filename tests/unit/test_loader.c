/* SPDX-License-Identifier: MIT
 *
 * ELF kernels: what is taken from them, and what is said of those that can't
 * be.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "ring/bytes.h"
#include "tests/unit/ld_images.h"

#define ROOM (1u << 18)

static uint8_t image[ROOM];
static struct weir_ld_why why;

static void said(const char *found)
{
    if (!strstr(why.text, found))
        fail_msg("\"%s\" does not say \"%s\"", why.text, found);
    assert_non_null(strstr(why.text, "needed "));
    assert_null(strchr(why.text, '\n'));
}

/* Bytes at the end of their own allocation: an overread is seen. */
static int parse(const uint8_t *bytes, size_t n, struct weir_ld_elf *elf)
{
    uint8_t *copy = malloc(n ? n : 1);
    int rc;

    assert_non_null(copy);
    memcpy(copy, bytes, n);
    memset(&why, 0, sizeof(why));
    rc = weir_ld_elf(copy, n, elf, &why);
    free(copy);
    return rc;
}

static void refused(size_t n, const char *found)
{
    struct weir_ld_elf elf;

    assert_int_equal(parse(image, n, &elf), -EINVAL);
    said(found);
}

static void elf_gives_segments_and_entry(void **state)
{
    (void)state;
    for (unsigned bits = 32; bits <= 64; bits += 32) {
        const struct ld_spec s = {.bits = bits,
                                  .entry = LD_BASE + 0x123,
                                  .second = 0x100000,
                                  .guest_os = "linux"};
        struct weir_ld_elf elf;
        size_t n = ld_elf(image, &s);

        assert_int_equal(parse(image, n, &elf), 0);
        assert_int_equal(elf.bits, bits);
        assert_int_equal(elf.entry, LD_BASE + 0x123);
        assert_string_equal(elf.guest_os, "linux");
        assert_false(elf.hypercall_page);
        assert_int_equal(elf.nloads, 2);
        assert_int_equal(elf.load[0].paddr, 0x100000); /* ascending */
        assert_false(elf.load[0].exec);
        assert_int_equal(elf.load[1].paddr, LD_BASE);
        assert_int_equal(elf.load[1].offset, LD_CODE);
        assert_int_equal(elf.load[1].filesz, 0x3000);
        assert_int_equal(elf.load[1].memsz, 0x8000);
        assert_true(elf.load[1].exec);
    }
}

static void elf_notes_of_either_size_and_alignment(void **state)
{
    struct weir_ld_elf elf;

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        const struct ld_spec s = {.entry_size = i & 1 ? 4 : 8,
                                  .notes_8 = i & 2,
                                  .guest_os = "\x1b[31mNetBSD and more than "
                                              "31 bytes of name",
                                  .page_note = true};

        assert_int_equal(parse(image, ld_elf(image, &s), &elf), 0);
        assert_int_equal(elf.entry, LD_BASE);
        assert_true(elf.hypercall_page);
        assert_string_equal(elf.guest_os, "?[31mNetBSD?and?more?than?31?by");
    }
    refused(ld_elf(image, &(struct ld_spec){.entry_size = 2}),
            "PVH entry note of 2 bytes");
}

/* The entry's note comes last: it claims more than the segment has. */
static void notes_end_where_their_segment_ends(void **state)
{
    const struct ld_spec s = {0};
    size_t n = ld_elf(image, &s);
    const uint32_t notes = weir_le32(image + 64 + 56 + 32);
    uint8_t *last = image + 0x400 + notes - 24; /* 12, name, 8 bytes */

    (void)state;
    assert_int_equal(weir_le32(last + 8), 18);
    weir_put32(last + 4, 9);
    refused(n, "without a PVH entry");
    weir_put32(last + 4, UINT32_MAX);
    refused(n, "without a PVH entry");
    weir_put32(last + 4, 8);
    weir_put32(last, UINT32_MAX); /* its name */
    refused(n, "without a PVH entry");
    weir_put32(last, 4);
    weir_put64(image + 64 + 56 + 32, n); /* a segment beyond the file */
    refused(n, "without a PVH entry");
}

static void elf_without_pvh_entry_is_named(void **state)
{
    (void)state;
    refused(ld_elf(image, &(struct ld_spec){.no_entry = true}),
            "64-bit ELF file without a PVH entry");
    refused(ld_elf(image, &(struct ld_spec){.no_entry = true, .bits = 32}),
            "32-bit ELF file without a PVH entry");
    said("CONFIG_PVH=y");
}

static void elf_of_other_machines_and_kinds(void **state)
{
    const struct ld_spec s = {0};
    size_t n = ld_elf(image, &s);

    (void)state;
    weir_put16(image + 18, 183);
    refused(n, "64-bit ELF file for machine 183");
    ld_elf(image, &(struct ld_spec){.bits = 32});
    weir_put16(image + 18, 62); /* x32 */
    refused(n, "32-bit ELF file for machine 62");
    refused(ld_elf(image, &(struct ld_spec){.type = 1}), "an object file");
    ld_elf(image, &s);
    image[5] = 2;
    refused(n, "byte order 2");
    image[5] = 1;
    image[4] = 3;
    refused(n, "class 3");
}

static void elf_cut_off_anywhere_is_refused(void **state)
{
    const struct ld_spec s = {.code = 0x200};
    struct weir_ld_elf elf;
    size_t n = ld_elf(image, &s);

    (void)state;
    for (size_t cut = 4; cut < n; cut++)
        assert_int_equal(parse(image, cut, &elf), -EINVAL);
    refused(20, "an ELF header that is cut off");
    refused(80, "cut off before the program headers");
    refused(n - 1, "the segment at 0x1000000 is 0x200 bytes at 0x1000");
    assert_int_equal(parse(image, n, &elf), 0);
}

static void elf_with_impossible_segments(void **state)
{
    size_t n;

    (void)state;
    refused(ld_elf(image, &(struct ld_spec){.second = LD_BASE + 0x4000}),
            "overlap");
    refused(ld_elf(image, &(struct ld_spec){.second = LD_BASE - 0x80}),
            "overlap");
    refused(ld_elf(image, &(struct ld_spec){.entry = LD_BASE + 0x3000}),
            "outside of its segments"); /* zeros */
    refused(ld_elf(image, &(struct ld_spec){.entry = LD_BASE - 1}),
            "outside of its segments");
    refused(ld_elf(image, &(struct ld_spec){.paddr = 0x100000000,
                                            .entry = 0x100000000}),
            "outside of its segments");
    n = ld_elf(image, &(struct ld_spec){0});
    weir_put64(image + 64 + 40, 0x2fff); /* memsz < filesz */
    refused(n, "0x3000 bytes in the file and 0x2fff in memory");
    weir_put64(image + 64 + 40, UINT64_MAX - 10); /* wraps */
    refused(n, "needed a sound ELF file");
    weir_put16(image + 56, 0);
    refused(n, "0 program headers");
    weir_put16(image + 56, 65);
    refused(n, "65 program headers");
}

/* Linkers give a segment without bytes in the file any offset. */
static void elf_segment_of_zeros_lies_nowhere_in_the_file(void **state)
{
    size_t n = ld_elf(image, &(struct ld_spec){.second = 0x200000});
    struct weir_ld_elf elf;

    (void)state;
    weir_put64(image + 64 + 2 * 56 + 8, n + 0x1000);
    weir_put64(image + 64 + 2 * 56 + 32, 0);
    assert_int_equal(parse(image, n, &elf), 0);
    assert_int_equal(elf.nloads, 2);
    assert_int_equal(elf.load[0].filesz, 0);
    assert_int_equal(elf.load[0].memsz, 0x100);
    assert_int_equal(elf.load[0].offset, 0);
}

static void elf_with_too_many_segments(void **state)
{
    const unsigned many = WEIR_LD_MAX_LOADS + 1;
    size_t n = ld_elf(image, &(struct ld_spec){.code = 0x4000});
    uint8_t load[56], notes[56];
    struct weir_ld_elf elf;

    (void)state;
    memcpy(load, image + 64, 56);
    memcpy(notes, image + 64 + 56, 56);
    memmove(image + 0xe00, image + 0x400, 0x100);
    weir_put64(notes + 8, 0xe00);
    memcpy(image + 64, notes, 56);
    for (unsigned i = 0; i < many; i++) {
        weir_put64(load + 24, LD_BASE + i * 0x10000);
        memcpy(image + 64 + (i + 1) * 56, load, 56);
    }
    weir_put16(image + 56, (uint16_t)many);
    assert_int_equal(parse(image, n, &elf), 0);
    assert_int_equal(elf.nloads, WEIR_LD_MAX_LOADS);
    weir_put16(image + 56, (uint16_t)(many + 1));
    refused(n, "more than 18 segments");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elf_gives_segments_and_entry),
        cmocka_unit_test(elf_notes_of_either_size_and_alignment),
        cmocka_unit_test(notes_end_where_their_segment_ends),
        cmocka_unit_test(elf_without_pvh_entry_is_named),
        cmocka_unit_test(elf_of_other_machines_and_kinds),
        cmocka_unit_test(elf_cut_off_anywhere_is_refused),
        cmocka_unit_test(elf_with_impossible_segments),
        cmocka_unit_test(elf_segment_of_zeros_lies_nowhere_in_the_file),
        cmocka_unit_test(elf_with_too_many_segments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
