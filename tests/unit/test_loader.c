/* SPDX-License-Identifier: MIT
 *
 * Kernel files: what is taken from them, and what is said of those that can't
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

static uint8_t image[ROOM], packed[2 * ROOM + 8192], file[2 * ROOM + 16384],
    out[ROOM];
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

/* ---- packed ------------------------------------------------------------- */

static const enum weir_ld_pack packs[] = {
    WEIR_LD_GZIP, WEIR_LD_XZ, WEIR_LD_LZMA, WEIR_LD_ZSTD, WEIR_LD_LZ4};
#define NPACKS (sizeof(packs) / sizeof(packs[0]))

static size_t make_bzimage(enum weir_ld_pack p, size_t *elf_len)
{
    size_t n;

    *elf_len = ld_elf(image, &(struct ld_spec){.code = 0x20000});
    n = ld_pack(p, image, *elf_len, packed);
    return ld_bzimage(p, packed, n, (uint32_t)*elf_len, file);
}

static void every_packing_unpacks(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NPACKS; i++) {
        struct weir_ld_file f;
        size_t elf_len, len, n = make_bzimage(packs[i], &elf_len);

        assert_int_equal(weir_ld_file(file, n, &f, &why), 0);
        assert_int_equal(f.format, WEIR_LD_BZIMAGE);
        assert_int_equal(f.pack, packs[i]);
        assert_true(f.sized);
        assert_int_equal(f.unpacked_len, elf_len);
        assert_int_equal(f.cmdline_max, 2047);
        memset(out, 0, sizeof(out));
        assert_int_equal(weir_ld_unpack(f.pack, file + f.payload, f.payload_len,
                                        out, elf_len, &len, &why),
                         0);
        assert_int_equal(len, elf_len);
        assert_memory_equal(out, image, elf_len);
    }
}

static void unpacking_never_passes_its_bound(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NPACKS; i++) {
        struct weir_ld_file f;
        size_t elf_len, len, n = make_bzimage(packs[i], &elf_len);
        uint8_t *exact = malloc(elf_len - 1);

        assert_non_null(exact);
        assert_int_equal(weir_ld_file(file, n, &f, &why), 0);
        assert_int_equal(weir_ld_unpack(f.pack, file + f.payload, f.payload_len,
                                        exact, elf_len - 1, &len, &why),
                         -EINVAL);
        said("unpacks to more than");
        said(weir_ld_pack_name(packs[i]));
        free(exact);
    }
}

static void damaged_payloads_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < NPACKS; i++) {
        size_t elf_len, len, n;

        elf_len = ld_elf(image, &(struct ld_spec){.code = 0x20000});
        n = ld_pack(packs[i], image, elf_len, packed);
        /* LZ4's legacy format has no end mark: a cut between chunks is one. */
        for (size_t cut = packs[i] == WEIR_LD_LZ4 ? 9 : 8; cut < n;
             cut += n / 50 + 1) {
            assert_int_equal(weir_ld_unpack(packs[i], packed, cut, out,
                                            sizeof(out), &len, &why),
                             -EINVAL);
            said("cut off");
        }
        memset(packed + n / 2, 0xff, 16);
        memset(packed + n / 2 + 16, 0, 16);
        if (weir_ld_unpack(packs[i], packed, n, out, sizeof(out), &len, &why))
            said(weir_ld_pack_name(packs[i]));
        else /* neither LZMA nor LZ4 has a checksum */
            assert_true(packs[i] == WEIR_LD_LZMA || packs[i] == WEIR_LD_LZ4);
    }
}

static void packings_that_are_known_by_name(void **state)
{
    static const struct {
        const char *magic, *name;
    } names[] = {{"BZh91AY&SY", "packed with bzip2"},
                 {"\x89LZO\0\r\n\x1a\n", "packed with LZO"},
                 {"\x04\x22\x4d\x18 frame", "packed with LZ4 (frame format)"}};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct weir_ld_file f;
        size_t len, n;

        memset(packed, 0, 64);
        memcpy(packed, names[i].magic, strlen(names[i].magic));
        n = ld_bzimage(WEIR_LD_BZIP2, packed, 64, 1000, file);
        assert_int_equal(weir_ld_file(file, n, &f, &why), 0);
        assert_int_equal(weir_ld_unpack(f.pack, file + f.payload, f.payload_len,
                                        out, sizeof(out), &len, &why),
                         -EINVAL);
        said(names[i].name);
    }
}

/* 1.5 GiB: more than the decompressor may take. */
static void a_great_dictionary_is_refused(void **state)
{
    uint8_t lzma[32] = {0x5d, 0, 0, 0, 0x60};
    size_t len;

    (void)state;
    memset(lzma + 5, 0xff, 8); /* size unknown */
    assert_int_equal(weir_ld_unpack(WEIR_LD_LZMA, lzma, sizeof(lzma), out,
                                    sizeof(out), &len, &why),
                     -ENOMEM);
    said("dictionary");
}

static void file_refused(size_t n, const char *found)
{
    struct weir_ld_file f;

    assert_int_equal(weir_ld_file(file, n, &f, &why), -EINVAL);
    said(found);
}

static void bzimages_that_are_none(void **state)
{
    size_t elf_len, n = make_bzimage(WEIR_LD_ZSTD, &elf_len);
    const size_t payload = weir_le32(file + 0x24c);

    (void)state;
    file_refused(0x220, "a Linux header that is cut off");
    file_refused(n - 65, "cut off: the payload ends at");
    weir_put32(file + 0x248, UINT32_MAX);
    file_refused(n, "cut off");
    weir_put32(file + 0x248, 0x80);
    weir_put32(file + 0x24c, UINT32_MAX);
    file_refused(n, "cut off");
    weir_put32(file + 0x24c, 7);
    file_refused(n, "a payload of 7 bytes");
    weir_put32(file + 0x24c, (uint32_t)payload);
    file[0x211] = 0;
    file_refused(n, "found a zImage");
    file[0x211] = 1;
    weir_put16(file + 0x206, 0x0207);
    file_refused(n, "boot protocol 2.07");
    weir_put16(file + 0x206, 0x020f);
    memcpy(file + 0x480, "what", 4);
    file_refused(n, "payload begins with 77 68 61 74");
    memcpy(file + 0x202, "none", 4);
    file_refused(n, "an EFI program");
    file[0] = 'a';
    file_refused(n, "begins with 61 5a 00 00");
    file_refused(3, "a file of 3 bytes");
    file_refused(0, "an empty file");
}

/* setup_sects 0 means 4, from a time before the field. */
static void old_setup_is_four_sectors(void **state)
{
    struct weir_ld_file f;

    (void)state;
    memset(file, 0, 8192);
    ld_bzimage(WEIR_LD_ZSTD, (const uint8_t *)"12345678", 8, 4, file);
    memcpy(file + 5 * 512 + 0x80, "\x28\xb5\x2f\xfd", 4);
    file[0x1f1] = 0;
    assert_int_equal(weir_ld_file(file, 8192, &f, &why), 0);
    assert_int_equal(f.payload, 5 * 512 + 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(elf_gives_segments_and_entry),
        cmocka_unit_test(elf_notes_of_either_size_and_alignment),
        cmocka_unit_test(elf_without_pvh_entry_is_named),
        cmocka_unit_test(elf_of_other_machines_and_kinds),
        cmocka_unit_test(elf_cut_off_anywhere_is_refused),
        cmocka_unit_test(elf_with_impossible_segments),
        cmocka_unit_test(elf_with_too_many_segments),
        cmocka_unit_test(every_packing_unpacks),
        cmocka_unit_test(unpacking_never_passes_its_bound),
        cmocka_unit_test(damaged_payloads_are_refused),
        cmocka_unit_test(packings_that_are_known_by_name),
        cmocka_unit_test(a_great_dictionary_is_refused),
        cmocka_unit_test(bzimages_that_are_none),
        cmocka_unit_test(old_setup_is_four_sectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
