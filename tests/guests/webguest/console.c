/* SPDX-License-Identifier: MIT */
#include "tests/guests/webguest/console.h"

#include <stdio.h>
#include <string.h>

#include "ring/barrier.h"
#include "ring/console_abi.h"

void web_console_open(struct web_console *c, struct weir_port *port)
{
    *c = (struct web_console){.port = port, .ring = port->start.console_page};
    if (c->ring)
        c->prod = weir_load_relaxed32(&c->ring->out_prod);
}

static bool put(struct web_console *c, const char *text, size_t len)
{
    uint32_t used = c->prod - weir_load_acquire32(&c->ring->out_cons);

    /* A reader that claims bytes we did not write leaves no room. */
    if (used > WEIR_CONSOLE_OUT_SIZE || len > WEIR_CONSOLE_OUT_SIZE - used)
        return false;
    for (size_t i = 0; i < len; i++)
        c->ring->out[(c->prod + i) % WEIR_CONSOLE_OUT_SIZE] = text[i];
    c->prod += (uint32_t)len;
    weir_store_release32(&c->ring->out_prod, c->prod);
    return true;
}

void web_console_line(struct web_console *c, const char *line)
{
    char text[320];
    int len;

    if (!c->ring)
        return;
    if (c->lost) {
        len = snprintf(text, sizeof(text), "[%u lines lost]\r\n", c->lost);
        if (put(c, text, (size_t)len))
            c->lost = 0;
    }
    len = snprintf(text, sizeof(text), "%.300s\r\n", line);
    if (c->lost || !put(c, text, (size_t)len))
        c->lost++;
    c->port->ops->evtchn_notify(c->port, c->port->start.console_evtchn);
}
