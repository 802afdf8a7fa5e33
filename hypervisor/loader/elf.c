/* SPDX-License-Identifier: MIT
 *
 * ELF kernels with a PVH entry (start_abi.h): segments and Xen's notes.
 */
#include "hypervisor/loader/image.h"

#include <elf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ring/bytes.h"
#include "ring/checked.h"
#include "ring/start_abi.h"

#define MAX_PHDRS 64u

int weir_ld_refuse(struct weir_ld_why *why, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, ap);
    va_end(ap);
    return rc;
}

struct phdr {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

/* Where both kinds of ELF have their program headers. */
struct table {
    unsigned bits;
    uint64_t offset;
    unsigned size, n;
};

static void read_phdr(const uint8_t *p, unsigned bits, struct phdr *out)
{
    out->type = weir_le32(p);
    if (bits == 64) {
        out->flags = weir_le32(p + 4);
        out->offset = weir_le64(p + 8);
        out->vaddr = weir_le64(p + 16);
        out->paddr = weir_le64(p + 24);
        out->filesz = weir_le64(p + 32);
        out->memsz = weir_le64(p + 40);
        out->align = weir_le64(p + 48);
    } else {
        out->offset = weir_le32(p + 4);
        out->vaddr = weir_le32(p + 8);
        out->paddr = weir_le32(p + 12);
        out->filesz = weir_le32(p + 16);
        out->memsz = weir_le32(p + 20);
        out->flags = weir_le32(p + 24);
        out->align = weir_le32(p + 28);
    }
}

static int check_ident(const uint8_t *b, size_t n, struct weir_ld_why *why)
{
    unsigned machine, type;

    if (n < sizeof(Elf32_Ehdr) ||
        (b[EI_CLASS] == ELFCLASS64 && n < sizeof(Elf64_Ehdr)))
        return weir_ld_refuse(why, -EINVAL,
                              "found %zu bytes, an ELF header that is cut "
                              "off; needed the whole file",
                              n);
    if ((b[EI_CLASS] != ELFCLASS32 && b[EI_CLASS] != ELFCLASS64) ||
        b[EI_DATA] != ELFDATA2LSB)
        return weir_ld_refuse(why, -EINVAL,
                              "found an ELF file of class %u, byte order %u; "
                              "needed a little-endian x86 kernel",
                              b[EI_CLASS], b[EI_DATA]);
    type = weir_le16(b + 16);
    machine = weir_le16(b + 18);
    if (machine != (b[EI_CLASS] == ELFCLASS64 ? EM_X86_64 : EM_386))
        return weir_ld_refuse(why, -EINVAL,
                              "found a %d-bit ELF file for machine %u; needed "
                              "x86-64 (62), or 32-bit x86 (3)",
                              b[EI_CLASS] == ELFCLASS64 ? 64 : 32, machine);
    if (type != ET_EXEC && type != ET_DYN)
        return weir_ld_refuse(why, -EINVAL,
                              "found an ELF file of type %u%s; needed an "
                              "executable kernel (2 or 3)",
                              type, type == ET_REL ? ", an object file" : "");
    return 0;
}

static int find_table(const uint8_t *b, size_t n, struct table *t,
                      struct weir_ld_why *why)
{
    int rc = check_ident(b, n, why);

    if (rc)
        return rc;
    if (b[EI_CLASS] == ELFCLASS64)
        *t = (struct table){64, weir_le64(b + 32), weir_le16(b + 54),
                            weir_le16(b + 56)};
    else
        *t = (struct table){32, weir_le32(b + 28), weir_le16(b + 42),
                            weir_le16(b + 44)};
    if (t->size < (t->bits == 64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr)) ||
        t->n == 0 || t->n > MAX_PHDRS)
        return weir_ld_refuse(why, -EINVAL,
                              "found an ELF file with %u program headers of "
                              "%u bytes; needed 1 to %u",
                              t->n, t->size, MAX_PHDRS);
    if (!weir_in_range(t->offset, (uint64_t)t->size * t->n, n))
        return weir_ld_refuse(why, -EINVAL,
                              "found %zu bytes, cut off before the program "
                              "headers at %llu; needed the whole file",
                              n, (unsigned long long)t->offset);
    return 0;
}

/* Keeps the loads sorted by paddr. */
static int add_load(struct weir_ld_elf *e, const struct phdr *p, size_t n,
                    struct weir_ld_why *why)
{
    unsigned i = e->nloads;
    uint64_t end;

    if (p->memsz == 0 && p->filesz == 0)
        return 0;
    if (p->filesz > p->memsz || !weir_add_u64(p->paddr, p->memsz, &end))
        return weir_ld_refuse(why, -EINVAL,
                              "found a segment at 0x%llx with 0x%llx bytes in "
                              "the file and 0x%llx in memory; needed a sound "
                              "ELF file",
                              (unsigned long long)p->paddr,
                              (unsigned long long)p->filesz,
                              (unsigned long long)p->memsz);
    if (p->filesz && !weir_in_range(p->offset, p->filesz, n))
        return weir_ld_refuse(
            why, -EINVAL,
            "found %zu bytes, cut off: the segment at 0x%llx is 0x%llx bytes "
            "at 0x%llx of the file; needed the whole file",
            n, (unsigned long long)p->paddr, (unsigned long long)p->filesz,
            (unsigned long long)p->offset);
    if (e->nloads == WEIR_LD_MAX_LOADS)
        return weir_ld_refuse(why, -EINVAL,
                              "found more than %u segments; needed a kernel "
                              "with fewer",
                              WEIR_LD_MAX_LOADS);
    for (; i > 0 && e->load[i - 1].paddr > p->paddr; i--)
        e->load[i] = e->load[i - 1];
    e->load[i] = (struct weir_ld_load){.paddr = p->paddr,
                                       .vaddr = p->vaddr,
                                       .offset = p->filesz ? p->offset : 0,
                                       .filesz = p->filesz,
                                       .memsz = p->memsz,
                                       .exec = p->flags & PF_X};
    e->nloads++;
    return 0;
}

static void take_name(char *to, size_t size, const uint8_t *from, size_t n)
{
    size_t i;

    for (i = 0; i + 1 < size && i < n && from[i]; i++)
        to[i] = from[i] > ' ' && from[i] < 127 ? (char)from[i] : '?';
    to[i] = 0;
}

static int take_note(struct weir_ld_elf *e, uint32_t type, const uint8_t *desc,
                     uint32_t n, uint64_t *entry, struct weir_ld_why *why)
{
    if (type == WEIR_ELFNOTE_HYPERCALL_PAGE)
        e->hypercall_page = true;
    else if (type == WEIR_ELFNOTE_GUEST_OS)
        take_name(e->guest_os, sizeof(e->guest_os), desc, n);
    else if (type != WEIR_ELFNOTE_PHYS32_ENTRY)
        return 0;
    else if (n == 4)
        *entry = weir_le32(desc);
    else if (n == 8)
        *entry = weir_le64(desc);
    else
        return weir_ld_refuse(why, -EINVAL,
                              "found a PVH entry note of %u bytes; needed 4 "
                              "or 8",
                              n);
    return 0;
}

/* One PT_NOTE segment.  Notes that do not hold together end the search in it:
 * a kernel may have others. */
static int take_notes(struct weir_ld_elf *e, const uint8_t *p, uint64_t n,
                      uint64_t align, uint64_t *entry, struct weir_ld_why *why)
{
    const uint64_t mask = align == 8 ? 7 : 3;
    int rc = 0;

    while (rc == 0 && n >= 12) {
        uint64_t namesz = weir_le32(p), descsz = weir_le32(p + 4);
        uint64_t desc = (12 + namesz + mask) & ~mask;
        uint64_t next = (desc + descsz + mask) & ~mask;

        if (!weir_in_range(desc, descsz, n))
            break;
        if (namesz == sizeof(WEIR_ELFNOTE_NAME) &&
            memcmp(p + 12, WEIR_ELFNOTE_NAME, namesz) == 0)
            rc = take_note(e, weir_le32(p + 8), p + desc, (uint32_t)descsz,
                           entry, why);
        if (next >= n)
            break;
        p += next;
        n -= next;
    }
    return rc;
}

static int check_loads(const struct weir_ld_elf *e, uint64_t entry,
                       struct weir_ld_why *why)
{
    bool inside = false;

    for (unsigned i = 0; i < e->nloads; i++) {
        const struct weir_ld_load *l = &e->load[i];

        if (i > 0 && l[-1].paddr + l[-1].memsz > l->paddr)
            return weir_ld_refuse(why, -EINVAL,
                                  "found segments at 0x%llx and 0x%llx that "
                                  "overlap; needed a sound ELF file",
                                  (unsigned long long)l[-1].paddr,
                                  (unsigned long long)l->paddr);
        inside = inside || (entry >= l->paddr && entry - l->paddr < l->filesz);
    }
    if (!inside || entry > UINT32_MAX)
        return weir_ld_refuse(why, -EINVAL,
                              "found a PVH entry at 0x%llx, outside of its "
                              "segments; needed a sound kernel",
                              (unsigned long long)entry);
    return 0;
}

int weir_ld_elf(const uint8_t *bytes, size_t n, struct weir_ld_elf *out,
                struct weir_ld_why *why)
{
    uint64_t entry = UINT64_MAX;
    struct table t = {0};
    int rc = find_table(bytes, n, &t, why);

    memset(out, 0, sizeof(*out));
    out->bits = t.bits;
    for (unsigned i = 0; rc == 0 && i < t.n; i++) {
        struct phdr p;

        read_phdr(bytes + t.offset + (uint64_t)i * t.size, t.bits, &p);
        if (p.type == PT_LOAD)
            rc = add_load(out, &p, n, why);
        else if (p.type == PT_NOTE && weir_in_range(p.offset, p.filesz, n))
            rc = take_notes(out, bytes + p.offset, p.filesz, p.align, &entry,
                            why);
    }
    if (rc)
        return rc;
    if (entry == UINT64_MAX)
        return weir_ld_refuse(why, -EINVAL,
                              "found a %u-bit ELF file without a PVH entry "
                              "(Xen note 18); needed a kernel built for it, "
                              "Linux with CONFIG_PVH=y",
                              t.bits);
    rc = check_loads(out, entry, why);
    out->entry = (uint32_t)entry;
    return rc;
}
