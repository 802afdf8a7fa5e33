/* SPDX-License-Identifier: MIT
 *
 * What kind of file a kernel is.  A bzImage is Linux's real-mode setup, then
 * the protected-mode part, which holds the packed ELF kernel; from boot
 * protocol 2.08 on its header tells where.  The payload's last four bytes are
 * the unpacked size: gzip has it as its own trailer, behind other formats the
 * kernel's build puts it.
 */
#include "hypervisor/loader/image.h"

#include <errno.h>
#include <string.h>

#include "ring/bytes.h"
#include "ring/checked.h"

/* Offsets in the file. */
#define SETUP_SECTS    0x1f1u
#define BOOT_FLAG      0x1feu
#define HEADER_MAGIC   0x202u
#define PROTOCOL       0x206u
#define LOADFLAGS      0x211u
#define CMDLINE_SIZE   0x238u
#define PAYLOAD_OFFSET 0x248u
#define PAYLOAD_LENGTH 0x24cu
#define HEADER_END     0x250u

#define SECTOR           512u
#define LOADED_HIGH      1u
#define PROTOCOL_PAYLOAD 0x0208u

static bool is_bzimage(const uint8_t *b, size_t n)
{
    return n >= LOADFLAGS + 1 && weir_le16(b + BOOT_FLAG) == 0xaa55 &&
           memcmp(b + HEADER_MAGIC, "HdrS", 4) == 0;
}

static int check_header(const uint8_t *b, size_t n, struct weir_ld_file *out,
                        struct weir_ld_why *why)
{
    if (n < HEADER_END)
        return weir_ld_refuse(why, -EINVAL,
                              "found %zu bytes, a Linux header that is cut "
                              "off; needed the whole file",
                              n);
    out->protocol = weir_le16(b + PROTOCOL);
    if (out->protocol < PROTOCOL_PAYLOAD)
        return weir_ld_refuse(why, -EINVAL,
                              "found a Linux kernel of boot protocol %u.%02u; "
                              "needed 2.08 or later (Linux 2.6.26)",
                              out->protocol >> 8, out->protocol & 0xff);
    if (!(b[LOADFLAGS] & LOADED_HIGH))
        return weir_ld_refuse(why, -EINVAL,
                              "found a zImage; needed a bzImage or the ELF "
                              "kernel (vmlinux)");
    return 0;
}

/* Where the payload is, its kind and its size. */
static int find_payload(const uint8_t *b, size_t n, struct weir_ld_file *out,
                        struct weir_ld_why *why)
{
    unsigned sects = b[SETUP_SECTS] ? b[SETUP_SECTS] : 4;
    uint64_t len = weir_le32(b + PAYLOAD_LENGTH);

    out->payload =
        (uint64_t)(sects + 1) * SECTOR + weir_le32(b + PAYLOAD_OFFSET);
    if (len < 8)
        return weir_ld_refuse(why, -EINVAL,
                              "found a bzImage with a payload of %llu bytes; "
                              "needed an intact file",
                              (unsigned long long)len);
    if (!weir_in_range(out->payload, len, n))
        return weir_ld_refuse(why, -EINVAL,
                              "found %zu bytes, cut off: the payload ends at "
                              "%llu; needed the whole file",
                              n, (unsigned long long)(out->payload + len));
    out->pack = weir_ld_pack_of(b + out->payload, len);
    if (out->pack == WEIR_LD_PLAIN)
        return weir_ld_refuse(why, -EINVAL,
                              "found a bzImage whose payload begins with "
                              "%02x %02x %02x %02x; needed gzip, XZ, LZMA, "
                              "Zstandard or LZ4",
                              b[out->payload], b[out->payload + 1],
                              b[out->payload + 2], b[out->payload + 3]);
    out->sized = true;
    out->unpacked_len = weir_le32(b + out->payload + len - 4);
    out->payload_len = out->pack == WEIR_LD_GZIP ? len : len - 4;
    return 0;
}

static int unknown(const uint8_t *b, size_t n, struct weir_ld_why *why)
{
    if (n == 0)
        return weir_ld_refuse(why, -EINVAL,
                              "found an empty file; needed a bzImage or an "
                              "ELF kernel with a PVH entry");
    if (n >= 2 && b[0] == 'M' && b[1] == 'Z')
        return weir_ld_refuse(why, -EINVAL,
                              "found an EFI program without a Linux header, "
                              "such as a unified kernel image; needed a "
                              "bzImage or an ELF kernel with a PVH entry");
    if (n < 4)
        return weir_ld_refuse(why, -EINVAL,
                              "found a file of %zu bytes; needed a bzImage or "
                              "an ELF kernel with a PVH entry",
                              n);
    return weir_ld_refuse(why, -EINVAL,
                          "found a file that begins with %02x %02x %02x %02x; "
                          "needed a bzImage or an ELF kernel with a PVH entry",
                          b[0], b[1], b[2], b[3]);
}

int weir_ld_file(const uint8_t *bytes, size_t n, struct weir_ld_file *out,
                 struct weir_ld_why *why)
{
    int rc;

    memset(out, 0, sizeof(*out));
    out->cmdline_max = WEIR_LOAD_MAX_CMDLINE;
    out->payload_len = n;
    if (n >= 4 && memcmp(bytes, "\177ELF", 4) == 0) {
        out->format = WEIR_LD_ELF;
        return 0;
    }
    if (is_bzimage(bytes, n)) {
        out->format = WEIR_LD_BZIMAGE;
        rc = check_header(bytes, n, out, why);
        if (rc)
            return rc;
        if (weir_le32(bytes + CMDLINE_SIZE) < out->cmdline_max)
            out->cmdline_max = weir_le32(bytes + CMDLINE_SIZE);
        return find_payload(bytes, n, out, why);
    }
    out->format = WEIR_LD_PACKED;
    out->pack = weir_ld_pack_of(bytes, n);
    return out->pack == WEIR_LD_PLAIN ? unknown(bytes, n, why) : 0;
}
