/* SPDX-License-Identifier: MIT
 *
 * Packed kernels and bzImages: what unpacks, and what is said of those that
 * don't.
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

/* LZ4's legacy format is cut in pieces of 8 MiB. */
static void a_payload_of_several_pieces(void **state)
{
    const size_t n = (17u << 20) + 3;
    uint8_t *in = malloc(n), *pk = malloc(2 * n + 4096), *back = malloc(n);

    (void)state;
    assert_true(in && pk && back);
    for (size_t i = 0; i < n; i++)
        in[i] = (uint8_t)(i >> 13);
    for (unsigned i = 0; i < NPACKS; i++) {
        size_t len, m = ld_pack(packs[i], in, n, pk);

        memset(back, 0xcc, n);
        assert_int_equal(weir_ld_unpack(packs[i], pk, m, back, n, &len, &why),
                         0);
        assert_int_equal(len, n);
        assert_memory_equal(back, in, n);
    }
    free(in);
    free(pk);
    free(back);
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
        cmocka_unit_test(every_packing_unpacks),
        cmocka_unit_test(a_payload_of_several_pieces),
        cmocka_unit_test(unpacking_never_passes_its_bound),
        cmocka_unit_test(damaged_payloads_are_refused),
        cmocka_unit_test(packings_that_are_known_by_name),
        cmocka_unit_test(a_great_dictionary_is_refused),
        cmocka_unit_test(bzimages_that_are_none),
        cmocka_unit_test(old_setup_is_four_sectors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
