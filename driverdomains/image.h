/* SPDX-License-Identifier: MIT
 *
 * Opening what a disk exports: a raw file or a block device.  Its content is
 * never looked at.
 */
#ifndef WEIR_DRIVERDOMAINS_IMAGE_H
#define WEIR_DRIVERDOMAINS_IMAGE_H

#include "driverdomains/config.h"

struct weir_image {
    int fd;               /* exclusive (writable) or shared (read-only) */
    bool block, direct;   /* a block device; O_DIRECT works */
    uint64_t size;        /* bytes */
    uint32_t sector_size; /* 512 or 4096 */
};

/* -errno and e->text: the path, what is wrong, what to do. */
int weir_image_open(const struct weir_disk_config *d, struct weir_image *out,
                    struct weir_cfg_error *e);

#endif
