/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/extio.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS      1024u /* of at most 4 KiB each */
#define SLOT_BYTES 4096u
#define EMPTY      UINT64_MAX

/* block % SLOTS says where a block is cached.  Blocks bigger than a slot go
 * past the cache. */
struct extio {
    struct web_disk *disk;
    uint8_t *bounce; /* WEB_DISK_IO_MAX bytes */
    uint8_t *data;   /* SLOTS slots */
    uint64_t tag[SLOTS];
};

static errcode_t to_errcode(int err)
{
    return err < 0 ? -err : err;
}

static void forget(struct extio *x)
{
    for (unsigned i = 0; i < SLOTS; i++)
        x->tag[i] = EMPTY;
}

static uint8_t *slot_of(struct extio *x, uint64_t block)
{
    return x->data + block % SLOTS * SLOT_BYTES;
}

/* A negative count is a number of bytes, as the interface has it. */
static errcode_t byte_range(io_channel ch, uint64_t block, int count,
                            uint64_t *offset, uint64_t *bytes)
{
    struct extio *x = ch->private_data;
    uint64_t end;

    *bytes = count < 0 ? (uint64_t) - (int64_t)count
                       : (uint64_t)count * (unsigned)ch->block_size;
    if (__builtin_mul_overflow(block, (uint64_t)ch->block_size, offset) ||
        __builtin_add_overflow(*offset, *bytes, &end) ||
        end > x->disk->sectors * 512)
        return EXT2_ET_SHORT_READ;
    return 0;
}

/* Any byte range, by way of the bounce buffer. */
static errcode_t read_bytes(struct extio *x, uint64_t offset, uint8_t *to,
                            uint64_t bytes)
{
    uint32_t unit = x->disk->sector_size;

    while (bytes) {
        uint64_t skew = offset % unit;
        uint64_t take = WEB_DISK_IO_MAX - skew;
        uint64_t span;
        int err;

        if (take > bytes)
            take = bytes;
        span = (skew + take + unit - 1) / unit * unit;
        err =
            x->disk->ops->read(x->disk, (offset - skew) / 512, x->bounce, span);
        if (err)
            return to_errcode(err);
        memcpy(to, x->bounce + skew, take);
        to += take, offset += take, bytes -= take;
    }
    return 0;
}

static errcode_t write_bytes(struct extio *x, uint64_t offset,
                             const uint8_t *from, uint64_t bytes)
{
    uint32_t unit = x->disk->sector_size;
    struct web_disk *d = x->disk;

    while (bytes) {
        uint64_t skew = offset % unit;
        uint64_t take = WEB_DISK_IO_MAX - skew;
        uint64_t span;
        int err = 0;

        if (take > bytes)
            take = bytes;
        span = (skew + take + unit - 1) / unit * unit;
        if (skew || span != take)
            err = d->ops->read(d, (offset - skew) / 512, x->bounce, span);
        if (err)
            return to_errcode(err);
        memcpy(x->bounce + skew, from, take);
        err = d->ops->write(d, (offset - skew) / 512, x->bounce, span);
        if (err)
            return to_errcode(err);
        from += take, offset += take, bytes -= take;
    }
    return 0;
}

static errcode_t extio_read64(io_channel ch, unsigned long long block,
                              int count, void *data)
{
    struct extio *x = ch->private_data;
    uint64_t offset, bytes;
    errcode_t err = byte_range(ch, block, count, &offset, &bytes);

    if (err)
        return err;
    if (count != 1 || ch->block_size > (int)SLOT_BYTES)
        return read_bytes(x, offset, data, bytes);
    if (x->tag[block % SLOTS] != block) {
        x->tag[block % SLOTS] = EMPTY;
        err = read_bytes(x, offset, slot_of(x, block), bytes);
        if (err)
            return err;
        x->tag[block % SLOTS] = block;
    }
    memcpy(data, slot_of(x, block), bytes);
    return 0;
}

static errcode_t extio_write64(io_channel ch, unsigned long long block,
                               int count, const void *data)
{
    struct extio *x = ch->private_data;
    uint64_t offset, bytes;
    errcode_t err = byte_range(ch, block, count, &offset, &bytes);

    if (err)
        return err;
    for (uint64_t i = 0; i * (unsigned)ch->block_size < bytes; i++)
        if (x->tag[(block + i) % SLOTS] == block + i)
            x->tag[(block + i) % SLOTS] = EMPTY;
    return write_bytes(x, offset, data, bytes);
}

static errcode_t extio_read(io_channel ch, unsigned long block, int count,
                            void *data)
{
    return extio_read64(ch, block, count, data);
}

static errcode_t extio_write(io_channel ch, unsigned long block, int count,
                             const void *data)
{
    return extio_write64(ch, block, count, data);
}

static errcode_t extio_write_byte(io_channel ch, unsigned long offset,
                                  int count, const void *data)
{
    struct extio *x = ch->private_data;

    if (count < 0 || offset > x->disk->sectors * 512 ||
        (unsigned)count > x->disk->sectors * 512 - offset)
        return EXT2_ET_SHORT_WRITE;
    forget(x);
    return write_bytes(x, offset, data, (unsigned)count);
}

static errcode_t extio_set_blksize(io_channel ch, int size)
{
    if (size != ch->block_size)
        forget(ch->private_data); /* tags count in blocks */
    ch->block_size = size;
    return 0;
}

static errcode_t extio_flush(io_channel ch)
{
    struct extio *x = ch->private_data;

    return x->disk->readonly ? 0 : to_errcode(x->disk->ops->flush(x->disk));
}

/* The bounce buffer lives as long as the disk, which a guest opens once. */
static errcode_t extio_close(io_channel ch)
{
    struct extio *x = ch->private_data;

    if (--ch->refcount > 0)
        return 0;
    free(x->data);
    free(x);
    free(ch->name);
    free(ch);
    return 0;
}

static errcode_t extio_open(const char *name, int flags, io_channel *out)
{
    struct extio *x = calloc(1, sizeof(*x));
    io_channel ch = calloc(1, sizeof(*ch));
    uintptr_t address = (uintptr_t)strtoull(name, NULL, 16);
    errcode_t err = ENOMEM;

    if (!x || !ch)
        goto fail;
    x->disk = (struct web_disk *)address;
    err = (flags & IO_FLAG_RW) && x->disk->readonly ? EROFS : ENOMEM;
    if (err == EROFS)
        goto fail;
    x->bounce = x->disk->ops->alloc(x->disk, WEB_DISK_IO_MAX);
    x->data = malloc(SLOTS * SLOT_BYTES);
    ch->name = strdup(name);
    if (!x->bounce || !x->data || !ch->name)
        goto fail;
    forget(x);
    ch->magic = EXT2_ET_MAGIC_IO_CHANNEL;
    ch->manager = web_extio_manager();
    ch->block_size = 1024;
    ch->refcount = 1;
    ch->private_data = x;
    *out = ch;
    return 0;
fail:
    if (x)
        free(x->data);
    if (ch)
        free(ch->name);
    free(ch);
    free(x);
    return err;
}

/* The library wants it writable, and never writes it. */
static struct struct_io_manager manager = {
    .magic = EXT2_ET_MAGIC_IO_MANAGER,
    .name = "weir block frontend",
    .open = extio_open,
    .close = extio_close,
    .set_blksize = extio_set_blksize,
    .read_blk = extio_read,
    .write_blk = extio_write,
    .flush = extio_flush,
    .write_byte = extio_write_byte,
    .read_blk64 = extio_read64,
    .write_blk64 = extio_write64,
};

io_manager web_extio_manager(void)
{
    return &manager;
}

void web_extio_name(const struct web_disk *d, char name[WEB_EXTIO_NAME_MAX])
{
    snprintf(name, WEB_EXTIO_NAME_MAX, "%" PRIxPTR, (uintptr_t)d);
}
