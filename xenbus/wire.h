/* SPDX-License-Identifier: MIT
 *
 * The xenstore wire format, as pure functions over bytes.  Freestanding.
 *
 * A message is a 16-byte header (four little-endian words: type, request id,
 * transaction id, payload length) and at most 4096 bytes of payload, which for
 * most types is a list of NUL-terminated strings.  A reply repeats type,
 * request id and transaction id of its request; a failure has type
 * WEIR_XS_ERROR and the name of an error ("ENOENT") as payload.
 *
 * Facts: Xen public/io/xs_wire.h and docs/misc/xenstore.txt.
 */
#ifndef WEIR_XENBUS_WIRE_H
#define WEIR_XENBUS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ring/port.h"

#define WEIR_XS_HDR_SIZE     16
#define WEIR_XS_PAYLOAD_MAX  4096
#define WEIR_XS_PATH_MAX     3072    /* absolute path, bytes without the NUL */
#define WEIR_XS_REL_PATH_MAX 2048    /* the same of a relative one */
#define WEIR_XS_DOMID_MAX    0x7fefu /* last real domain */

enum weir_xs_type {
    WEIR_XS_CONTROL = 0,
    WEIR_XS_DIRECTORY = 1,
    WEIR_XS_READ = 2,
    WEIR_XS_GET_PERMS = 3,
    WEIR_XS_WATCH = 4,
    WEIR_XS_UNWATCH = 5,
    WEIR_XS_TRANSACTION_START = 6,
    WEIR_XS_TRANSACTION_END = 7,
    WEIR_XS_INTRODUCE = 8,
    WEIR_XS_RELEASE = 9,
    WEIR_XS_GET_DOMAIN_PATH = 10,
    WEIR_XS_WRITE = 11,
    WEIR_XS_MKDIR = 12,
    WEIR_XS_RM = 13,
    WEIR_XS_SET_PERMS = 14,
    WEIR_XS_WATCH_EVENT = 15,
    WEIR_XS_ERROR = 16,
    WEIR_XS_IS_DOMAIN_INTRODUCED = 17,
    WEIR_XS_RESUME = 18,
    WEIR_XS_SET_TARGET = 19,
    /* 20 was RESTRICT */
    WEIR_XS_RESET_WATCHES = 21,
    WEIR_XS_DIRECTORY_PART = 22,
    WEIR_XS_GET_FEATURE = 23, /* 23 to 26: newer than Xen 4.17's header */
    WEIR_XS_SET_FEATURE = 24,
    WEIR_XS_GET_QUOTA = 25,
    WEIR_XS_SET_QUOTA = 26,
    WEIR_XS_TYPE_COUNT
};

/* Server feature bits (ring page, GET_FEATURE). */
#define WEIR_XS_FEATURE_RECONNECT  1u
#define WEIR_XS_FEATURE_ERROR      2u
#define WEIR_XS_FEATURE_WATCHDEPTH 4u

struct weir_xs_hdr {
    uint32_t type, req_id, tx_id;
    uint32_t len; /* payload bytes */
};

void weir_xs_hdr_put(uint8_t out[WEIR_XS_HDR_SIZE],
                     const struct weir_xs_hdr *h);
/* -WEIR_EPROTO when the payload would be too long; *h is filled anyway. */
int weir_xs_hdr_get(struct weir_xs_hdr *h, const uint8_t in[WEIR_XS_HDR_SIZE]);
const char *weir_xs_type_name(uint32_t type);

/* Splits NUL-terminated strings: the first max of them go to argv (pointers
 * into payload).  Returns how many there are in all; bytes after the last NUL
 * make it -WEIR_EINVAL when strict. */
int weir_xs_split(const char *payload, size_t len, const char **argv,
                  unsigned max, bool strict);

/* len bytes without the NUL.  Absolute ("/a/b"), relative ("a/b") or, when
 * special_ok, "@name".  0 or -WEIR_EINVAL. */
int weir_xs_path_check(const char *path, size_t len, bool special_ok);
/* Is child equal to parent, or below it?  Both absolute and valid.  *levels
 * (may be NULL) gets how many components deeper. */
bool weir_xs_path_below(const char *child, const char *parent,
                        unsigned *levels);

#define WEIR_XS_PERM_READ  1u
#define WEIR_XS_PERM_WRITE 2u
/* The first of a node's permissions names its owner and what everybody else
 * may do; the others name one domain each. */
struct weir_xs_perm {
    domid_t domid;
    uint8_t mask;
};
#define WEIR_XS_PERM_STR 8 /* "b65535" and the NUL */
/* "n0", "r1", "w2", "b3"; -WEIR_EINVAL. */
int weir_xs_perm_parse(const char *s, struct weir_xs_perm *out);
/* Returns the length without the NUL. */
unsigned weir_xs_perm_format(const struct weir_xs_perm *p,
                             char out[WEIR_XS_PERM_STR]);

/* Decimal digits and nothing else; -WEIR_EINVAL, -WEIR_ERANGE. */
int weir_xs_parse_u64(const char *s, uint64_t *out);
/* At most 20 digits and a NUL; returns the digits. */
unsigned weir_xs_format_u64(uint64_t v, char out[21]);

/* "ENOENT" of WEIR_ENOENT; codes the protocol has no name for are "EINVAL". */
const char *weir_xs_error_name(int code);
/* The positive code; unknown names are WEIR_EIO. */
int weir_xs_error_code(const char *name, size_t len);

#endif
