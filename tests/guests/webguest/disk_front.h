/* SPDX-License-Identifier: MIT
 *
 * A struct web_disk on a block frontend.
 */
#ifndef WEBGUEST_DISK_FRONT_H
#define WEBGUEST_DISK_FRONT_H

#include "frontends/blk/blkfront.h"
#include "tests/guests/webguest/disk.h"

#define WEB_DISK_FRONT_READS 128 /* under way at a time */

struct web_disk_front;

/* One I/O of the frontend. */
struct web_front_io {
    struct weir_blkfront_io io; /* first: done gets its address */
    struct weir_blkfront_vec vec;
    struct web_disk_front *disk;
    struct web_disk_read *read; /* NULL: a blocking one */
    bool ended;
    int status;
    struct web_front_io *next_free;
};

struct web_disk_front {
    struct web_disk disk; /* first */
    struct weir_blkfront *front;
    char *arena; /* granted memory not handed out yet */
    size_t arena_left;
    struct web_front_io *free;
    struct web_front_io sync; /* of the blocking calls */
    struct web_front_io ios[WEB_DISK_FRONT_READS];
};

/* index counts the domain's disks; blocks until it is connected.  resized is
 * taken care of. */
int web_disk_front_open(struct web_disk_front *f, struct weir_front_bus *bus,
                        unsigned index);
void web_disk_front_close(struct web_disk_front *f);

#endif
