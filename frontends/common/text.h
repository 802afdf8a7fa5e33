/* SPDX-License-Identifier: MIT
 *
 * Building registry paths and node names without a libc.  Every function
 * fails instead of cutting: a cut path would name another node.
 */
#ifndef WEIR_FRONTENDS_COMMON_TEXT_H
#define WEIR_FRONTENDS_COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_text {
    char *buf; /* always NUL-terminated */
    size_t size, len;
    bool full; /* something did not fit: the text must not be used */
};

void weir_text_init(struct weir_text *t, char *buf, size_t size);
void weir_text_str(struct weir_text *t, const char *s);
void weir_text_u64(struct weir_text *t, uint64_t v);

size_t weir_text_len(const char *s);
bool weir_text_equal(const char *a, const char *b);
bool weir_text_starts(const char *s, const char *prefix);

#endif
