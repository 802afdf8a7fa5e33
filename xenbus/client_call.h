/* SPDX-License-Identifier: MIT
 *
 * Inside the registry client: build a request, send it, get the reply.
 */
#ifndef WEIR_XENBUS_CLIENT_CALL_H
#define WEIR_XENBUS_CLIENT_CALL_H

#include "xenbus/client.h"

void weir_xs_begin(struct weir_xs *xs);
/* Parts that do not fit make weir_xs_call return -WEIR_E2BIG. */
void weir_xs_put_bytes(struct weir_xs *xs, const void *p, size_t len);
void weir_xs_put_str(struct weir_xs *xs, const char *s);
void weir_xs_put_u64(struct weir_xs *xs, uint64_t v);
/* Bytes of the payload at *reply, which has a NUL behind it and lives until
 * the next call, or the server's error, or what broke the connection. */
int weir_xs_call(struct weir_xs *xs, enum weir_xs_type type, weir_xs_tx tx,
                 const char **reply);

/* The same for a reply that says nothing but OK: 0 or the error. */
static inline int weir_xs_do(struct weir_xs *xs, enum weir_xs_type type,
                             weir_xs_tx tx)
{
    const char *reply;
    int n = weir_xs_call(xs, type, tx, &reply);

    return n < 0 ? n : 0;
}

static inline size_t weir_xs_strlen(const char *s)
{
    const char *p = s;

    while (*p)
        p++;
    return (size_t)(p - s);
}

#endif
