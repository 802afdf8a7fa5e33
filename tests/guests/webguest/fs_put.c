/* SPDX-License-Identifier: MIT
 *
 * Writing a file: data goes to a new inode that has no name yet, and the name
 * is given to it at the end.
 */
#include <stdlib.h>
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/fs.h"
#include "tests/guests/webguest/fs_private.h"

struct web_put {
    struct web_fs *fs;
    ext2_ino_t dir, ino;
    ext2_file_t file;
    char name[EXT2_NAME_LEN + 1];
};

/* The directory of path and the name in it. */
static int split(struct web_put *p, const char *path)
{
    const char *slash = strrchr(path, '/');
    size_t len = strlen(slash + 1);
    struct web_file dir;
    char *parent;
    int err;

    if (len == 0 || len > EXT2_NAME_LEN)
        return -WEIR_EINVAL;
    memcpy(p->name, slash + 1, len + 1);
    parent = strndup(path, slash == path ? 1 : (size_t)(slash - path));
    if (!parent)
        return -WEIR_ENOMEM;
    err = web_fs_find(p->fs, parent, &dir);
    free(parent);
    if (err)
        return err;
    p->dir = dir.ino;
    err = dir.kind == WEB_DIR ? 0 : -WEIR_ENOENT;
    web_file_close(&dir);
    return err;
}

static errcode_t make_inode(struct web_put *p)
{
    ext2_filsys ext = p->fs->ext;
    struct ext2_inode inode = {.i_mode = LINUX_S_IFREG | 0644,
                               .i_links_count = 1};
    ext2_extent_handle_t extents;
    errcode_t err;

    inode.i_atime = inode.i_ctime = inode.i_mtime = (uint32_t)time(NULL);
    err = ext2fs_new_inode(ext, p->dir, inode.i_mode, 0, &p->ino);
    if (err) {
        p->ino = 0;
        return err;
    }
    if (ext2fs_has_feature_extents(ext->super))
        inode.i_flags |= EXT4_EXTENTS_FL;
    ext2fs_inode_alloc_stats2(ext, p->ino, +1, 0);
    err = ext2fs_write_new_inode(ext, p->ino, &inode);
    if (err || !(inode.i_flags & EXT4_EXTENTS_FL))
        return err;
    /* Opening it writes the empty extent tree's head into the inode. */
    err = ext2fs_extent_open2(ext, p->ino, &inode, &extents);
    if (err)
        return err;
    ext2fs_extent_free(extents);
    return ext2fs_write_inode(ext, p->ino, &inode);
}

int web_put_begin(struct web_fs *fs, const char *path, uint64_t size,
                  struct web_put **out)
{
    struct web_put *p;
    errcode_t err;
    int bad;

    if (!fs->writable)
        return -WEIR_EROFS;
    if (size / fs->ext->blocksize >= ext2fs_free_blocks_count(fs->ext->super))
        return -WEIR_ENOSPC;
    p = calloc(1, sizeof(*p));
    if (!p)
        return -WEIR_ENOMEM;
    p->fs = fs;
    bad = split(p, path);
    if (bad) {
        free(p);
        return bad;
    }
    err = make_inode(p);
    if (!err)
        err = ext2fs_file_open(fs->ext, p->ino, EXT2_FILE_WRITE, &p->file);
    if (err) {
        web_put_abort(p);
        return web_fs_errno(err);
    }
    *out = p;
    return 0;
}

int web_put_data(struct web_put *p, const void *data, uint32_t bytes)
{
    const char *from = data;

    while (bytes) {
        unsigned done = 0;
        errcode_t err = ext2fs_file_write(p->file, from, bytes, &done);

        if (err)
            return web_fs_errno(err);
        if (done == 0)
            return -WEIR_EIO;
        from += done, bytes -= done;
    }
    return 0;
}

/* Free an inode that no name leads to any more. */
static errcode_t drop_inode(ext2_filsys ext, ext2_ino_t ino)
{
    struct ext2_inode inode;
    errcode_t err = ext2fs_read_inode(ext, ino, &inode);

    if (err)
        return err;
    if (ext2fs_inode_has_valid_blocks2(ext, &inode))
        err = ext2fs_punch(ext, ino, &inode, NULL, 0, ~0ULL);
    if (err)
        return err;
    inode.i_links_count = 0;
    inode.i_dtime = (uint32_t)time(NULL);
    inode.i_size = 0;
    inode.i_size_high = 0;
    err = ext2fs_write_inode(ext, ino, &inode);
    if (!err)
        ext2fs_inode_alloc_stats2(ext, ino, -1, 0);
    return err;
}

static errcode_t unlink_old(struct web_put *p, ext2_ino_t old)
{
    ext2_filsys ext = p->fs->ext;
    struct ext2_inode inode;
    errcode_t err = ext2fs_read_inode(ext, old, &inode);

    if (!err)
        err = ext2fs_unlink(ext, p->dir, p->name, old, 0);
    if (err)
        return err;
    if (inode.i_links_count <= 1)
        return drop_inode(ext, old);
    inode.i_links_count--;
    return ext2fs_write_inode(ext, old, &inode);
}

static errcode_t give_name(struct web_put *p)
{
    ext2_filsys ext = p->fs->ext;
    errcode_t err = ext2fs_link(ext, p->dir, p->name, p->ino, EXT2_FT_REG_FILE);

    if (err != EXT2_ET_DIR_NO_SPACE)
        return err;
    err = ext2fs_expand_dir(ext, p->dir);
    return err ? err
               : ext2fs_link(ext, p->dir, p->name, p->ino, EXT2_FT_REG_FILE);
}

int web_put_end(struct web_put *p, bool *replaced)
{
    ext2_filsys ext = p->fs->ext;
    struct ext2_inode inode;
    ext2_ino_t old = 0;
    errcode_t err = ext2fs_file_close(p->file);

    p->file = NULL;
    *replaced = false;
    if (!err && ext2fs_lookup(ext, p->dir, p->name, (int)strlen(p->name), NULL,
                              &old) == 0) {
        *replaced = true;
        err = ext2fs_read_inode(ext, old, &inode);
        if (!err && !LINUX_S_ISREG(inode.i_mode)) {
            web_put_abort(p);
            return -WEIR_EACCES;
        }
        if (!err)
            err = unlink_old(p, old);
    }
    if (!err)
        err = give_name(p);
    if (err) {
        web_put_abort(p);
        return web_fs_errno(err);
    }
    err = ext2fs_flush(ext);
    free(p);
    return web_fs_errno(err);
}

void web_put_abort(struct web_put *p)
{
    if (p->file)
        ext2fs_file_close(p->file);
    if (p->ino) {
        drop_inode(p->fs->ext, p->ino);
        ext2fs_flush(p->fs->ext);
    }
    free(p);
}
