/* SPDX-License-Identifier: MIT
 *
 * A file's bytes from the disk to TCP: each connection has one buffer that is
 * being sent and one that is being read.
 */
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/server_private.h"

static uint64_t round_up(uint64_t v, uint64_t unit)
{
    return (v + unit - 1) / unit * unit;
}

static void read_done(struct web_disk_read *r, int status)
{
    struct web_buf *b = (struct web_buf *)r;

    b->status = status;
    b->state = WEB_BUF_READY;
    b->server->buf_freed = true; /* the disk has a free slot again */
    if (b->owner)
        b->owner->ready = true;
    else
        web_buf_give(b);
}

/* Start what brings the run that begins at offset into b.  -WEIR_EAGAIN: the
 * disk's queue is full. */
static int start(struct web_conn *c, struct web_buf *b, uint64_t offset,
                 const struct web_run *run)
{
    struct web_disk *d = c->server->config.disk;
    uint64_t left = c->file.size - offset;
    int got, err;

    b->status = 0;
    b->state = WEB_BUF_READY;
    switch (run->kind) {
    case WEB_RUN_HOLE:
        memset(b->read.buf, 0, run->bytes);
        return 0;
    case WEB_RUN_INLINE:
        got = web_file_inline(&c->file, b->read.buf, WEB_DISK_IO_MAX);
        return got < 0 ? got : (uint64_t)got < left ? -WEIR_EIO : 0;
    case WEB_RUN_DISK:
        break;
    }
    b->read.sector = run->sector;
    b->read.bytes = run->bytes;
    b->read.done = read_done;
    b->state = WEB_BUF_READING;
    err = d->ops->start(d, &b->read);
    if (err)
        b->state = WEB_BUF_READY;
    return err;
}

/* Read the next piece of the file.  0: one is under way. */
static int fill_one(struct web_conn *c)
{
    uint32_t unit = web_fs_block_size(c->file.fs);
    uint64_t offset = c->next - c->next % unit;
    uint64_t want = round_up(c->end - offset, unit);
    struct web_run run;
    struct web_buf *b;
    int err;

    if (want > WEB_DISK_IO_MAX)
        want = WEB_DISK_IO_MAX;
    err = web_file_map(&c->file, offset, (uint32_t)want, &run);
    if (err)
        return err;
    b = web_buf_take(c);
    if (!b)
        return -WEIR_EAGAIN;
    err = start(c, b, offset, &run);
    if (err) {
        web_buf_give(b);
        return err;
    }
    b->from = (uint32_t)(c->next - offset);
    b->len = run.bytes - b->from;
    if (b->len > c->end - c->next)
        b->len = (uint32_t)(c->end - c->next);
    c->next += b->len;
    c->bufs[c->nbufs++] = b;
    return 0;
}

int web_body_fill(struct web_conn *c, bool *moved)
{
    while (c->nbufs < WEB_CONN_BUFS && c->next < c->end) {
        int err = fill_one(c);

        c->want_buffer = err == -WEIR_EAGAIN;
        if (err)
            return err == -WEIR_EAGAIN ? 0 : err;
        *moved = true;
    }
    return 0;
}

int web_body_send(struct web_conn *c, bool *moved)
{
    while (c->nbufs && c->bufs[0]->state == WEB_BUF_READY) {
        struct web_buf *b = c->bufs[0];
        const char *from = (const char *)b->read.buf + b->from;
        bool last = c->nbufs == 1 && c->next == c->end;
        size_t sent = 0;

        if (b->status)
            return b->status;
        if (!web_conn_write(c, from, b->len, &sent, !last))
            return 0;
        *moved = true;
        b->from += (uint32_t)sent;
        b->len -= (uint32_t)sent;
        if (b->len)
            continue;
        web_buf_give(b);
        c->bufs[0] = c->bufs[1];
        c->nbufs--;
    }
    return 0;
}

void web_body_end(struct web_conn *c)
{
    for (unsigned i = 0; i < c->nbufs; i++)
        web_buf_give(c->bufs[i]);
    c->nbufs = 0;
    c->next = c->end = 0;
    c->want_buffer = false;
    if (c->has_file)
        web_file_close(&c->file);
    c->has_file = false;
}
