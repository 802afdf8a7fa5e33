/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored as a process domain.
 */
#ifndef WEIR_XENBUS_XENSTORED_H
#define WEIR_XENBUS_XENSTORED_H

#include "xenbus/server.h"

#define WEIR_XSD_LISTEN_FD 4 /* made and bound by the device manager */

/* Takes descriptors 3 and 4, initialises x and seals. 0 or -errno. */
int weir_xsd_become_domain(struct weir_xsd *x, unsigned uid, unsigned gid);
/* uid of whoever listens on fd, in x->owner. */
int weir_xsd_owner_of(struct weir_xsd *x, int fd);

#endif
