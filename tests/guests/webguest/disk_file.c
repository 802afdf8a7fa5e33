/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/disk_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ring/error.h"

static void *file_alloc(struct web_disk *d, size_t bytes)
{
    struct web_disk_file *f = (struct web_disk_file *)d;
    void *p;

    if (f->nbuffers == WEB_DISK_FILE_BUFFERS)
        return NULL;
    p = aligned_alloc(4096, bytes);
    if (p)
        f->buffers[f->nbuffers++] = p;
    return p;
}

static int file_read(struct web_disk *d, uint64_t sector, void *buf,
                     size_t bytes)
{
    struct web_disk_file *f = (struct web_disk_file *)d;
    ssize_t n = pread(f->fd, buf, bytes, (off_t)(sector * 512));

    return n < 0 ? -errno : (size_t)n < bytes ? -WEIR_EIO : 0;
}

static int file_write(struct web_disk *d, uint64_t sector, const void *buf,
                      size_t bytes)
{
    struct web_disk_file *f = (struct web_disk_file *)d;
    ssize_t n = pwrite(f->fd, buf, bytes, (off_t)(sector * 512));

    return n < 0 ? -errno : (size_t)n < bytes ? -WEIR_EIO : 0;
}

static int file_flush(struct web_disk *d)
{
    struct web_disk_file *f = (struct web_disk_file *)d;

    return fdatasync(f->fd) ? -errno : 0;
}

static int file_start(struct web_disk *d, struct web_disk_read *r)
{
    struct web_disk_file *f = (struct web_disk_file *)d;

    if (f->busy == WEB_DISK_FILE_READS)
        return -WEIR_EAGAIN;
    f->reads[f->busy++] = r;
    return 0;
}

static unsigned file_poll(struct web_disk *d)
{
    struct web_disk_file *f = (struct web_disk_file *)d;
    unsigned n = f->busy;

    while (f->busy) {
        struct web_disk_read *r = f->reads[--f->busy];

        r->done(r, file_read(d, r->sector, r->buf, r->bytes));
    }
    return n;
}

static const struct web_disk_ops ops = {
    .alloc = file_alloc,
    .read = file_read,
    .write = file_write,
    .flush = file_flush,
    .start = file_start,
    .poll = file_poll,
};

int web_disk_file_open(struct web_disk_file *f, const char *path, bool writable)
{
    struct stat st;
    int fd = open(path, (writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st)) {
        close(fd);
        return -errno;
    }
    *f = (struct web_disk_file){
        .disk = {.ops = &ops,
                 .sectors = (uint64_t)st.st_size / 512,
                 .sector_size = 512,
                 .readonly = !writable},
        .fd = fd,
    };
    return 0;
}

void web_disk_file_close(struct web_disk_file *f)
{
    while (f->nbuffers)
        free(f->buffers[--f->nbuffers]);
    close(f->fd);
}
