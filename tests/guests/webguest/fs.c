/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/fs.h"

#include <stdlib.h>
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/extio.h"
#include "tests/guests/webguest/fs_private.h"

#define CANNOT_READ                                                            \
    (EXT4_ENCRYPT_FL |                                                         \
     EXT2_COMPRBLK_FL) /* files that only a key or a codec reads */

int web_fs_errno(errcode_t err)
{
    switch (err) {
    case 0:
        return 0;
    case EXT2_ET_FILE_NOT_FOUND:
        return -WEIR_ENOENT;
    case EXT2_ET_NO_DIRECTORY:
        return -WEIR_ENOENT;
    case EXT2_ET_BLOCK_ALLOC_FAIL:
    case EXT2_ET_INODE_ALLOC_FAIL:
        return -WEIR_ENOSPC;
    case EXT2_ET_NO_MEMORY:
        return -WEIR_ENOMEM;
    case EXT2_ET_SYMLINK_LOOP:
        return -WEIR_EACCES;
    default:
        /* Below 1024 it is one of our own errors, from the disk. */
        return err > 0 && err < 1024 ? -(int)err : -WEIR_EIO;
    }
}

int web_fs_open(struct web_disk *d, bool writable, struct web_fs **out)
{
    struct web_fs *fs = calloc(1, sizeof(*fs));
    char name[WEB_EXTIO_NAME_MAX];
    errcode_t err;

    if (!fs)
        return -WEIR_ENOMEM;
    web_extio_name(d, name);
    err = ext2fs_open(name, EXT2_FLAG_64BITS | (writable ? EXT2_FLAG_RW : 0), 0,
                      0, web_extio_manager(), &fs->ext);
    if (err) {
        free(fs);
        return err < 1024 ? web_fs_errno(err) : -WEIR_EINVAL;
    }
    fs->writable = writable;
    if (ext2fs_has_feature_journal_needs_recovery(fs->ext->super))
        err = EXT2_ET_UNIMPLEMENTED;
    else if (writable)
        err = ext2fs_read_bitmaps(fs->ext);
    if (err) {
        ext2fs_free(fs->ext);
        free(fs);
        return err < 1024 ? web_fs_errno(err) : -WEIR_EINVAL;
    }
    *out = fs;
    return 0;
}

int web_fs_close(struct web_fs *fs)
{
    errcode_t err = ext2fs_close_free(&fs->ext);

    free(fs);
    return web_fs_errno(err);
}

const char *web_fs_label(const struct web_fs *fs)
{
    return (const char *)fs->ext->super->s_volume_name;
}

uint32_t web_fs_block_size(const struct web_fs *fs)
{
    return fs->ext->blocksize;
}

static void fill(struct web_file *f, const struct ext2_inode *inode)
{
    f->kind = WEB_OTHER;
    if (LINUX_S_ISDIR(inode->i_mode))
        f->kind = WEB_DIR;
    else if (LINUX_S_ISREG(inode->i_mode) && !(inode->i_flags & CANNOT_READ))
        f->kind = WEB_FILE;
    f->size = EXT2_I_SIZE(inode);
    f->mtime = inode->i_mtime;
}

int web_fs_find(struct web_fs *fs, const char *path, struct web_file *f)
{
    ext2_extent_handle_t map = NULL;
    struct ext2_inode *inode;
    ext2_ino_t ino;
    errcode_t err;

    err =
        ext2fs_namei_follow(fs->ext, EXT2_ROOT_INO, EXT2_ROOT_INO, path, &ino);
    if (err)
        return web_fs_errno(err);
    inode = malloc(sizeof(*inode));
    if (!inode)
        return -WEIR_ENOMEM;
    err = ext2fs_read_inode(fs->ext, ino, inode);
    if (err) {
        free(inode);
        return web_fs_errno(err);
    }
    *f = (struct web_file){.fs = fs, .ino = ino, .inode = inode};
    fill(f, inode);
    if (f->kind == WEB_FILE && (inode->i_flags & EXT4_EXTENTS_FL))
        err = ext2fs_extent_open2(fs->ext, ino, inode, &map);
    f->map = map;
    if (err)
        web_file_close(f);
    return web_fs_errno(err);
}

void web_file_close(struct web_file *f)
{
    if (f->map)
        ext2fs_extent_free(f->map);
    free(f->inode);
    f->map = NULL;
    f->inode = NULL;
}

/* The extent that covers block, or the hole before the next one: *pblk 0. */
static errcode_t map_extent(struct web_file *f, uint64_t block, uint64_t *pblk,
                            uint64_t *count)
{
    struct ext2fs_extent e;
    errcode_t err = ext2fs_extent_goto(f->map, block);

    if (err && err != EXT2_ET_EXTENT_NOT_FOUND)
        return err;
    *pblk = 0;
    *count = UINT32_MAX;
    err = ext2fs_extent_get(f->map, EXT2_EXTENT_CURRENT, &e);
    if (!err && e.e_lblk + e.e_len <= block)
        err = ext2fs_extent_get(f->map, EXT2_EXTENT_NEXT_LEAF, &e);
    if (err == EXT2_ET_EXTENT_NO_NEXT || err == EXT2_ET_NO_CURRENT_NODE)
        return 0;
    if (err)
        return err;
    if (e.e_lblk > block) {
        *count = e.e_lblk - block;
    } else if (e.e_lblk + e.e_len > block) {
        *count = e.e_lblk + e.e_len - block;
        if (!(e.e_flags & EXT2_EXTENT_FLAGS_UNINIT))
            *pblk = e.e_pblk + (block - e.e_lblk);
    }
    return 0;
}

/* Block maps of ext2 and ext3, block by block, up to max of them. */
static errcode_t map_blocks(struct web_file *f, uint64_t block, uint64_t max,
                            uint64_t *pblk, uint64_t *count)
{
    uint64_t n;
    blk64_t at;

    for (n = 0; n < max; n++) {
        errcode_t err = ext2fs_bmap2(f->fs->ext, f->ino, f->inode, NULL, 0,
                                     block + n, NULL, &at);

        if (err)
            return err;
        if (n == 0)
            *pblk = at;
        else if (at != (*pblk ? *pblk + n : 0))
            break;
    }
    *count = n;
    return 0;
}

int web_file_map(struct web_file *f, uint64_t offset, uint32_t max,
                 struct web_run *run)
{
    const struct ext2_inode *inode = f->inode;
    uint32_t size = web_fs_block_size(f->fs);
    uint64_t pblk = 0, count = 0, left = (f->size - offset + size - 1) / size;
    errcode_t err;

    if (inode->i_flags & EXT4_INLINE_DATA_FL) {
        *run = (struct web_run){.kind = WEB_RUN_INLINE, .bytes = max};
        return 0;
    }
    if (left > max / size)
        left = max / size;
    if (f->map)
        err = map_extent(f, offset / size, &pblk, &count);
    else
        err = map_blocks(f, offset / size, left, &pblk, &count);
    if (err)
        return web_fs_errno(err);
    if (count > left)
        count = left;
    *run = (struct web_run){
        .kind = pblk ? WEB_RUN_DISK : WEB_RUN_HOLE,
        .sector = pblk * (size / 512),
        .bytes = (uint32_t)count * size,
    };
    return count ? 0 : -WEIR_EIO;
}

int web_file_inline(struct web_file *f, void *buf, uint32_t size)
{
    size_t got = 0;
    errcode_t err;

    if (f->size > size)
        return -WEIR_E2BIG;
    err = ext2fs_inline_data_size(f->fs->ext, f->ino, &got);
    if (!err && got > size)
        return -WEIR_E2BIG;
    if (!err)
        err = ext2fs_inline_data_get(f->fs->ext, f->ino, f->inode, buf, &got);
    return err ? web_fs_errno(err) : (int)got;
}

struct listing {
    web_fs_entry_fn fn;
    void *arg;
};

static enum web_kind entry_kind(const struct ext2_dir_entry *e)
{
    switch (ext2fs_dirent_file_type(e)) {
    case EXT2_FT_DIR:
        return WEB_DIR;
    case EXT2_FT_REG_FILE:
        return WEB_FILE;
    default:
        return WEB_OTHER;
    }
}

static int list_entry(ext2_ino_t dir, int entry, struct ext2_dir_entry *e,
                      int offset, int blocksize, char *buf, void *arg)
{
    struct listing *l = arg;
    int len = ext2fs_dirent_name_len(e);
    char name[EXT2_NAME_LEN + 1];

    (void)dir, (void)offset, (void)blocksize, (void)buf;
    if (entry == DIRENT_DOT_FILE || entry == DIRENT_DOT_DOT_FILE)
        return 0;
    memcpy(name, e->name, (size_t)len);
    name[len] = '\0';
    l->fn(l->arg, name, entry_kind(e));
    return 0;
}

int web_dir_list(struct web_file *dir, web_fs_entry_fn fn, void *arg)
{
    struct listing l = {.fn = fn, .arg = arg};

    return web_fs_errno(
        ext2fs_dir_iterate2(dir->fs->ext, dir->ino, 0, NULL, list_entry, &l));
}
