/* SPDX-License-Identifier: MIT
 *
 * Manual of xenbus, the protocol by which a split device's two ends find and
 * follow each other through the registry.          WEIR_XENBUS_ABI_VERSION 1
 *
 * A device has two directories, made by the toolstack in one transaction:
 *
 *   frontend's   /local/domain/F/device/CLASS/ID
 *   backend's    /local/domain/B/backend/CLASS/F/ID
 *
 *   node         in         written by   value
 *   backend      frontend   toolstack    path of the backend's directory
 *   backend-id   frontend   toolstack    B, decimal
 *   frontend     backend    toolstack    path of the frontend's directory
 *   frontend-id  backend    toolstack    F, decimal
 *   online       backend    toolstack    "1"; "0": the device shall go for good
 *   state        both       that end     a number below, decimal
 *   error        both       that end     why it went to Closing, "NUMBER text"
 *
 * Each end owns its directory and may read the other's; nobody writes into a
 * foreign directory but the toolstack.  Each end watches the other's state.
 *
 *   0 Unknown         no node, or unreadable
 *   1 Initialising    the toolstack's first value
 *   2 InitWait        backend: features are published, waits for the frontend
 *   3 Initialised     frontend: rings and ports are published
 *   4 Connected
 *   5 Closing
 *   6 Closed
 *   7 Reconfiguring   PCI: functions are being added or removed
 *   8 Reconfigured
 *
 *   frontend                          backend
 *   1 Initialising                    1 Initialising
 *                                     publishes features -> 2 InitWait
 *   reads features, publishes
 *   rings and ports -> 3 Initialised
 *                                     maps and binds, publishes properties
 *                                     -> 4 Connected
 *   reads properties -> 4 Connected
 *
 *   Either end closes: -> 5 Closing; the other follows -> 5, both end their use
 *   of shared memory, -> 6 Closed.  A frontend that starts anew writes 1; a
 *   backend that is Closed then disconnects what may be left and goes to
 *   InitWait again.  A frontend may skip 3 and go to Connected at once (vif
 *   frontends must: Linux' netback overlooks 3): ready is 3 or 4.
 *
 * The values as an enum and the transitions as code: xenbus/state.h.
 */
#ifndef WEIR_RING_XENBUS_ABI_H
#define WEIR_RING_XENBUS_ABI_H

#define WEIR_XENBUS_ABI_VERSION 1

#define WEIR_XENBUS_NODE_BACKEND     "backend"
#define WEIR_XENBUS_NODE_BACKEND_ID  "backend-id"
#define WEIR_XENBUS_NODE_FRONTEND    "frontend"
#define WEIR_XENBUS_NODE_FRONTEND_ID "frontend-id"
#define WEIR_XENBUS_NODE_ONLINE      "online"
#define WEIR_XENBUS_NODE_STATE       "state"
#define WEIR_XENBUS_NODE_ERROR       "error"

#endif
