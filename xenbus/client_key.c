/* SPDX-License-Identifier: MIT
 *
 * Registry client: DIR/KEY joins and decimal numbers.
 */
#include <string.h>

#include "ring/error.h"
#include "xenbus/client_call.h"

/* "dir/key" as first argument; an empty dir leaves key alone. */
static void begin_key(struct weir_xs *xs, const char *dir, const char *key)
{
    size_t n = weir_xs_strlen(dir);

    weir_xs_begin(xs);
    weir_xs_put_bytes(xs, dir, n);
    if (n && dir[n - 1] != '/')
        weir_xs_put_bytes(xs, "/", 1);
    weir_xs_put_str(xs, key);
}

int weir_xs_read_key(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                     const char *key, char *buf, size_t size)
{
    const char *reply;
    int n;

    begin_key(xs, dir, key);
    n = weir_xs_call(xs, WEIR_XS_READ, tx, &reply);
    if (n < 0)
        return n;
    if ((size_t)n >= size)
        return -WEIR_E2BIG;
    memcpy(buf, reply, (size_t)n);
    buf[n] = '\0';
    return n;
}

int weir_xs_write_key(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                      const char *key, const char *value)
{
    begin_key(xs, dir, key);
    weir_xs_put_bytes(xs, value, weir_xs_strlen(value));
    return weir_xs_do(xs, WEIR_XS_WRITE, tx);
}

int weir_xs_read_u64(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                     const char *key, uint64_t *out)
{
    char digits[24];
    int n = weir_xs_read_key(xs, tx, dir, key, digits, sizeof(digits));

    if (n == -WEIR_E2BIG)
        return -WEIR_EINVAL;
    if (n < 0)
        return n;
    if (weir_xs_strlen(digits) != (size_t)n || weir_xs_parse_u64(digits, out))
        return -WEIR_EINVAL;
    return 0;
}

int weir_xs_write_u64(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                      const char *key, uint64_t value)
{
    char digits[21];

    weir_xs_format_u64(value, digits);
    return weir_xs_write_key(xs, tx, dir, key, digits);
}
