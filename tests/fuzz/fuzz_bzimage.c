/* SPDX-License-Identifier: MIT
 *
 * Kernel files of every format and packing: what a header claims lies in the
 * file, and what is unpacked stays in its room, of which the image itself says
 * the size.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/loader/image.h"
#include "ring/checked.h"

#define ROOM 65536u

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

static void unpack(const struct weir_ld_file *f, const uint8_t *bytes)
{
    size_t room = f->sized && f->unpacked_len < ROOM ? f->unpacked_len : ROOM;
    uint8_t *out = malloc(room ? room : 1); /* exact: overruns are seen */
    struct weir_ld_why why = {0};
    struct weir_ld_elf elf;
    size_t len = 0;
    int rc;

    check(out != NULL);
    rc = weir_ld_unpack(f->pack, bytes + f->payload, f->payload_len, out, room,
                        &len, &why);
    check(len <= room);
    if (rc == 0)
        rc = weir_ld_elf(out, len, &elf, &why);
    if (rc)
        check_why(&why);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    struct weir_ld_why why = {0};
    struct weir_ld_file f;

    check(copy != NULL);
    memcpy(copy, data, size);
    if (weir_ld_file(copy, size, &f, &why)) {
        check_why(&why);
    } else {
        check(weir_in_range(f.payload, f.payload_len, size));
        check(f.cmdline_max <= WEIR_LOAD_MAX_CMDLINE);
        if (f.format != WEIR_LD_ELF)
            unpack(&f, copy);
    }
    free(copy);
    return 0;
}
