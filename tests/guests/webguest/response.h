/* SPDX-License-Identifier: MIT
 *
 * What the server answers, as text: heads, error pages, directory indexes.
 */
#ifndef WEBGUEST_RESPONSE_H
#define WEBGUEST_RESPONSE_H

#include "tests/guests/webguest/fs.h"
#include "tests/guests/webguest/http_parse.h"
#include "tests/guests/webguest/text.h"

struct web_head {
    int status;
    bool keep_alive;
    bool no_body_length; /* 204, 100: no Content-Length line */
    uint64_t length;     /* of the body */
    uint64_t now;        /* seconds since 1970, 0: not known */
    const char *type;    /* NULL: none */
};

/* The head up to, without, its empty line: fields may be added. */
void web_head_add(struct web_text *t, const struct web_head *h);
void web_head_end(struct web_text *t);
/* A whole answer with a small page; fields is more lines, or "". */
void web_error_add(struct web_text *t, int status, bool keep_alive,
                   bool with_body, uint64_t now, const char *fields);

const char *web_type_of(const char *path);
void web_tag_of(const struct web_file *f, char tag[WEB_TAG_MAX]);
/* The page that lists dir, called path in it. */
int web_index_add(struct web_text *t, struct web_file *dir, const char *path);

#endif
