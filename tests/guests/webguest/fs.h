/* SPDX-License-Identifier: MIT
 *
 * Files of an ext2/3/4 file system on a struct web_disk, through libext2fs.
 * File data is not read here: web_fs_map says where it lies, so that the
 * caller reads it in large pieces, several at a time.
 *
 * Calls return 0 or a negative weir_error.
 */
#ifndef WEBGUEST_FS_H
#define WEBGUEST_FS_H

#include "tests/guests/webguest/disk.h"

struct web_fs;

enum web_kind { WEB_FILE, WEB_DIR, WEB_OTHER };

struct web_file {
    struct web_fs *fs;
    uint32_t ino;
    enum web_kind kind;
    uint64_t size;
    uint64_t mtime; /* seconds since 1970 */
    void *map;      /* the library's extent handle, or NULL */
    void *inode;    /* the library's */
};

enum web_run_kind {
    WEB_RUN_DISK,
    WEB_RUN_HOLE,   /* zeros */
    WEB_RUN_INLINE, /* in the inode: web_file_inline reads it */
};

/* Part of a file. */
struct web_run {
    enum web_run_kind kind;
    uint64_t sector; /* of 512 bytes, for WEB_RUN_DISK */
    uint32_t bytes;  /* of the file, at most what was asked for */
};

/* -WEIR_EINVAL: no ext file system, or one that needs its journal replayed. */
int web_fs_open(struct web_disk *d, bool writable, struct web_fs **out);
int web_fs_close(struct web_fs *fs);
const char *web_fs_label(const struct web_fs *fs);
uint32_t web_fs_block_size(const struct web_fs *fs);

/* path is absolute; symbolic links are followed.  *out needs web_file_close
 * when 0 was returned. */
int web_fs_find(struct web_fs *fs, const char *path, struct web_file *out);
void web_file_close(struct web_file *f);
/* What lies at offset (a multiple of the block size, below the size), up to
 * max bytes (a multiple of it too).  run->bytes is a multiple of the block
 * size, so the last run of a file may reach beyond its size. */
int web_file_map(struct web_file *f, uint64_t offset, uint32_t max,
                 struct web_run *run);
/* The whole of a small file; its length. */
int web_file_inline(struct web_file *f, void *buf, uint32_t size);

typedef void (*web_fs_entry_fn)(void *arg, const char *name, enum web_kind);
/* Calls fn for each name but "." and "..", in the directory's order. */
int web_dir_list(struct web_file *dir, web_fs_entry_fn fn, void *arg);

/* A file being written: it appears under its name only in web_put_end, which
 * takes the place of a file of that name.  web_put_abort frees its blocks. */
struct web_put;
int web_put_begin(struct web_fs *fs, const char *path, uint64_t size,
                  struct web_put **out);
int web_put_data(struct web_put *p, const void *data, uint32_t bytes);
int web_put_end(struct web_put *p, bool *replaced);
void web_put_abort(struct web_put *p);

#endif
