/* SPDX-License-Identifier: MIT
 *
 * The guest from a running port on: everything that is the same for a process
 * domain and a kernel.
 */
#ifndef WEBGUEST_GUEST_H
#define WEBGUEST_GUEST_H

#include "ring/port.h"
#include "tests/guests/webguest/options.h"

struct web_guest_env {
    struct weir_port *port;
    struct web_options options;
    uint32_t seed;                        /* random */
    uint64_t (*unix_time)(void *context); /* seconds since 1970, or 0 */
    /* Others want this processor: sleep rather than spin.  NULL: never. */
    bool (*crowded)(void *context);
};

/* Connects, serves until the toolstack says "poweroff" or a device is gone
 * for good.  0, or -weir_error: the reason is on the console. */
int web_guest_run(const struct web_guest_env *env);

#endif
