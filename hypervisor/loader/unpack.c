/* SPDX-License-Identifier: MIT
 *
 * Packed kernels, with the libraries of each format, into memory of a known
 * size.
 */
#include "hypervisor/loader/image.h"

#include <errno.h>
#include <limits.h>
#include <lz4.h>
#include <lzma.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include "ring/bytes.h"

#define LZ4_MAGIC 0x184c2102u
#define LZ4_CHUNK (8u << 20) /* a legacy chunk unpacks to this, or less */

static const struct {
    const char *name, *magic;
    size_t len;
} packs[WEIR_LD_PACKS] = {
    [WEIR_LD_PLAIN] = {"not packed", "", 0},
    [WEIR_LD_GZIP] = {"gzip", "\x1f\x8b\x08", 3},
    [WEIR_LD_XZ] = {"XZ",
                    "\xfd"
                    "7zXZ\0",
                    6},
    [WEIR_LD_LZMA] = {"LZMA", "\x5d\0\0", 3},
    [WEIR_LD_ZSTD] = {"Zstandard", "\x28\xb5\x2f\xfd", 4},
    [WEIR_LD_LZ4] = {"LZ4", "\x02\x21\x4c\x18", 4},
    [WEIR_LD_LZ4_FRAME] = {"LZ4 (frame format)", "\x04\x22\x4d\x18", 4},
    [WEIR_LD_BZIP2] = {"bzip2", "BZh", 3},
    [WEIR_LD_LZO] = {"LZO", "\x89LZO", 4},
};

enum weir_ld_pack weir_ld_pack_of(const uint8_t *bytes, size_t n)
{
    for (unsigned i = 1; i < WEIR_LD_PACKS; i++)
        if (n >= packs[i].len &&
            memcmp(bytes, packs[i].magic, packs[i].len) == 0)
            return (enum weir_ld_pack)i;
    return WEIR_LD_PLAIN;
}

const char *weir_ld_pack_name(enum weir_ld_pack pack)
{
    return packs[pack].name;
}

static int corrupt(enum weir_ld_pack p, const char *how,
                   struct weir_ld_why *why)
{
    return weir_ld_refuse(why, -EINVAL,
                          "found %s data that is %s; needed an intact file",
                          packs[p].name, how);
}

static int too_big(enum weir_ld_pack p, size_t max, struct weir_ld_why *why)
{
    return weir_ld_refuse(why, -EINVAL,
                          "found %s data that unpacks to more than the %zu "
                          "bytes it may; needed an intact kernel",
                          packs[p].name, max);
}

static int no_memory(enum weir_ld_pack p, struct weir_ld_why *why)
{
    return weir_ld_refuse(why, -ENOMEM,
                          "found %s data whose dictionary needs more than %u "
                          "MiB; needed a kernel packed with a smaller one",
                          packs[p].name,
                          (unsigned)(WEIR_LD_UNPACK_MEMORY >> 20));
}

static int unpack_gzip(const uint8_t *in, size_t n, uint8_t *out, size_t max,
                       size_t *len, struct weir_ld_why *why)
{
    z_stream z = {.avail_in = n > UINT_MAX ? UINT_MAX : (uInt)n,
                  .avail_out = max > UINT_MAX ? UINT_MAX : (uInt)max,
                  .next_out = out};
    int rc;

    /* zlib does not write there; its type lacks the const. */
    memcpy(&z.next_in, &in, sizeof(in));
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK)
        return no_memory(WEIR_LD_GZIP, why);
    rc = inflate(&z, Z_FINISH);
    *len = z.total_out;
    inflateEnd(&z);
    if (rc == Z_STREAM_END)
        return 0;
    if (rc == Z_BUF_ERROR && z.avail_out == 0)
        return too_big(WEIR_LD_GZIP, max, why);
    if (rc == Z_MEM_ERROR)
        return no_memory(WEIR_LD_GZIP, why);
    return corrupt(WEIR_LD_GZIP, rc == Z_BUF_ERROR ? "cut off" : "corrupt",
                   why);
}

static int unpack_lzma(enum weir_ld_pack p, const uint8_t *in, size_t n,
                       uint8_t *out, size_t max, size_t *len,
                       struct weir_ld_why *why)
{
    lzma_stream s = LZMA_STREAM_INIT;
    lzma_ret rc;

    if (p == WEIR_LD_XZ)
        rc = lzma_stream_decoder(&s, WEIR_LD_UNPACK_MEMORY, 0);
    else
        rc = lzma_alone_decoder(&s, WEIR_LD_UNPACK_MEMORY);
    s.next_in = in;
    s.avail_in = n;
    s.next_out = out;
    s.avail_out = max;
    while (rc == LZMA_OK)
        rc = lzma_code(&s, LZMA_FINISH);
    *len = max - s.avail_out;
    lzma_end(&s);
    if (rc == LZMA_STREAM_END)
        return 0;
    if (rc == LZMA_BUF_ERROR && s.avail_out == 0)
        return too_big(p, max, why);
    if (rc == LZMA_MEM_ERROR || rc == LZMA_MEMLIMIT_ERROR)
        return no_memory(p, why);
    return corrupt(p, rc == LZMA_BUF_ERROR ? "cut off" : "corrupt", why);
}

/* One frame.  What follows it (the kernel's size) is no frame. */
static int unpack_zstd(const uint8_t *in, size_t n, uint8_t *out, size_t max,
                       size_t *len, struct weir_ld_why *why)
{
    size_t frame = ZSTD_findFrameCompressedSize(in, n);
    size_t rc;

    if (ZSTD_isError(frame)) {
        bool cut = ZSTD_getErrorCode(frame) == ZSTD_error_srcSize_wrong;

        return corrupt(WEIR_LD_ZSTD, cut ? "cut off" : "corrupt", why);
    }
    rc = ZSTD_decompress(out, max, in, frame);
    if (ZSTD_isError(rc))
        switch (ZSTD_getErrorCode(rc)) {
        case ZSTD_error_dstSize_tooSmall:
            return too_big(WEIR_LD_ZSTD, max, why);
        case ZSTD_error_memory_allocation:
            return no_memory(WEIR_LD_ZSTD, why);
        default:
            return corrupt(WEIR_LD_ZSTD, "corrupt", why);
        }
    *len = rc;
    return 0;
}

/* Legacy frames: a magic, then chunks, each with its packed length.  There is
 * no end mark: fewer than four bytes, or the end of the data, is one. */
static int unpack_lz4(const uint8_t *in, size_t n, uint8_t *out, size_t max,
                      size_t *len, struct weir_ld_why *why)
{
    *len = 0;
    while (n >= 4) {
        uint32_t size = weir_le32(in);
        size_t room = max - *len;
        int got;

        in += 4;
        n -= 4;
        if (size == LZ4_MAGIC)
            continue;
        if (size > n)
            return corrupt(WEIR_LD_LZ4, "cut off", why);
        if (size == 0 || size > (uint32_t)LZ4_COMPRESSBOUND(LZ4_CHUNK))
            return corrupt(WEIR_LD_LZ4, "corrupt", why);
        if (room > LZ4_CHUNK)
            room = LZ4_CHUNK;
        /* A chunk that fits in no room at all is one byte or more. */
        if (room == 0)
            return too_big(WEIR_LD_LZ4, max, why);
        got = LZ4_decompress_safe((const char *)in, (char *)out + *len,
                                  (int)size, (int)room);
        if (got < 0)
            return room < LZ4_CHUNK ? too_big(WEIR_LD_LZ4, max, why)
                                    : corrupt(WEIR_LD_LZ4, "corrupt", why);
        *len += (size_t)got;
        in += size;
        n -= size;
    }
    return 0;
}

int weir_ld_unpack(enum weir_ld_pack pack, const uint8_t *in, size_t n,
                   uint8_t *out, size_t max, size_t *len,
                   struct weir_ld_why *why)
{
    *len = 0;
    switch (pack) {
    case WEIR_LD_GZIP:
        return unpack_gzip(in, n, out, max, len, why);
    case WEIR_LD_XZ:
    case WEIR_LD_LZMA:
        return unpack_lzma(pack, in, n, out, max, len, why);
    case WEIR_LD_ZSTD:
        return unpack_zstd(in, n, out, max, len, why);
    case WEIR_LD_LZ4:
        return unpack_lz4(in, n, out, max, len, why);
    default:
        return weir_ld_refuse(why, -EINVAL,
                              "found a kernel packed with %s; needed gzip, "
                              "XZ, LZMA, Zstandard or LZ4 (legacy format)",
                              packs[pack].name);
    }
}
