/* SPDX-License-Identifier: MIT
 *
 * A struct web_disk on a plain file: the second implementation, for tests.
 */
#ifndef WEBGUEST_DISK_FILE_H
#define WEBGUEST_DISK_FILE_H

#include "tests/guests/webguest/disk.h"

#define WEB_DISK_FILE_READS   32
#define WEB_DISK_FILE_BUFFERS 128

struct web_disk_file {
    struct web_disk disk; /* first */
    int fd;
    unsigned busy;
    struct web_disk_read *reads[WEB_DISK_FILE_READS];
    unsigned nbuffers;
    void *buffers[WEB_DISK_FILE_BUFFERS];
};

int web_disk_file_open(struct web_disk_file *f, const char *path,
                       bool writable);
/* Frees what alloc gave; reads that were not polled are forgotten. */
void web_disk_file_close(struct web_disk_file *f);

#endif
