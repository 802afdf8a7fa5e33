/* SPDX-License-Identifier: MIT
 *
 * HTTP/1.1 requests (RFC 9112) from bytes, freestanding and without state:
 * everything a client sends is parsed here and nowhere else.
 */
#ifndef WEBGUEST_HTTP_PARSE_H
#define WEBGUEST_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_REQUEST_MAX 8192 /* request line and fields, bytes */
#define WEB_PATH_MAX    1024 /* decoded, with the NUL */
#define WEB_TAG_MAX     64

enum web_method { WEB_GET, WEB_HEAD, WEB_PUT, WEB_OPTIONS, WEB_UNKNOWN };

enum web_range_kind {
    WEB_RANGE_NONE,   /* whole body: no range, or one that is to be ignored */
    WEB_RANGE_FROM,   /* first to the end */
    WEB_RANGE_CLOSED, /* first to last, inclusive */
    WEB_RANGE_SUFFIX, /* the last `last` bytes */
};

struct web_request {
    enum web_method method;
    bool keep_alive;
    bool expect_continue;
    bool has_length;
    bool has_if_range;
    bool slash;      /* the target ended in '/': a directory is meant */
    uint64_t length; /* of the body, when has_length */
    enum web_range_kind range;
    uint64_t first, last;
    char if_range[WEB_TAG_MAX]; /* "" when it is no tag of ours */
    char path[WEB_PATH_MAX];    /* decoded, "/a/b": no "." or "..", no end
                                   slash but in "/" */
};

/* Looks at len bytes from the start of a request.  Returns the length of the
 * request's head with its empty line, 0 when more bytes are needed, or minus
 * the HTTP status to answer with before closing. */
int web_http_parse(const char *buf, size_t len, struct web_request *out);

/* The bytes [*first, *last] of a body of size bytes that r asks for.  0: send
 * everything; 1: send the range; -416: it cannot be satisfied. */
int web_http_range(const struct web_request *r, uint64_t size, uint64_t *first,
                   uint64_t *last);

#endif
