/* SPDX-License-Identifier: MIT
 *
 * The disk as the guest's file system sees it: an ops table with two
 * implementations, a block frontend (disk_front.c) and a plain file
 * (disk_file.c, for tests).  One thread uses a disk.
 *
 * Every buffer handed to a disk comes from its alloc; sectors are 512 bytes.
 * Calls return 0 or a negative weir_error.
 */
#ifndef WEBGUEST_DISK_H
#define WEBGUEST_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_DISK_IO_MAX (128u * 1024u) /* bytes of one request */

struct web_disk;

/* A read under way.  The caller keeps it and buf until done was called. */
struct web_disk_read {
    uint64_t sector;
    void *buf;
    uint32_t bytes; /* a multiple of 512, at most WEB_DISK_IO_MAX */
    void (*done)(struct web_disk_read *r, int status);
};

struct web_disk_ops {
    void *(*alloc)(struct web_disk *d, size_t bytes); /* NULL: no memory */
    /* Blocking; bytes a multiple of the disk's sector_size. */
    int (*read)(struct web_disk *d, uint64_t sector, void *buf, size_t bytes);
    int (*write)(struct web_disk *d, uint64_t sector, const void *buf,
                 size_t bytes);
    int (*flush)(struct web_disk *d);
    /* -WEIR_EAGAIN: as many as fit are under way, try after poll. */
    int (*start)(struct web_disk *d, struct web_disk_read *r);
    /* Calls done of what has finished; the number of those. */
    unsigned (*poll)(struct web_disk *d);
};

struct web_disk {
    const struct web_disk_ops *ops;
    uint64_t sectors;     /* capacity, in 512 bytes */
    uint32_t sector_size; /* bytes: what writes must be a multiple of */
    bool readonly;
};

#endif
