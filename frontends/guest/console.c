/* SPDX-License-Identifier: MIT */
#include "frontends/guest/console.h"

#include "ring/barrier.h"

#define PATIENCE_NS 50000000u

void weir_guest_console_open(struct weir_guest_console *c,
                             struct weir_port *port)
{
    *c = (struct weir_guest_console){.port = port,
                                     .ring = port->start.console_page};
    if (c->ring != NULL)
        c->prod = weir_load_relaxed32(&c->ring->out_prod);
}

static bool is_full(struct weir_guest_console *c)
{
    /* A reader that claims bytes which were not written leaves no room. */
    return c->prod - weir_load_acquire32(&c->ring->out_cons) >=
           WEIR_CONSOLE_OUT_SIZE;
}

static void publish(struct weir_guest_console *c)
{
    weir_store_release32(&c->ring->out_prod, c->prod);
    c->port->ops->evtchn_notify(c->port, c->port->start.console_evtchn);
}

static bool wait_for_room(struct weir_guest_console *c)
{
    uint64_t end, now, pending;

    if (!is_full(c)) {
        c->stalled = false;
        return true;
    }
    publish(c);
    end = c->port->ops->now_ns(c->port) + PATIENCE_NS;
    while (!c->stalled && is_full(c)) {
        now = c->port->ops->now_ns(c->port);
        if (now >= end ||
            c->port->ops->wait(c->port, &c->port->start.console_evtchn, 1,
                               end - now, &pending) != 0)
            c->stalled = true;
    }
    return !is_full(c);
}

static bool put(struct weir_guest_console *c, char ch)
{
    if (!wait_for_room(c))
        return false;
    c->ring->out[c->prod++ % WEIR_CONSOLE_OUT_SIZE] = ch;
    return true;
}

void weir_guest_console_write(struct weir_guest_console *c, const char *text,
                              size_t len)
{
    if (c->ring == NULL)
        return;
    /* Others of this domain may have written since. */
    c->prod = weir_load_relaxed32(&c->ring->out_prod);
    for (size_t i = 0; i < len; i++)
        if ((text[i] == '\n' && !put(c, '\r')) || !put(c, text[i]))
            break;
    publish(c);
}
