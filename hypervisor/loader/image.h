/* SPDX-License-Identifier: MIT
 *
 * What weir-load knows of images: pure functions, bytes in, places out.  The
 * bytes are untrusted and private to the caller (nobody changes them
 * meanwhile).  Nothing is allocated, but by the decompressors within their
 * bounds (unpack.c).
 *
 * All functions return 0 or -errno; then why tells what was found and what is
 * needed: "found ...; needed ...", without the file's name.
 */
#ifndef WEIR_HYPERVISOR_LOADER_IMAGE_H
#define WEIR_HYPERVISOR_LOADER_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/loader/load_abi.h"

#define WEIR_LD_MAX_LOADS  (WEIR_LOAD_MAX_SEGMENTS - 2)
#define WEIR_LD_MAX_KERNEL (UINT64_C(512) << 20) /* bytes, unpacked or not */
#define WEIR_LD_MAX_TABLES 8192u
#define WEIR_LD_MAX_VCPUS  8u
#define WEIR_LD_PAGE       UINT64_C(4096)
#define WEIR_LD_MAX_PAGES  (UINT64_C(1) << 28) /* of a VM: 1 TiB */

struct weir_ld_why {
    bool ramdisk; /* of the ramdisk, else of the kernel */
    char text[400];
};

/* Writes why, returns rc. */
__attribute__((format(printf, 3, 4))) int
weir_ld_refuse(struct weir_ld_why *why, int rc, const char *fmt, ...);

/* elf.c ------------------------------------------------------------------- */

struct weir_ld_load {
    uint64_t paddr;          /* guest-physical */
    uint64_t vaddr;          /* where it is linked */
    uint64_t offset, filesz; /* bytes in the file */
    uint64_t memsz;          /* bytes in memory, >= filesz */
    bool exec;
};

struct weir_ld_elf {
    unsigned bits; /* 32, 64 */
    uint32_t entry;
    unsigned nloads; /* ascending by paddr, not empty, do not overlap */
    struct weir_ld_load load[WEIR_LD_MAX_LOADS];
    bool hypercall_page; /* has the note of a page in its image */
    char guest_os[32];   /* note: "linux"; printable, "": none */
};

/* A PVH kernel: every segment within the n bytes, the entry within one. */
int weir_ld_elf(const uint8_t *bytes, size_t n, struct weir_ld_elf *out,
                struct weir_ld_why *why);

/* bzimage.c --------------------------------------------------------------- */

enum weir_ld_format {
    WEIR_LD_ELF,
    WEIR_LD_BZIMAGE,
    WEIR_LD_PACKED, /* a compressed file, hopefully of an ELF */
    WEIR_LD_FORMATS
};

enum weir_ld_pack {
    WEIR_LD_PLAIN, /* nothing known */
    WEIR_LD_GZIP,
    WEIR_LD_XZ,
    WEIR_LD_LZMA,
    WEIR_LD_ZSTD,
    WEIR_LD_LZ4,       /* legacy frames, as kernels have them */
    WEIR_LD_LZ4_FRAME, /* from here on known by name only */
    WEIR_LD_BZIP2,
    WEIR_LD_LZO,
    WEIR_LD_PACKS
};

/* A kernel file, by its first bytes and, in a bzImage, its header. */
struct weir_ld_file {
    enum weir_ld_format format;
    enum weir_ld_pack pack; /* of the payload or file */
    uint64_t payload, payload_len;
    bool sized; /* unpacked_len is said by the image */
    uint64_t unpacked_len;
    uint32_t cmdline_max; /* bytes without the zero */
    uint16_t protocol;    /* bzImage: boot protocol, 0x020f */
};

int weir_ld_file(const uint8_t *bytes, size_t n, struct weir_ld_file *out,
                 struct weir_ld_why *why);

/* unpack.c ---------------------------------------------------------------- */

/* Only the decompressor's state is allocated, at most this, and for XZ and
 * LZMA the dictionary is in it. */
#define WEIR_LD_UNPACK_MEMORY (UINT64_C(160) << 20)

enum weir_ld_pack weir_ld_pack_of(const uint8_t *bytes, size_t n);
const char *weir_ld_pack_name(enum weir_ld_pack pack);
/* Into out, which has room for max bytes; *len is what came.  Bytes after the
 * packed data's own end are left alone. */
int weir_ld_unpack(enum weir_ld_pack pack, const uint8_t *in, size_t n,
                   uint8_t *out, size_t max, size_t *len,
                   struct weir_ld_why *why);

/* stubs.c ----------------------------------------------------------------- */

/* How a kernel makes hypercalls. */
enum weir_ld_calls {
    WEIR_LD_CALLS_PAGE,  /* through a hypercall page, for all that is known */
    WEIR_LD_CALLS_STUBS, /* Linux since December 2024: vmcall, vmmcall in two
                            functions, at[0] and at[1] in the file */
    WEIR_LD_CALLS_OTHER, /* such a Linux, but its stubs were not found */
};

struct weir_ld_stubs {
    enum weir_ld_calls calls;
    unsigned found; /* pairs */
    uint64_t at[2];
};

#define WEIR_LD_STUB_SIZE 3

void weir_ld_stubs(const uint8_t *bytes, const struct weir_ld_elf *elf,
                   struct weir_ld_stubs *out);
/* For hosts without KVM's Xen support; returns the number rewritten, 0 or 2. */
int weir_ld_rewrite(uint8_t *bytes, const struct weir_ld_stubs *stubs,
                    struct weir_ld_why *why);

/* acpi.c ------------------------------------------------------------------ */

/* The tables for so many vCPUs, at guest-physical address gpa, a multiple of
 * 16 below 4 GiB; the root pointer comes first.  Returns their length, at most
 * WEIR_LD_ACPI_MAX. */
#define WEIR_LD_ACPI_MAX 1024u
size_t weir_ld_acpi(uint8_t out[WEIR_LD_ACPI_MAX], uint32_t gpa,
                    unsigned vcpus);

/* place.c ----------------------------------------------------------------- */

struct weir_ld_vm {
    uint64_t ram_pages;
    uint32_t vcpus;
    const char *cmdline; /* NULL: none */
    uint32_t cmdline_max;
    bool has_ramdisk;
    uint64_t ramdisk_size; /* bytes */
};

struct weir_ld_plan {
    uint32_t entry, start_info;
    uint64_t ramdisk_gpa, tables_gpa;
    size_t tables_len;
    uint8_t tables[WEIR_LD_MAX_TABLES]; /* ACPI, start info, command line */
};

/* MiB of memory that an ELF and a ramdisk (0 bytes: none) take at the least. */
uint64_t weir_ld_needs(const struct weir_ld_elf *elf, uint64_t ramdisk_size);
/* Where everything goes; checks that it fits. */
int weir_ld_place(const struct weir_ld_elf *elf, const struct weir_ld_vm *vm,
                  struct weir_ld_plan *out, struct weir_ld_why *why);

#endif
