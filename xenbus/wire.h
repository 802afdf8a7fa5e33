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
#include "ring/xs_abi.h"

#define WEIR_XS_HDR_SIZE    16
#define WEIR_XS_PAYLOAD_MAX 4096
#define WEIR_XS_PATH_MAX    3072    /* absolute path, bytes without the NUL */
#define WEIR_XS_DOMID_MAX   0x7fefu /* last real domain */

/* Beyond ring/xs_abi.h: message types and a feature newer than Xen 4.17. */
#define WEIR_XS_GET_QUOTA         25u
#define WEIR_XS_SET_QUOTA         26u
#define WEIR_XS_TYPE_COUNT        27u
#define WEIR_XS_SERVER_WATCHDEPTH 4u

void weir_xs_hdr_put(uint8_t out[WEIR_XS_HDR_SIZE],
                     const struct weir_xs_header *h);
/* -WEIR_EPROTO when the payload would be too long; *h is filled anyway. */
int weir_xs_hdr_get(struct weir_xs_header *h,
                    const uint8_t in[WEIR_XS_HDR_SIZE]);
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
