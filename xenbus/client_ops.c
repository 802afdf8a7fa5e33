/* SPDX-License-Identifier: MIT
 *
 * The requests of the registry client, one function each.
 */
#include <string.h>

#include "ring/error.h"
#include "xenbus/client_call.h"

/* Up to two string arguments, reply ignored. */
static int simple(struct weir_xs *xs, enum weir_xs_type type, weir_xs_tx tx,
                  const char *a, const char *b)
{
    weir_xs_begin(xs);
    weir_xs_put_str(xs, a);
    if (b)
        weir_xs_put_str(xs, b);
    return weir_xs_do(xs, type, tx);
}

int weir_xs_read(struct weir_xs *xs, weir_xs_tx tx, const char *path, char *buf,
                 size_t size)
{
    return weir_xs_read_key(xs, tx, "", path, buf, size);
}

int weir_xs_get_perms(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                      char *buf, size_t size)
{
    const char *reply;
    int n;

    weir_xs_begin(xs);
    weir_xs_put_str(xs, path);
    n = weir_xs_call(xs, WEIR_XS_GET_PERMS, tx, &reply);
    if (n < 0)
        return n;
    if ((size_t)n > size)
        return -WEIR_E2BIG;
    memcpy(buf, reply, (size_t)n);
    return n;
}

static int with_payload(struct weir_xs *xs, enum weir_xs_type type,
                        weir_xs_tx tx, const char *path, const void *p,
                        size_t len)
{
    weir_xs_begin(xs);
    weir_xs_put_str(xs, path);
    weir_xs_put_bytes(xs, p, len);
    return weir_xs_do(xs, type, tx);
}

int weir_xs_write(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                  const void *value, size_t len)
{
    return with_payload(xs, WEIR_XS_WRITE, tx, path, value, len);
}

int weir_xs_set_perms(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                      const char *perms, size_t len)
{
    return with_payload(xs, WEIR_XS_SET_PERMS, tx, path, perms, len);
}

int weir_xs_mkdir(struct weir_xs *xs, weir_xs_tx tx, const char *path)
{
    return simple(xs, WEIR_XS_MKDIR, tx, path, NULL);
}

int weir_xs_rm(struct weir_xs *xs, weir_xs_tx tx, const char *path)
{
    return simple(xs, WEIR_XS_RM, tx, path, NULL);
}

int weir_xs_watch(struct weir_xs *xs, const char *path, const char *token)
{
    return simple(xs, WEIR_XS_WATCH, 0, path, token);
}

int weir_xs_unwatch(struct weir_xs *xs, const char *path, const char *token)
{
    return simple(xs, WEIR_XS_UNWATCH, 0, path, token);
}

/* A list too long for one message: parts at growing offsets, all of one
 * generation; the last one ends with an empty string.  -WEIR_EAGAIN: the list
 * changed in between. */
static int list_parts(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                      char *buf, size_t size)
{
    char gen[24] = "";
    size_t used = 0;

    for (;;) {
        const char *reply;
        size_t genlen, n;
        int len;

        weir_xs_begin(xs);
        weir_xs_put_str(xs, path);
        weir_xs_put_u64(xs, used);
        len = weir_xs_call(xs, WEIR_XS_DIRECTORY_PART, tx, &reply);
        if (len < 0)
            return len;
        genlen = weir_xs_strlen(reply) + 1;
        if (genlen > sizeof(gen) || (size_t)len <= genlen)
            return -WEIR_EPROTO;
        if (used && memcmp(gen, reply, genlen))
            return -WEIR_EAGAIN;
        memcpy(gen, reply, genlen);
        n = (size_t)len - genlen;
        reply += genlen;
        bool last = !reply[n - 1] && (n == 1 || !reply[n - 2]);

        n -= last;
        if (n > size - used)
            return -WEIR_E2BIG;
        memcpy(buf + used, reply, n);
        used += n;
        if (last)
            return (int)used;
    }
}

int weir_xs_ls(struct weir_xs *xs, weir_xs_tx tx, const char *path, char *buf,
               size_t size)
{
    const char *reply;
    int n;

    weir_xs_begin(xs);
    weir_xs_put_str(xs, path);
    n = weir_xs_call(xs, WEIR_XS_DIRECTORY, tx, &reply);
    if (n == -WEIR_E2BIG) {
        for (unsigned tries = 0; tries < 8; tries++) {
            n = list_parts(xs, tx, path, buf, size);
            if (n != -WEIR_EAGAIN)
                break;
        }
        return n;
    }
    if (n < 0)
        return n;
    if ((size_t)n > size)
        return -WEIR_E2BIG;
    if (n && reply[n - 1])
        return -WEIR_EPROTO;
    memcpy(buf, reply, (size_t)n);
    return n;
}

int weir_xs_transaction_start(struct weir_xs *xs, weir_xs_tx *tx)
{
    const char *reply;
    uint64_t id;
    int n;

    weir_xs_begin(xs);
    weir_xs_put_str(xs, "");
    n = weir_xs_call(xs, WEIR_XS_TRANSACTION_START, 0, &reply);
    if (n < 0)
        return n;
    if (weir_xs_parse_u64(reply, &id) || !id || id > UINT32_MAX)
        return -WEIR_EPROTO;
    *tx = (weir_xs_tx)id;
    return 0;
}

int weir_xs_transaction_end(struct weir_xs *xs, weir_xs_tx tx, bool commit)
{
    return simple(xs, WEIR_XS_TRANSACTION_END, tx, commit ? "T" : "F", NULL);
}

int weir_xs_introduce(struct weir_xs *xs, domid_t domid, mfn_t frame,
                      evtchn_port_t port)
{
    weir_xs_begin(xs);
    weir_xs_put_u64(xs, domid);
    weir_xs_put_u64(xs, frame);
    weir_xs_put_u64(xs, port);
    return weir_xs_do(xs, WEIR_XS_INTRODUCE, 0);
}

int weir_xs_release(struct weir_xs *xs, domid_t domid)
{
    weir_xs_begin(xs);
    weir_xs_put_u64(xs, domid);
    return weir_xs_do(xs, WEIR_XS_RELEASE, 0);
}
