/* SPDX-License-Identifier: MIT
 *
 * The domain's end of the console ring (ring/console_abi.h): lines out.  A
 * console that nobody reads never holds the guest up: what does not fit is
 * lost, and the next line that fits says how much was.
 */
#ifndef WEBGUEST_CONSOLE_H
#define WEBGUEST_CONSOLE_H

#include "ring/port.h"

struct weir_console_interface;

struct web_console {
    struct weir_port *port;
    struct weir_console_interface *ring; /* NULL: lines go nowhere */
    uint32_t prod;                       /* ours: never read back */
    unsigned lost;                       /* lines */
};

void web_console_open(struct web_console *c, struct weir_port *port);
/* Adds the newline. */
void web_console_line(struct web_console *c, const char *line);

#endif
