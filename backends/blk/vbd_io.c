/* SPDX-License-Identifier: MIT
 *
 * Device I/O beside the engines: alignment, bounce buffer, flush, discard.
 */
#include "backends/blk/vbd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "ring/checked.h"

int64_t weir_vbd_size(const struct weir_vbd *v)
{
    off_t end;

    if (v->mem != NULL)
        return (int64_t)v->mem_size;
    end = lseek(v->fd, 0, SEEK_END);
    return end < 0 ? -errno : (int64_t)end;
}

/* 1 works, 0 not aligned enough, -errno. */
static int try_read(int fd, uint8_t *buf, size_t len, off_t at)
{
    ssize_t n;

    do
        n = pread(fd, buf, len, at);
    while (n < 0 && errno == EINTR);
    if (n >= 0)
        return 1;
    return errno == EINVAL ? 0 : -errno;
}

int weir_vbd_probe(struct weir_vbd *v)
{
    uint8_t *buf;
    int io, mem;

    v->align_io = v->align_mem = WEIR_BLKIF_SECTOR_SIZE;
    if (v->mem != NULL)
        return 0;
    if (posix_memalign((void **)&buf, 4096, 3 * 4096) != 0)
        return -ENOMEM;
    io = try_read(v->fd, buf, 512, 512);
    if (io == 0)
        v->align_io = 4096;
    mem = try_read(v->fd, buf + 512, 4096, 0);
    if (mem == 0)
        v->align_mem = 4096;
    free(buf);
    if (io < 0)
        return io;
    return mem < 0 ? mem : 0;
}

bool weir_vbd_aligned(const struct weir_vbd *v, const struct iovec *iov,
                      unsigned niov, uint64_t offset)
{
    if (v->align_io == WEIR_BLKIF_SECTOR_SIZE &&
        v->align_mem == WEIR_BLKIF_SECTOR_SIZE)
        return true; /* segments are in sectors of 512 bytes anyway */
    if ((offset & (v->align_io - 1)) != 0)
        return false;
    for (unsigned i = 0; i < niov; i++)
        if (((uintptr_t)iov[i].iov_base & (v->align_mem - 1)) != 0 ||
            (iov[i].iov_len & (v->align_io - 1)) != 0)
            return false;
    return true;
}

/* A place in a vector of buffers. */
struct cursor {
    const struct iovec *iov;
    unsigned n, i;
    size_t at;
};

static void move(struct cursor *c, uint8_t *bounce, size_t len, bool gather)
{
    while (len > 0) {
        uint8_t *p = (uint8_t *)c->iov[c->i].iov_base + c->at;
        size_t part = c->iov[c->i].iov_len - c->at;

        if (part > len)
            part = len;
        memcpy(gather ? bounce : p, gather ? p : bounce, part);
        bounce += part;
        len -= part;
        c->at += part;
        if (c->at == c->iov[c->i].iov_len) {
            c->i++;
            c->at = 0;
        }
    }
}

static int memory_rw(struct weir_vbd *v, bool write, struct cursor *c,
                     uint64_t offset, uint64_t len)
{
    if (!weir_in_range(offset, len, v->mem_size))
        return -EIO;
    move(c, v->mem + offset, len, write);
    return 0;
}

int weir_vbd_slow_rw(struct weir_vbd *v, bool write, const struct iovec *iov,
                     unsigned niov, uint64_t offset, uint8_t *bounce)
{
    struct cursor c = {.iov = iov, .n = niov};
    uint64_t len = 0;
    bool direct;
    int fd, err = 0;

    for (unsigned i = 0; i < niov; i++)
        len += iov[i].iov_len;
    if (v->mem != NULL)
        return memory_rw(v, write, &c, offset, len);
    direct = ((offset | len) & (v->align_io - 1)) == 0;
    fd = direct ? v->fd : v->buffered_fd;
    while (len > 0 && err == 0) {
        size_t part = len < WEIR_BLK_BOUNCE ? len : WEIR_BLK_BOUNCE;
        struct iovec one = {.iov_base = bounce, .iov_len = part};

        if (write)
            move(&c, bounce, part, true);
        err = weir_blk_sync_all(fd, write, &one, 1, offset, 0);
        if (err == 0 && !write)
            move(&c, bounce, part, false);
        offset += part;
        len -= part;
    }
    return err;
}

int weir_vbd_flush(struct weir_vbd *v)
{
    if (v->mem != NULL || fdatasync(v->fd) == 0)
        return 0;
    return -errno;
}

int weir_vbd_discard(struct weir_vbd *v, uint64_t offset, uint64_t len,
                     bool secure)
{
    uint64_t range[2] = {offset, len};

    if (v->mem != NULL) {
        memset(v->mem + offset, 0, len);
        return 0;
    }
    if ((v->back.res.vbd.flags & WEIR_VBD_BLKDEV) != 0) {
        if (ioctl(v->fd, secure ? BLKSECDISCARD : BLKDISCARD, range) != 0)
            return -errno;
        return 0;
    }
    if (fallocate(v->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
                  (off_t)offset, (off_t)len) != 0)
        return -errno;
    return 0;
}
