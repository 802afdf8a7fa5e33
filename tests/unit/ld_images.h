/* SPDX-License-Identifier: MIT
 *
 * Small kernel images for the loader's tests, made byte by byte.
 */
#ifndef WEIR_TESTS_UNIT_LD_IMAGES_H
#define WEIR_TESTS_UNIT_LD_IMAGES_H

#include "hypervisor/loader/image.h"

#define LD_CODE   0x1000u /* file offset of the first segment */
#define LD_HEADER 0x250u  /* of a bzImage */
#define LD_BASE   0x1000000u

/* Zero fields mean the usual: 64 bits, entry at the start of the code. */
struct ld_spec {
    unsigned bits;   /* 64 */
    unsigned type;   /* ET_EXEC */
    uint64_t paddr;  /* LD_BASE */
    size_t code;     /* bytes in the file: 0x3000 */
    uint64_t bss;    /* more bytes in memory: 0x5000 */
    uint64_t second; /* paddr of a second segment of 0x100 bytes; 0: none */
    uint64_t entry;
    unsigned entry_size; /* of the note's number: 8, in 32 bits 4 */
    bool no_entry;
    const char *guest_os; /* NULL: no such note */
    bool page_note;
    bool notes_8; /* notes aligned to 8 */
    /* A pair of vmcall functions at this offset of the code; 0: none. */
    size_t stubs;
    unsigned stubs_apart; /* 16 */
    bool stubs_jump;      /* jmp instead of ret */
    bool stubs_endbr;     /* begin with endbr64 */
};

/* Returns the length; out has room for code + 0x2000. */
size_t ld_elf(uint8_t *out, const struct ld_spec *spec);
/* The two functions; at 16 * n of the linked address. */
void ld_stubs(uint8_t *at, unsigned apart, bool jump, bool endbr);

/* Returns the length; out has room for 2 * n + 4096. */
size_t ld_pack(enum weir_ld_pack pack, const uint8_t *in, size_t n,
               uint8_t *out);
/* A bzImage around a packed payload, behind which the unpacked size is put
 * (gzip has it).  out has room for n + 4096. */
size_t ld_bzimage(enum weir_ld_pack pack, const uint8_t *payload, size_t n,
                  uint32_t unpacked, uint8_t *out);

#endif
