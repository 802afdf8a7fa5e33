/* SPDX-License-Identifier: MIT
 *
 * Inside the registry: what the requests that change a node share.
 */
#ifndef WEIR_XENBUS_CHANGE_H
#define WEIR_XENBUS_CHANGE_H

#include "xenbus/store_int.h"

/* Path, view: what every request here begins with. */
struct xs_change {
    struct weir_store_conn *c;
    struct xs_view v;
    char path[WEIR_XS_PATH_MAX + 1];
};

int xs_change_begin(struct xs_change *ch, struct weir_store_conn *c,
                    const char *arg, bool special);
/* Would a node of such a name, value and permissions exceed its quota? */
bool xs_too_big(struct weir_store_conn *c, size_t name, size_t value,
                size_t perms);

#endif
