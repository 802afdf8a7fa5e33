/* SPDX-License-Identifier: MIT */
#include "xenbus/wire.h"

#include "ring/bytes.h"
#include "ring/error.h"

void weir_xs_hdr_put(uint8_t out[WEIR_XS_HDR_SIZE],
                     const struct weir_xs_header *h)
{
    weir_put32(out, h->type);
    weir_put32(out + 4, h->req_id);
    weir_put32(out + 8, h->tx_id);
    weir_put32(out + 12, h->len);
}

int weir_xs_hdr_get(struct weir_xs_header *h,
                    const uint8_t in[WEIR_XS_HDR_SIZE])
{
    h->type = weir_le32(in);
    h->req_id = weir_le32(in + 4);
    h->tx_id = weir_le32(in + 8);
    h->len = weir_le32(in + 12);
    return h->len > WEIR_XS_PAYLOAD_MAX ? -WEIR_EPROTO : 0;
}

const char *weir_xs_type_name(uint32_t type)
{
    static const char *const names[WEIR_XS_TYPE_COUNT] = {
        [WEIR_XS_CONTROL] = "CONTROL",
        [WEIR_XS_DIRECTORY] = "DIRECTORY",
        [WEIR_XS_READ] = "READ",
        [WEIR_XS_GET_PERMS] = "GET_PERMS",
        [WEIR_XS_WATCH] = "WATCH",
        [WEIR_XS_UNWATCH] = "UNWATCH",
        [WEIR_XS_TRANSACTION_START] = "TRANSACTION_START",
        [WEIR_XS_TRANSACTION_END] = "TRANSACTION_END",
        [WEIR_XS_INTRODUCE] = "INTRODUCE",
        [WEIR_XS_RELEASE] = "RELEASE",
        [WEIR_XS_GET_DOMAIN_PATH] = "GET_DOMAIN_PATH",
        [WEIR_XS_WRITE] = "WRITE",
        [WEIR_XS_MKDIR] = "MKDIR",
        [WEIR_XS_RM] = "RM",
        [WEIR_XS_SET_PERMS] = "SET_PERMS",
        [WEIR_XS_WATCH_EVENT] = "WATCH_EVENT",
        [WEIR_XS_ERROR] = "ERROR",
        [WEIR_XS_IS_DOMAIN_INTRODUCED] = "IS_DOMAIN_INTRODUCED",
        [WEIR_XS_RESUME] = "RESUME",
        [WEIR_XS_SET_TARGET] = "SET_TARGET",
        [WEIR_XS_RESET_WATCHES] = "RESET_WATCHES",
        [WEIR_XS_DIRECTORY_PART] = "DIRECTORY_PART",
        [WEIR_XS_GET_FEATURE] = "GET_FEATURE",
        [WEIR_XS_SET_FEATURE] = "SET_FEATURE",
        [WEIR_XS_GET_QUOTA] = "GET_QUOTA",
        [WEIR_XS_SET_QUOTA] = "SET_QUOTA",
    };

    return type < WEIR_XS_TYPE_COUNT && names[type] ? names[type] : "?";
}

int weir_xs_split(const char *payload, size_t len, const char **argv,
                  unsigned max, bool strict)
{
    size_t start = 0;
    unsigned n = 0;

    for (size_t i = 0; i < len; i++) {
        if (payload[i])
            continue;
        if (n < max)
            argv[n] = payload + start;
        n++;
        start = i + 1;
    }
    return strict && start != len ? -WEIR_EINVAL : (int)n;
}

static bool path_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '/' ||
           c == '@';
}

int weir_xs_path_check(const char *path, size_t len, bool special_ok)
{
    if (!len || len > WEIR_XS_PATH_MAX)
        return -WEIR_EINVAL;
    if (path[0] == '@' && !special_ok)
        return -WEIR_EINVAL;
    if (path[0] != '/' && len > WEIR_XS_REL_PATH_MAX)
        return -WEIR_EINVAL;
    for (size_t i = 0; i < len; i++) {
        if (!path_char(path[i]))
            return -WEIR_EINVAL;
        if (i && path[i] == '/' && path[i - 1] == '/')
            return -WEIR_EINVAL;
    }
    return len > 1 && path[len - 1] == '/' ? -WEIR_EINVAL : 0;
}

bool weir_xs_path_below(const char *child, const char *parent, unsigned *levels)
{
    size_t i = 0;
    unsigned n = 0;

    if (parent[0] == '/' && !parent[1]) {
        if (child[0] != '/')
            return false;
    } else {
        for (; parent[i]; i++)
            if (child[i] != parent[i])
                return false;
        if (child[i] && child[i] != '/')
            return false;
    }
    for (; child[i]; i++)
        n += child[i] == '/' && child[i + 1];
    if (levels)
        *levels = n;
    return true;
}

int weir_xs_perm_parse(const char *s, struct weir_xs_perm *out)
{
    static const char letters[4] = {'n', 'r', 'w', 'b'};
    uint64_t id;
    unsigned m = 0;

    while (m < 4 && letters[m] != s[0])
        m++;
    if (m == 4 || weir_xs_parse_u64(s + 1, &id) || id > 65535)
        return -WEIR_EINVAL;
    out->mask = (uint8_t)m; /* n 0, r READ, w WRITE, b both */
    out->domid = (domid_t)id;
    return 0;
}

unsigned weir_xs_perm_format(const struct weir_xs_perm *p,
                             char out[WEIR_XS_PERM_STR])
{
    char digits[21];
    unsigned n = weir_xs_format_u64(p->domid, digits);

    out[0] = "nrwb"[p->mask & 3u];
    for (unsigned i = 0; i <= n; i++)
        out[i + 1] = digits[i];
    return n + 1;
}

int weir_xs_parse_u64(const char *s, uint64_t *out)
{
    uint64_t v = 0;

    if (!*s)
        return -WEIR_EINVAL;
    for (; *s; s++) {
        unsigned d = (unsigned)(unsigned char)*s - '0';

        if (d > 9)
            return -WEIR_EINVAL;
        if (v > (UINT64_MAX - d) / 10)
            return -WEIR_ERANGE;
        v = v * 10 + d;
    }
    *out = v;
    return 0;
}

unsigned weir_xs_format_u64(uint64_t v, char out[21])
{
    char rev[20];
    unsigned n = 0;

    do {
        rev[n++] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    for (unsigned i = 0; i < n; i++)
        out[i] = rev[n - 1 - i];
    out[n] = '\0';
    return n;
}

struct error_name {
    int code;
    const char *name;
};

static const struct error_name errors[] = {
#define ERROR(name, number) {number, #name},
    WEIR_XS_ERRORS(ERROR)
#undef ERROR
};
#define NERRORS (sizeof(errors) / sizeof(errors[0]))

const char *weir_xs_error_name(int code)
{
    for (unsigned i = 0; i < NERRORS; i++)
        if (errors[i].code == code)
            return errors[i].name;
    return "EINVAL";
}

int weir_xs_error_code(const char *name, size_t len)
{
    for (unsigned i = 0; i < NERRORS; i++) {
        size_t n = 0;

        while (n < len && name[n] && name[n] == errors[i].name[n])
            n++;
        if (!errors[i].name[n] && (n == len || !name[n]))
            return errors[i].code;
    }
    return WEIR_EIO;
}
