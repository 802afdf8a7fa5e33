/* SPDX-License-Identifier: MIT
 *
 * The xenbus state machine of both ends, as pure tables: what to do when the
 * peer's state changes.  No I/O here; frontends/common and backends/common
 * carry the answer out.  Values are io/xenbus.h's.
 */
#ifndef WEIR_XENBUS_STATE_H
#define WEIR_XENBUS_STATE_H

#include <stdbool.h>
#include <stdint.h>

enum weir_xenbus_state {
    WEIR_XENBUS_UNKNOWN = 0,
    WEIR_XENBUS_INITIALISING = 1,
    WEIR_XENBUS_INIT_WAIT = 2,
    WEIR_XENBUS_INITIALISED = 3,
    WEIR_XENBUS_CONNECTED = 4,
    WEIR_XENBUS_CLOSING = 5,
    WEIR_XENBUS_CLOSED = 6,
    WEIR_XENBUS_RECONFIGURING = 7,
    WEIR_XENBUS_RECONFIGURED = 8,
};

enum weir_xenbus_action {
    WEIR_XB_NONE = 0,
    WEIR_XB_INIT,    /* backend: publish features, go to InitWait */
    WEIR_XB_PUBLISH, /* frontend: write ring-ref..., go to Initialised */
    WEIR_XB_CONNECT, /* map/attach, go to Connected */
    WEIR_XB_CLOSE,   /* disconnect (idempotent), go to Closing */
    WEIR_XB_CLOSED,  /* disconnect (idempotent), go to Closed */
    WEIR_XB_REINIT,  /* disconnect if needed, then as INIT: the frontend
                        restarted */
    WEIR_XB_RESIZE,  /* frontend, both Connected: re-read what the backend
                        may change while connected (sectors) */
    WEIR_XB_REMOVE,  /* the peer's directory is gone */
};

/* peer is what was read; a missing node is WEIR_XENBUS_UNKNOWN; values out of
 * range are treated as UNKNOWN. */
enum weir_xenbus_action weir_xenbus_front_next(enum weir_xenbus_state own,
                                               enum weir_xenbus_state peer);
enum weir_xenbus_action weir_xenbus_back_next(enum weir_xenbus_state own,
                                              enum weir_xenbus_state peer);
const char *weir_xenbus_state_name(enum weir_xenbus_state s);

#endif
