/* SPDX-License-Identifier: MIT
 *
 * One connection: request, answer, next request.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ring/error.h"
#include "tests/guests/webguest/server_private.h"

int web_status_of(int err)
{
    switch (-err) {
    case WEIR_ENOENT:
        return 404;
    case WEIR_EACCES:
    case WEIR_EROFS:
    case WEIR_EINVAL:
        return 403;
    case WEIR_ENOSPC:
        return 507;
    case WEIR_ENOMEM:
        return 503;
    default:
        return 500;
    }
}

static void begin_answer(struct web_conn *c, bool keep_alive)
{
    web_body_end(c);
    web_text_free(&c->text);
    c->text_pos = 0;
    c->keep_alive = keep_alive;
    c->state = WEB_CONN_SEND;
}

static void answer_error(struct web_conn *c, int status, bool keep_alive,
                         bool with_body, const char *fields)
{
    begin_answer(c, keep_alive);
    c->server->stats.errors++;
    web_error_add(&c->text, status, keep_alive, with_body,
                  web_server_unix(c->server), fields);
}

void web_conn_answer_error(struct web_conn *c, int status, bool keep_alive,
                           const char *fields)
{
    answer_error(c, status, keep_alive, true, fields);
}

static void answer_index(struct web_conn *c, const struct web_request *r,
                         struct web_file *dir)
{
    struct web_text page = {0};
    struct web_head h = {
        .status = 200,
        .keep_alive = r->keep_alive,
        .type = "text/html; charset=utf-8",
        .now = web_server_unix(c->server),
    };
    int err = web_index_add(&page, dir, r->path);

    if (err) {
        web_server_log(c->server, "listing", r->path, err);
        answer_error(c, web_status_of(err), r->keep_alive,
                     r->method != WEB_HEAD, "");
    } else {
        begin_answer(c, r->keep_alive);
        h.length = page.len;
        web_head_add(&c->text, &h);
        web_head_end(&c->text);
        if (r->method != WEB_HEAD)
            web_text_add(&c->text, page.p);
    }
    web_text_free(&page);
}

/* The file in c->file, or the part of it that r asks for. */
static void answer_file(struct web_conn *c, const struct web_request *r,
                        const struct web_file *found)
{
    struct web_text fields = {0};
    struct web_request wanted = {
        .range = r->range, .first = r->first, .last = r->last};
    struct web_head h = {
        .status = 200,
        .keep_alive = r->keep_alive,
        .type = web_type_of(r->path),
        .now = web_server_unix(c->server),
    };
    uint64_t first, last;
    char tag[WEB_TAG_MAX];
    int part;

    web_tag_of(found, tag);
    if (r->has_if_range && strcmp(r->if_range, tag) != 0)
        wanted.range = WEB_RANGE_NONE;
    part = web_http_range(&wanted, found->size, &first, &last);
    begin_answer(c, r->keep_alive);
    c->file = *found;
    c->has_file = true;
    if (part < 0) {
        web_text_printf(&fields, "Content-Range: bytes */%" PRIu64 "\r\n",
                        found->size);
        answer_error(c, 416, r->keep_alive, r->method != WEB_HEAD, fields.p);
        web_text_free(&fields);
        return;
    }
    h.status = part ? 206 : 200;
    h.length = found->size ? last - first + 1 : 0;
    web_head_add(&c->text, &h);
    if (part)
        web_text_printf(&c->text,
                        "Content-Range: bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64
                        "\r\n",
                        first, last, found->size);
    web_text_printf(&c->text, "ETag: %s\r\nLast-Modified: ", tag);
    web_text_add_date(&c->text, found->mtime);
    web_text_add(&c->text, "\r\nAccept-Ranges: bytes\r\n");
    web_head_end(&c->text);
    c->next = first;
    c->end = r->method == WEB_HEAD ? first : first + h.length;
}

static void answer_moved(struct web_conn *c, const struct web_request *r)
{
    struct web_text field = {0};

    web_text_add(&field, "Location: ");
    web_text_add_url(&field, r->path);
    web_text_add(&field, "/\r\n");
    answer_error(c, 301, r->keep_alive, r->method != WEB_HEAD,
                 field.failed ? "" : field.p);
    web_text_free(&field);
}

/* The file to send for a directory: its index.html, if it has one. */
static bool find_index(struct web_fs *fs, const char *dir, struct web_file *out)
{
    char path[WEB_PATH_MAX + 16];

    snprintf(path, sizeof(path), "%s/index.html", dir);
    if (web_fs_find(fs, path, out) != 0)
        return false;
    if (out->kind == WEB_FILE)
        return true;
    web_file_close(out);
    return false;
}

static void handle_get(struct web_conn *c, struct web_request *r)
{
    struct web_fs *fs = c->server->config.fs;
    struct web_file f, index;
    int err = web_fs_find(fs, r->path, &f);

    if (err && err != -WEIR_ENOENT)
        web_server_log(c->server, "looking up", r->path, err);
    if (!err && f.kind != WEB_DIR && r->slash) {
        web_file_close(&f);
        err = -WEIR_ENOENT;
    }
    if (err) {
        answer_error(c, web_status_of(err), r->keep_alive,
                     r->method != WEB_HEAD, "");
        return;
    }
    if (f.kind == WEB_FILE) {
        answer_file(c, r, &f);
        return;
    }
    if (f.kind == WEB_OTHER)
        answer_error(c, 403, r->keep_alive, r->method != WEB_HEAD, "");
    else if (!r->slash)
        answer_moved(c, r);
    else if (find_index(fs, r->path, &index))
        answer_file(c, r, &index);
    else
        answer_index(c, r, &f);
    web_file_close(&f);
}

static void handle(struct web_conn *c, struct web_request *r)
{
    static const char allow[] = "Allow: GET, HEAD, PUT, OPTIONS\r\n";
    struct web_head h = {.status = 204,
                         .no_body_length = true,
                         .keep_alive = r->keep_alive,
                         .now = web_server_unix(c->server)};

    c->server->stats.requests++;
    if (r->method == WEB_PUT) {
        web_conn_put_begin(c, r);
        return;
    }
    /* We would have to read a body to find the next request. */
    if (r->has_length && r->length)
        r->keep_alive = false;
    if (r->method == WEB_GET || r->method == WEB_HEAD) {
        handle_get(c, r);
    } else if (r->method == WEB_OPTIONS) {
        h.keep_alive = r->keep_alive;
        begin_answer(c, r->keep_alive);
        web_head_add(&c->text, &h);
        web_text_add(&c->text, allow);
        web_head_end(&c->text);
    } else {
        answer_error(c, 405, r->keep_alive, true, allow);
    }
}

static bool step_head(struct web_conn *c)
{
    size_t got = web_conn_take(c, c->in + c->in_len, sizeof(c->in) - c->in_len);
    struct web_request r;
    int n;

    c->in_len += got;
    if (c->in_len == 0)
        return false;
    if (!c->head_ms)
        c->head_ms = c->last_ms;
    n = web_http_parse(c->in, c->in_len, &r);
    if (n == 0)
        return false;
    c->head_ms = 0;
    if (n < 0) {
        web_conn_answer_error(c, -n, false, "");
        return true;
    }
    c->in_len -= (size_t)n;
    memmove(c->in, c->in + n, c->in_len);
    handle(c, &r);
    return true;
}

/* The answer is out: wait for the next request, or say good-bye. */
static void answer_done(struct web_conn *c)
{
    web_body_end(c);
    web_text_free(&c->text);
    c->text_pos = 0;
    if (c->put) {
        c->state = WEB_CONN_PUT; /* it was "100 Continue" */
    } else if (c->keep_alive) {
        c->state = WEB_CONN_HEAD;
        c->head_ms = 0;
    } else {
        c->state = WEB_CONN_LINGER;
        tcp_shutdown(c->pcb, 0, 1);
    }
}

static bool step_send(struct web_conn *c)
{
    bool moved = false;
    size_t sent = 0;
    int err;

    if (c->text.failed) {
        web_conn_abort(c); /* no memory even for an error page */
        return false;
    }
    err = web_body_fill(c, &moved);
    while (!err && c->text_pos < c->text.len) {
        if (!web_conn_write(c, c->text.p + c->text_pos,
                            c->text.len - c->text_pos, &sent,
                            c->next < c->end || c->nbufs))
            return moved;
        c->text_pos += sent;
        moved = true;
    }
    if (!err)
        err = web_body_send(c, &moved);
    if (err) {
        /* The head is out: all that is left is to break the connection. */
        web_server_log(c->server, "reading", "a file", err);
        c->server->stats.errors++;
        web_conn_abort(c);
        return false;
    }
    if (c->nbufs == 0 && c->next == c->end) {
        answer_done(c);
        return true;
    }
    return moved;
}

static bool step_linger(struct web_conn *c)
{
    char waste[512];
    bool moved = false;
    uint64_t last = c->last_ms;

    while (web_conn_take(c, waste, sizeof(waste)))
        moved = true;
    c->last_ms = last; /* what we throw away does not buy time */
    return moved;
}

bool web_conn_step(struct web_conn *c)
{
    switch (c->state) {
    case WEB_CONN_HEAD:
        return step_head(c);
    case WEB_CONN_SEND:
        return step_send(c);
    case WEB_CONN_PUT:
        return web_conn_put_step(c);
    case WEB_CONN_LINGER:
        return step_linger(c);
    case WEB_CONN_FREE:
        break;
    }
    return false;
}
