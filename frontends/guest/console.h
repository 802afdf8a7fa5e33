/* SPDX-License-Identifier: MIT
 *
 * Text out on the console ring (console_abi.h), and lines built without a
 * libc.
 */
#ifndef WEIR_FRONTENDS_GUEST_CONSOLE_H
#define WEIR_FRONTENDS_GUEST_CONSOLE_H

#include "ring/console_abi.h"
#include "ring/port.h"

struct weir_guest_console {
    struct weir_port *port;
    volatile struct weir_console_interface *ring; /* NULL: there is none */
    uint32_t prod;
    bool stalled; /* nobody reads: do not wait until somebody does */
};

void weir_guest_console_open(struct weir_guest_console *c,
                             struct weir_port *port);
/* "\n" becomes "\r\n".  When the ring is full it waits for the reader, 50 ms
 * at most, and then drops what is left. */
void weir_guest_console_write(struct weir_guest_console *c, const char *text,
                              size_t len);

#endif
