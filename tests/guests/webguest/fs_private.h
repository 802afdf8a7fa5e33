/* SPDX-License-Identifier: MIT
 *
 * What fs.c and fs_put.c share.
 */
#ifndef WEBGUEST_FS_PRIVATE_H
#define WEBGUEST_FS_PRIVATE_H

#include <ext2fs/ext2fs.h>
#include <stdbool.h>

struct web_fs {
    ext2_filsys ext;
    bool writable;
};

int web_fs_errno(errcode_t err);

#endif
