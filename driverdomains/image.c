/* SPDX-License-Identifier: MIT */
#include "driverdomains/image.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/fs.h>
#include <linux/stat.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 3, 4))) static int
fail(struct weir_cfg_error *e, int rc, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    va_end(ap);
    return rc;
}

/* Before opening: open() of a fifo would wait for its peer. */
static int check_kind(const char *path, bool *block, mode_t *mode,
                      struct weir_cfg_error *e)
{
    struct stat st;

    if (path[0] != '/')
        return fail(e, -EINVAL, "%.120s: not an absolute path", path);
    if (stat(path, &st)) {
        int rc = -errno;

        return fail(e, rc, "%.120s: %s: make the image or correct the path",
                    path, strerror(-rc));
    }
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return fail(e, -EINVAL,
                    "%.120s: neither a regular file nor a block device", path);
    *block = S_ISBLK(st.st_mode);
    *mode = st.st_mode;
    return 0;
}

static int open_path(const struct weir_disk_config *d, struct weir_image *im,
                     struct weir_cfg_error *e)
{
    int flags = (d->readonly ? O_RDONLY : O_RDWR) | O_CLOEXEC | O_NONBLOCK;

    /* On a block device O_EXCL keeps mounts and other writers out. */
    if (im->block && !d->readonly)
        flags |= O_EXCL;
    im->direct = true;
    im->fd = open(d->target, flags | O_DIRECT);
    if (im->fd < 0 && errno == EINVAL) {
        im->direct = false;
        im->fd = open(d->target, flags);
    }
    if (im->fd >= 0)
        return 0;
    if (errno == EROFS || errno == EACCES || errno == EPERM)
        return fail(e, -errno,
                    "%.120s: cannot be written: attach it with access=ro, or "
                    "make it writable",
                    d->target);
    if (errno == EBUSY)
        return fail(e, -EBUSY,
                    "%.120s: in use: unmount it or stop its other user",
                    d->target);
    return fail(e, -errno, "%.120s: %s", d->target, strerror(errno));
}

static int take_lock(const struct weir_disk_config *d, int fd,
                     struct weir_cfg_error *e)
{
    /* Held by the open description, so by the driver domain's copy too. */
    if (flock(fd, (d->readonly ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0)
        return 0;
    if (errno != EWOULDBLOCK)
        return fail(e, -errno, "%.120s: cannot be locked: %s", d->target,
                    strerror(errno));
    return fail(e, -EBUSY,
                "%.120s: in use by another disk: detach that one, or attach "
                "both with access=ro",
                d->target);
}

static int device_facts(const struct weir_disk_config *d, struct weir_image *im,
                        struct weir_cfg_error *e)
{
    int logical = 0, ro = 0;

    if (ioctl(im->fd, BLKGETSIZE64, &im->size) ||
        ioctl(im->fd, BLKSSZGET, &logical))
        return fail(e, -errno, "%.120s: size unknown: %s", d->target,
                    strerror(errno));
    if (!d->readonly && ioctl(im->fd, BLKROGET, &ro) == 0 && ro)
        return fail(e, -EROFS,
                    "%.120s: a read-only device: attach it with access=ro",
                    d->target);
    if (!im->sector_size)
        im->sector_size = logical > 512 ? 4096 : 512;
    if ((int)im->sector_size < logical)
        return fail(e, -EINVAL,
                    "%.120s: sector-size=%u is smaller than the device's %d",
                    d->target, im->sector_size, logical);
    return 0;
}

static int file_facts(const struct weir_disk_config *d, struct weir_image *im,
                      struct weir_cfg_error *e)
{
    struct statx sx;

    if (statx(im->fd, "", AT_EMPTY_PATH, STATX_SIZE | STATX_DIOALIGN, &sx))
        return fail(e, -errno, "%.120s: %s", d->target, strerror(errno));
    im->size = sx.stx_size;
    if (!im->sector_size)
        im->sector_size = 512;
    /* A file system with larger blocks cannot do direct I/O of a sector. */
    if (im->direct && (sx.stx_mask & STATX_DIOALIGN) &&
        (sx.stx_dio_offset_align == 0 ||
         sx.stx_dio_offset_align > im->sector_size)) {
        int flags = fcntl(im->fd, F_GETFL);

        if (flags < 0 || fcntl(im->fd, F_SETFL, flags & ~O_DIRECT))
            return fail(e, -errno, "%.120s: %s", d->target, strerror(errno));
        im->direct = false;
    }
    return 0;
}

static int check_size(const struct weir_disk_config *d,
                      const struct weir_image *im, struct weir_cfg_error *e)
{
    if (im->size == 0)
        return fail(e, -EINVAL, "%.120s: empty: give it a size (truncate -s)",
                    d->target);
    if (im->size % im->sector_size)
        return fail(e, -EINVAL,
                    "%.120s: its size of %" PRIu64
                    " bytes is not a multiple of the sector size %u: extend "
                    "it with truncate -s %%%u",
                    d->target, im->size, im->sector_size, im->sector_size);
    return 0;
}

int weir_image_open(const struct weir_disk_config *d, struct weir_image *out,
                    struct weir_cfg_error *e)
{
    mode_t mode = 0;
    int rc;

    *out = (struct weir_image){.fd = -1, .sector_size = d->sector_size};
    rc = check_kind(d->target, &out->block, &mode, e);
    if (rc)
        return rc;
    /* Root may write anything; a file without a write bit says it must not. */
    if (!d->readonly && !out->block && !(mode & 0222))
        return fail(e, -EACCES,
                    "%.120s: a read-only file: attach it with access=ro, or "
                    "chmod u+w it",
                    d->target);
    rc = open_path(d, out, e);
    if (rc == 0)
        rc = take_lock(d, out->fd, e);
    if (rc == 0)
        rc = out->block ? device_facts(d, out, e) : file_facts(d, out, e);
    if (rc == 0)
        rc = check_size(d, out, e);
    if (rc && out->fd >= 0) {
        close(out->fd);
        out->fd = -1;
    }
    return rc;
}
