/* SPDX-License-Identifier: MIT
 *
 * Registry client over a Unix socket or a Linux domain's device, hosted.
 */
#ifndef WEIR_XENBUS_SOCKET_H
#define WEIR_XENBUS_SOCKET_H

#include "xenbus/client.h"

/* port may be NULL (the clock is then CLOCK_MONOTONIC).  xs->fd polls readable
 * when weir_xs_next_event may have news.  0 or -errno. */
int weir_xs_open_socket(struct weir_xs *xs, const char *path,
                        struct weir_port *port);
/* The same over a connected stream socket, which xs owns from then on. */
int weir_xs_open_fd(struct weir_xs *xs, int fd, struct weir_port *port);
void weir_xs_close_socket(struct weir_xs *xs);

/* The domain's own connection, which the kernel shares out: /dev/xen/xenbus,
 * or path when it is not NULL.  Each open is a connection of its own, with
 * watches and transactions of its own; xs->fd as above.  0 or -errno; ended
 * by weir_xs_close_socket. */
int weir_xs_open_device(struct weir_xs *xs, const char *path,
                        struct weir_port *port);

#endif
