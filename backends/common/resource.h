/* SPDX-License-Identifier: MIT
 *
 * The resource channel (resource_abi.h): packets in and out, for both ends.
 * 0 or -errno.
 */
#ifndef WEIR_BACKENDS_COMMON_RESOURCE_H
#define WEIR_BACKENDS_COMMON_RESOURCE_H

#include <stdbool.h>

#include "backends/common/resource_abi.h"

/* Is the packet well-formed, as received with nfds descriptors? */
bool weir_resource_valid(const struct weir_resource *res, unsigned nfds);

/* Driver domain: one packet, without blocking.  1: *res and fds[0..*nfds) are
 * the caller's; 0: none there; -EPIPE: the manager is gone; -EPROTO: a
 * malformed packet was dropped and its descriptors closed; -EMFILE: *res came
 * without all of its descriptors, which did not fit. */
int weir_resource_recv(int fd, struct weir_resource *res,
                       int fds[WEIR_RES_MAX_FDS], unsigned *nfds);

/* Driver domain: never blocks; an answer that does not fit is lost. */
int weir_resource_answer(int fd, enum weir_res_event_type type,
                         const struct weir_resource *about, const char *text);

/* Manager: sends res with res->nfds descriptors; fills magic and version. */
int weir_resource_send(int fd, struct weir_resource *res, const int *fds);

/* Manager: waits up to timeout_ms for an answer; -ETIMEDOUT, -EPIPE,
 * -EPROTO.  text is NUL-terminated on return. */
int weir_resource_wait(int fd, struct weir_resource_event *ev, int timeout_ms);

#endif
