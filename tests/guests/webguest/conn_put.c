/* SPDX-License-Identifier: MIT
 *
 * PUT: a body from TCP into a new file.
 */
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/server_private.h"

/* The body won't be read, so the connection can't serve another request. */
static void refuse(struct web_conn *c, int status, const char *fields)
{
    web_conn_answer_error(c, status, false, fields);
}

void web_conn_put_begin(struct web_conn *c, const struct web_request *r)
{
    struct web_fs *fs = c->server->config.fs;
    int err;

    if (!r->has_length) {
        refuse(c, 411, "");
        return;
    }
    if (r->slash) {
        refuse(c, 403, "");
        return;
    }
    c->put_buf = web_buf_take(c);
    if (!c->put_buf) {
        refuse(c, 503, "Retry-After: 1\r\n");
        return;
    }
    c->put_buf->from = 0;
    err = web_put_begin(fs, r->path, r->length, &c->put);
    if (err) {
        web_server_log(c->server, "writing", r->path, err);
        web_conn_put_drop(c);
        if (err == -WEIR_EROFS)
            refuse(c, 405, "Allow: GET, HEAD, OPTIONS\r\n");
        else
            refuse(c, web_status_of(err), "");
        return;
    }
    memcpy(c->put_path, r->path, sizeof(c->put_path));
    c->put_left = r->length;
    c->keep_alive = r->keep_alive;
    c->state = WEB_CONN_PUT;
    if (r->expect_continue) {
        web_text_add(&c->text, "HTTP/1.1 100 Continue\r\n\r\n");
        c->state = WEB_CONN_SEND;
    }
}

/* Blocks of a file that is replaced may be used again at once, so nobody may
 * be reading it. */
static bool being_read(struct web_conn *c)
{
    struct web_server *s = c->server;
    struct web_file f;
    bool found = false;

    if (web_fs_find(s->config.fs, c->put_path, &f))
        return false;
    for (unsigned i = 0; i < WEB_CONNS && !found; i++)
        found = s->conns[i].state != WEB_CONN_FREE && s->conns[i].has_file &&
                s->conns[i].file.ino == f.ino;
    web_file_close(&f);
    return found;
}

static void created(struct web_conn *c, bool replaced)
{
    struct web_head h = {
        .status = replaced ? 204 : 201,
        .no_body_length = replaced,
        .keep_alive = c->keep_alive,
        .now = web_server_unix(c->server),
    };

    c->state = WEB_CONN_SEND;
    c->text_pos = 0;
    web_head_add(&c->text, &h);
    web_head_end(&c->text);
}

/* Body bytes that came with the head, then from the receive queue. */
static uint32_t gather(struct web_conn *c)
{
    struct web_buf *b = c->put_buf;
    char *to = (char *)b->read.buf + b->from;
    size_t room = WEB_DISK_IO_MAX - b->from;
    size_t n;

    if (room > c->put_left)
        room = (size_t)c->put_left;
    n = c->in_len < room ? c->in_len : room;
    if (n) {
        memcpy(to, c->in, n);
        c->in_len -= n;
        memmove(c->in, c->in + n, c->in_len);
    } else {
        n = web_conn_take(c, to, room);
    }
    b->from += (uint32_t)n;
    c->put_left -= n;
    return (uint32_t)n;
}

bool web_conn_put_step(struct web_conn *c)
{
    struct web_buf *b = c->put_buf;
    bool moved = gather(c) > 0;
    bool replaced = false;
    int err = 0;

    if (c->put_left && b->from < WEB_DISK_IO_MAX)
        return moved;
    err = web_put_data(c->put, b->read.buf, b->from);
    b->from = 0;
    if (!err && c->put_left)
        return true;
    if (!err && being_read(c)) {
        web_conn_put_drop(c);
        refuse(c, 409, "");
        return true;
    }
    if (!err) {
        err = web_put_end(c->put, &replaced);
        c->put = NULL;
    }
    web_conn_put_drop(c);
    if (err) {
        web_server_log(c->server, "writing", "a file", err);
        refuse(c, web_status_of(err), "");
    } else {
        created(c, replaced);
    }
    return true;
}

void web_conn_put_drop(struct web_conn *c)
{
    if (c->put)
        web_put_abort(c->put);
    c->put = NULL;
    if (c->put_buf)
        web_buf_give(c->put_buf);
    c->put_buf = NULL;
}
