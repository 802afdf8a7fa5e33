/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/response.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ring/error.h"

static const struct {
    int status;
    const char *words;
} reasons[] = {
    {100, "Continue"},
    {200, "OK"},
    {201, "Created"},
    {204, "No Content"},
    {206, "Partial Content"},
    {301, "Moved Permanently"},
    {400, "Bad Request"},
    {403, "Forbidden"},
    {404, "Not Found"},
    {405, "Method Not Allowed"},
    {408, "Request Timeout"},
    {409, "Conflict"},
    {411, "Length Required"},
    {413, "Content Too Large"},
    {414, "URI Too Long"},
    {416, "Range Not Satisfiable"},
    {417, "Expectation Failed"},
    {431, "Request Header Fields Too Large"},
    {500, "Internal Server Error"},
    {501, "Not Implemented"},
    {503, "Service Unavailable"},
    {505, "HTTP Version Not Supported"},
    {507, "Insufficient Storage"},
};

static const struct {
    const char *suffix, *type;
} types[] = {
    {".html", "text/html; charset=utf-8"},
    {".txt", "text/plain; charset=utf-8"},
    {".md", "text/plain; charset=utf-8"},
    {".c", "text/plain; charset=utf-8"},
    {".h", "text/plain; charset=utf-8"},
    {".json", "application/json"},
    {".css", "text/css"},
    {".js", "text/javascript"},
    {".png", "image/png"},
    {".jpg", "image/jpeg"},
    {".svg", "image/svg+xml"},
    {".pdf", "application/pdf"},
};

static const char *reason_of(int status)
{
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
        if (reasons[i].status == status)
            return reasons[i].words;
    return "Error";
}

const char *web_type_of(const char *path)
{
    size_t len = strlen(path);

    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        size_t n = strlen(types[i].suffix);

        if (len > n && strcmp(path + len - n, types[i].suffix) == 0)
            return types[i].type;
    }
    return "application/octet-stream";
}

void web_tag_of(const struct web_file *f, char tag[WEB_TAG_MAX])
{
    snprintf(tag, WEB_TAG_MAX, "\"%" PRIx32 "-%" PRIx64 "-%" PRIx64 "\"",
             f->ino, f->mtime, f->size);
}

void web_head_add(struct web_text *t, const struct web_head *h)
{
    web_text_printf(t, "HTTP/1.1 %d %s\r\nServer: weir-webguest\r\n", h->status,
                    reason_of(h->status));
    if (h->now) {
        web_text_add(t, "Date: ");
        web_text_add_date(t, h->now);
        web_text_add(t, "\r\n");
    }
    if (!h->no_body_length)
        web_text_printf(t, "Content-Length: %" PRIu64 "\r\n", h->length);
    if (h->type)
        web_text_printf(t, "Content-Type: %s\r\n", h->type);
    if (!h->keep_alive)
        web_text_add(t, "Connection: close\r\n");
}

void web_head_end(struct web_text *t)
{
    web_text_add(t, "\r\n");
}

void web_error_add(struct web_text *t, int status, bool keep_alive,
                   bool with_body, uint64_t now, const char *fields)
{
    char page[128];
    int n = snprintf(page, sizeof(page), "%d %s\n", status, reason_of(status));
    struct web_head h = {
        .status = status,
        .keep_alive = keep_alive,
        .length = (uint64_t)n,
        .type = "text/plain; charset=utf-8",
        .now = now,
    };

    web_head_add(t, &h);
    web_text_add(t, fields);
    web_head_end(t);
    if (with_body)
        web_text_add(t, page);
}

static void add_entry(void *arg, const char *name, enum web_kind kind)
{
    struct web_text *t = arg;
    const char *end = kind == WEB_DIR ? "/" : "";

    /* Leave room for the end of the page: a long directory is cut. */
    if (t->len > WEB_TEXT_MAX - 4096)
        return;
    web_text_add(t, "<li><a href=\"./");
    web_text_add_url(t, name);
    web_text_printf(t, "%s\">", end);
    web_text_add_html(t, name);
    web_text_printf(t, "%s</a></li>\n", end);
}

int web_index_add(struct web_text *t, struct web_file *dir, const char *path)
{
    int err;

    web_text_add(t, "<!DOCTYPE html>\n<title>Index of ");
    web_text_add_html(t, path);
    web_text_add(t, "</title>\n<h1>Index of ");
    web_text_add_html(t, path);
    web_text_add(t, "</h1>\n<ul>\n");
    if (strcmp(path, "/") != 0)
        web_text_add(t, "<li><a href=\"../\">../</a></li>\n");
    err = web_dir_list(dir, add_entry, t);
    if (!err && t->len > WEB_TEXT_MAX - 4096)
        web_text_add(t, "<li>... more entries than this page holds</li>\n");
    web_text_add(t, "</ul>\n");
    return err ? err : t->failed ? -WEIR_ENOMEM : 0;
}
