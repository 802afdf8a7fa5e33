/* SPDX-License-Identifier: MIT */
#include "tests/unit/ld_images.h"

#include <elf.h>
#include <lz4.h>
#include <lzma.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "ring/bytes.h"
#include "ring/start_abi.h"

#define NOTES 0x400u

static void must(int condition)
{
    if (!condition)
        abort();
}

struct note {
    uint8_t *at;
    size_t n;
    size_t align;
};

static void note(struct note *w, const char *name, uint32_t type,
                 const void *desc, size_t n)
{
    size_t name_n = strlen(name) + 1;
    size_t start = (12 + name_n + w->align - 1) & ~(w->align - 1);
    uint8_t *p = w->at + w->n;

    weir_put32(p, (uint32_t)name_n);
    weir_put32(p + 4, (uint32_t)n);
    weir_put32(p + 8, type);
    memcpy(p + 12, name, name_n);
    memcpy(p + start, desc, n);
    w->n += (start + n + w->align - 1) & ~(w->align - 1);
}

static size_t put_notes(uint8_t *at, const struct ld_spec *s)
{
    struct note w = {at, 0, s->notes_8 ? 8 : 4};
    uint8_t number[8];

    note(&w, "GNU", 3, "0123456789", 10);
    if (s->guest_os)
        note(&w, "Xen", WEIR_ELFNOTE_GUEST_OS, s->guest_os,
             strlen(s->guest_os) + 1);
    weir_put64(number, 0xffffffff81000000u);
    if (s->page_note)
        note(&w, "Xen", WEIR_ELFNOTE_HYPERCALL_PAGE, number, 8);
    weir_put64(number, s->entry);
    if (!s->no_entry)
        note(&w, "Xen", WEIR_ELFNOTE_PHYS32_ENTRY, number, s->entry_size);
    return w.n;
}

static void put_phdr(uint8_t *out, unsigned bits, unsigned i, uint32_t type,
                     uint32_t flags, uint64_t offset, uint64_t paddr,
                     uint64_t filesz, uint64_t memsz, uint64_t align)
{
    if (bits == 64) {
        const Elf64_Phdr p = {
            .p_type = type,
            .p_flags = flags,
            .p_offset = offset,
            .p_vaddr = 0xffffffff80000000u + paddr,
            .p_paddr = paddr,
            .p_filesz = filesz,
            .p_memsz = memsz,
            .p_align = align,
        };

        memcpy(out + 64 + i * sizeof(p), &p, sizeof(p));
    } else {
        const Elf32_Phdr p = {
            .p_type = type,
            .p_flags = flags,
            .p_offset = (uint32_t)offset,
            .p_vaddr = 0xc0000000u + (uint32_t)paddr,
            .p_paddr = (uint32_t)paddr,
            .p_filesz = (uint32_t)filesz,
            .p_memsz = (uint32_t)memsz,
            .p_align = (uint32_t)align,
        };

        memcpy(out + 64 + i * sizeof(p), &p, sizeof(p));
    }
}

static void put_ehdr(uint8_t *out, const struct ld_spec *s, unsigned phnum)
{
    memcpy(out, ELFMAG, SELFMAG);
    out[EI_CLASS] = s->bits == 64 ? ELFCLASS64 : ELFCLASS32;
    out[EI_DATA] = ELFDATA2LSB;
    out[EI_VERSION] = EV_CURRENT;
    weir_put16(out + 16, (uint16_t)s->type);
    weir_put16(out + 18, s->bits == 64 ? EM_X86_64 : EM_386);
    weir_put32(out + 20, EV_CURRENT);
    if (s->bits == 64) {
        weir_put64(out + 32, 64);
        weir_put16(out + 54, sizeof(Elf64_Phdr));
        weir_put16(out + 56, (uint16_t)phnum);
    } else {
        weir_put32(out + 28, 64);
        weir_put16(out + 42, sizeof(Elf32_Phdr));
        weir_put16(out + 44, (uint16_t)phnum);
    }
}

void ld_stubs(uint8_t *at, unsigned apart, bool jump, bool endbr)
{
    if (endbr) {
        memcpy(at, "\xf3\x0f\x1e\xfa", 4);
        memcpy(at + apart, "\xf3\x0f\x1e\xfa", 4);
        at += 4;
    }
    memcpy(at, "\x0f\x01\xd9", 3);
    memcpy(at + apart, "\x0f\x01\xc1", 3);
    at[3] = at[apart + 3] = jump ? 0xe9 : 0xc3;
    if (jump) {
        weir_put32(at + 4, 0x123450);
        weir_put32(at + apart + 4, 0x123450 - apart);
    }
}

size_t ld_elf(uint8_t *out, const struct ld_spec *spec)
{
    struct ld_spec s = *spec;
    unsigned n = 2 + (s.second != 0);
    size_t len, notes;

    s.bits = s.bits ? s.bits : 64;
    s.type = s.type ? s.type : ET_EXEC;
    s.paddr = s.paddr ? s.paddr : LD_BASE;
    s.code = s.code ? s.code : 0x3000;
    s.bss = s.bss ? s.bss : 0x5000;
    s.entry = s.entry ? s.entry : s.paddr;
    s.entry_size = s.entry_size ? s.entry_size : s.bits / 8;
    len = LD_CODE + s.code;
    memset(out, 0, len + 0x100);
    for (size_t i = LD_CODE; i < len; i++)
        out[i] = (uint8_t)(i * 7 + (i >> 9) + 1);
    if (s.stubs)
        ld_stubs(out + LD_CODE + s.stubs, s.stubs_apart ? s.stubs_apart : 16,
                 s.stubs_jump, s.stubs_endbr);
    put_ehdr(out, &s, n);
    notes = put_notes(out + NOTES, &s);
    put_phdr(out, s.bits, 0, PT_LOAD, PF_R | PF_W | PF_X, LD_CODE, s.paddr,
             s.code, s.code + s.bss, 0x1000);
    put_phdr(out, s.bits, 1, PT_NOTE, PF_R, NOTES, s.paddr + NOTES, notes,
             notes, s.notes_8 ? 8 : 4);
    if (!s.second)
        return len;
    put_phdr(out, s.bits, 2, PT_LOAD, PF_R, len, s.second, 0x100, 0x100, 0x100);
    memset(out + len, 0x5a, 0x100);
    return len + 0x100;
}

static size_t pack_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
    z_stream z = {
        .avail_in = (uInt)n, .next_out = out, .avail_out = (uInt)room};

    memcpy(&z.next_in, &in, sizeof(in));
    must(deflateInit2(&z, 9, Z_DEFLATED, 16 + MAX_WBITS, 9,
                      Z_DEFAULT_STRATEGY) == Z_OK);
    must(deflate(&z, Z_FINISH) == Z_STREAM_END);
    deflateEnd(&z);
    return z.total_out;
}

static size_t pack_lzma(bool alone, const uint8_t *in, size_t n, uint8_t *out,
                        size_t room)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_options_lzma o;
    lzma_ret rc;

    must(!lzma_lzma_preset(&o, 6));
    rc = alone ? lzma_alone_encoder(&s, &o)
               : lzma_easy_encoder(&s, 6, LZMA_CHECK_CRC32);
    must(rc == LZMA_OK);
    s.next_in = in;
    s.avail_in = n;
    s.next_out = out;
    s.avail_out = room;
    must(lzma_code(&s, LZMA_FINISH) == LZMA_STREAM_END);
    lzma_end(&s);
    return room - s.avail_out;
}

static size_t pack_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t room)
{
    size_t done = 0, len = 4;

    memcpy(out, "\x02\x21\x4c\x18", 4);
    while (done < n) {
        size_t chunk = n - done < (8u << 20) ? n - done : 8u << 20;
        int got =
            LZ4_compress_default((const char *)in + done, (char *)out + len + 4,
                                 (int)chunk, (int)(room - len - 4));

        must(got > 0);
        weir_put32(out + len, (uint32_t)got);
        len += 4 + (size_t)got;
        done += chunk;
    }
    return len;
}

size_t ld_pack(enum weir_ld_pack pack, const uint8_t *in, size_t n,
               uint8_t *out)
{
    size_t room = 2 * n + 4096, rc;

    switch (pack) {
    case WEIR_LD_GZIP:
        return pack_gzip(in, n, out, room);
    case WEIR_LD_XZ:
        return pack_lzma(false, in, n, out, room);
    case WEIR_LD_LZMA:
        return pack_lzma(true, in, n, out, room);
    case WEIR_LD_ZSTD:
        rc = ZSTD_compress(out, room, in, n, 19);
        must(!ZSTD_isError(rc));
        return rc;
    case WEIR_LD_LZ4:
        return pack_lz4(in, n, out, room);
    default:
        abort();
    }
}

size_t ld_bzimage(enum weir_ld_pack pack, const uint8_t *payload, size_t n,
                  uint32_t unpacked, uint8_t *out)
{
    const unsigned sects = 1, skip = 0x80;
    size_t at = (sects + 1) * 512 + skip;

    memset(out, 0, at);
    memcpy(out, "MZ", 2);
    out[0x1f1] = (uint8_t)sects;
    weir_put16(out + 0x1fe, 0xaa55);
    memcpy(out + 0x202, "HdrS", 4);
    weir_put16(out + 0x206, 0x020f);
    out[0x211] = 1;
    weir_put32(out + 0x238, 2047);
    weir_put32(out + 0x248, skip);
    memcpy(out + at, payload, n);
    if (pack != WEIR_LD_GZIP) {
        weir_put32(out + at + n, unpacked);
        n += 4;
    }
    weir_put32(out + 0x24c, (uint32_t)n);
    memset(out + at + n, 0xee, 64); /* the rest of such a file */
    return at + n + 64;
}
