/* SPDX-License-Identifier: MIT
 *
 * libext2fs's I/O manager over a struct web_disk, with a small write-through
 * block cache: the library reads metadata one block at a time.
 */
#ifndef WEBGUEST_EXTIO_H
#define WEBGUEST_EXTIO_H

#include <ext2fs/ext2fs.h>

#include "tests/guests/webguest/disk.h"

#define WEB_EXTIO_NAME_MAX 32

/* The manager to hand to ext2fs_open2; stateless. */
io_manager web_extio_manager(void);
/* The device name that makes it open d; d outlives the file system. */
void web_extio_name(const struct web_disk *d, char name[WEB_EXTIO_NAME_MAX]);

#endif
