/* SPDX-License-Identifier: MIT
 *
 * A growing text with an upper limit, and the encodings of HTTP and HTML.
 * A text that failed (no memory, too long) stays failed; check once at the
 * end.
 */
#ifndef WEBGUEST_TEXT_H
#define WEBGUEST_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_TEXT_MAX (256u * 1024u)

struct web_text {
    char *p; /* NUL-terminated once something was added */
    size_t len, cap;
    bool failed;
};

void web_text_free(struct web_text *t);
void web_text_add(struct web_text *t, const char *s);
__attribute__((format(printf, 2, 3))) void
web_text_printf(struct web_text *t, const char *fmt, ...);
void web_text_add_url(struct web_text *t, const char *path);  /* %-escaped */
void web_text_add_html(struct web_text *t, const char *text); /* &-escaped */
/* "Sun, 06 Nov 1994 08:49:37 GMT"; libc's gmtime may open files. */
void web_text_add_date(struct web_text *t, uint64_t unix_seconds);

#endif
