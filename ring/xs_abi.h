/* SPDX-License-Identifier: MIT
 *
 * Manual of the xenstore wire protocol.                WEIR_XS_ABI_VERSION 1
 *
 * A connection is a byte stream in each direction: a Unix stream socket, or
 * two byte rings in one page (struct weir_xs_ring_page).  Each message is a
 * header of four little-endian words and len bytes of payload, at most 4096.
 * A longer one is a protocol violation: the connection is dropped.
 *
 * A reply has the request's type, req_id and tx_id; a failure is a reply of
 * type ERROR with the error's name and a NUL ("ENOENT\0").  Replies to one
 * connection come in the order of its requests.  WATCH_EVENT comes any time,
 * with req_id and tx_id 0.
 *
 * Paths: absolute "/a/b" up to 3072 bytes, or relative to the domain's own
 * /local/domain/ID, up to 2048.  Elements of letters, digits, - _ @ and no
 * empty one; watches may also name @introduceDomain and @releaseDomain.  Below
 * | is a NUL byte, * repetition; a value is bytes without a NUL at its end.
 *
 *   request             payload               reply
 *   DIRECTORY           path|                 child| *
 *   DIRECTORY_PART      path| offset|         generation| child| *, and one
 *                                             more | at the end of the list
 *   READ                path|                 value
 *   WRITE               path| value           OK|
 *   MKDIR               path|                 OK| (also when it exists)
 *   RM                  path|                 OK|
 *   GET_PERMS           path|                 perm| *
 *   SET_PERMS           path| perm| *         OK|
 *   WATCH               path| token| [depth|] OK|, then one event at once
 *   UNWATCH             path| token|          OK|
 *   RESET_WATCHES       |                     OK|; transactions end too
 *   WATCH_EVENT (from the store)              path| token|
 *   TRANSACTION_START   |                     id|
 *   TRANSACTION_END     T| or F|              OK|, EAGAIN on a conflict
 *   GET_DOMAIN_PATH     domid|                path|
 *   IS_DOMAIN_INTRODUCED domid|               T| or F|
 *   INTRODUCE           domid| gfn| port| [0|] OK|          privileged
 *   RELEASE             domid|                OK|           privileged
 *   RESUME              domid|                OK|           privileged
 *   SET_TARGET          domid| target|        OK|           privileged
 *   CONTROL             command| arg| *       text|         privileged
 *   GET_FEATURE         [domid|]              value|        domid: privileged
 *   SET_FEATURE         domid| value|         OK|           privileged
 *
 * Newer than Xen 4.17, types 25 and 26:
 *
 *   GET_QUOTA           [[domid|] name|]      value|, or all names; privileged
 *   SET_QUOTA           [domid|] name| value| OK|           privileged
 *
 * perm: one letter and a domid: n none, r read, w write, b both.  The first
 * names the owner, who may do everything, and what all not listed may do.
 *
 * Errors by name: WEIR_XS_ERRORS below.
 *
 * The ring page: index words count up for ever, byte i at i mod 1024.  The
 * domain writes req_prod and rsp_cons, the store req_cons and rsp_prod.  Bytes
 * first, then the index (release), then notify.  prod - cons above 1024 is a
 * broken peer; a store that offers the error word says so there (RINGIDX).
 *
 * Reconnection: a domain that sees feature RECONNECTION may set connection to
 * RECONNECT, notify, and wait until the store has dropped watches and
 * transactions, zeroed the indexes and set it back to CONNECTED.
 */
#ifndef WEIR_RING_XS_ABI_H
#define WEIR_RING_XS_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_XS_ABI_VERSION 1

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
    WEIR_XS_RESTRICT = 20, /* gone; answered ENOSYS */
    WEIR_XS_RESET_WATCHES = 21,
    WEIR_XS_DIRECTORY_PART = 22,
    WEIR_XS_GET_FEATURE = 23,
    WEIR_XS_SET_FEATURE = 24,
    WEIR_XS_TYPES, /* valid types are below */
    WEIR_XS_INVALID = 0xffff,
};

struct weir_xs_header {
    uint32_t type;   /* enum weir_xs_type */
    uint32_t req_id; /* chosen by the client, echoed */
    uint32_t tx_id;  /* 0: outside transactions */
    uint32_t len;    /* bytes of payload that follow */
};

#define WEIR_XS_WIRE_PAYLOAD_MAX 4096u
#define WEIR_XS_ABS_PATH_MAX     3072u
#define WEIR_XS_REL_PATH_MAX     2048u
/* A watch on a path below /local/domain/N names may use these. */
#define WEIR_XS_INTRODUCE_DOMAIN "@introduceDomain"
#define WEIR_XS_RELEASE_DOMAIN   "@releaseDomain"

#define WEIR_XS_RING_SIZE 1024u

struct weir_xs_ring_page {
    char req[WEIR_XS_RING_SIZE]; /* domain to store */
    char rsp[WEIR_XS_RING_SIZE]; /* store to domain */
    uint32_t req_cons, req_prod;
    uint32_t rsp_cons, rsp_prod;
    uint32_t server_features; /* store: WEIR_XS_SERVER_* */
    uint32_t connection;      /* WEIR_XS_CONNECTED or RECONNECT */
    uint32_t error;           /* store: WEIR_XS_RING_ERROR_* */
};

#define WEIR_XS_SERVER_RECONNECTION 1u
#define WEIR_XS_SERVER_ERROR        2u
#define WEIR_XS_CONNECTED           0u
#define WEIR_XS_RECONNECT           1u
#define WEIR_XS_RING_ERROR_NONE     0u
#define WEIR_XS_RING_ERROR_COMM     1u /* the transport failed */
#define WEIR_XS_RING_ERROR_RINGIDX  2u /* indexes out of range */
#define WEIR_XS_RING_ERROR_PROTO    3u /* payload too long */

/* X(name, number): the errors a store may answer, numbers as Linux's.  The
 * wire carries the name. */
#define WEIR_XS_ERRORS(X)                                                      \
    X(EINVAL, 22)                                                              \
    X(EACCES, 13)                                                              \
    X(EEXIST, 17)                                                              \
    X(EISDIR, 21)                                                              \
    X(ENOENT, 2)                                                               \
    X(ENOMEM, 12)                                                              \
    X(ENOSPC, 28)                                                              \
    X(EIO, 5)                                                                  \
    X(ENOTEMPTY, 39)                                                           \
    X(ENOSYS, 38)                                                              \
    X(EROFS, 30)                                                               \
    X(EBUSY, 16)                                                               \
    X(EAGAIN, 11)                                                              \
    X(EISCONN, 106)                                                            \
    X(E2BIG, 7)                                                                \
    X(EPERM, 1)

_Static_assert(sizeof(struct weir_xs_header) == 16, "ABI");
_Static_assert(sizeof(struct weir_xs_ring_page) == 2076, "ABI");
_Static_assert(offsetof(struct weir_xs_ring_page, req_cons) == 2048, "ABI");
_Static_assert(offsetof(struct weir_xs_ring_page, error) == 2072, "ABI");

#endif
