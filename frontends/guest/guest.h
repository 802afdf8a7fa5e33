/* SPDX-License-Identifier: MIT
 *
 * A small guest kernel, ready but for what it is to do: entry, memory, clock,
 * console, port.  Yours is one function:
 *
 *     #include "frontends/guest/guest.h"
 *
 *     int weir_guest_main(struct weir_guest *g)
 *     {
 *         weir_guest_print(g, "hello\n");
 *         return 0;
 *     }
 *
 *     cc -ffreestanding -fno-stack-protector -O2 -c hello.c \
 *         $(pkg-config --cflags weir-guest)
 *     cc -o hello.elf hello.o $(pkg-config --libs weir-guest)
 *
 * and the file is a kernel for weir.cfg's or xl's `type = "pvh"`.
 *
 * It has one processor and one thread, no interrupts: it looks, or sleeps in
 * port->ops->wait until an event comes.  All runs at privilege level 3
 * (start.S says why); memory is identity mapped, RAM above 3 GiB is not used.
 * SSE may be used.  A fault prints a line with its address and crashes the
 * domain.
 */
#ifndef WEIR_FRONTENDS_GUEST_GUEST_H
#define WEIR_FRONTENDS_GUEST_GUEST_H

#include "frontends/guest/console.h"
#include "frontends/guest/pages.h"
#include "frontends/guest/port_guest.h"
#include "ring/hypercall_abi.h"
#include "ring/start_abi.h"
#include "xenbus/client.h"

#define WEIR_GUEST_CMDLINE 1024

struct weir_guest {
    struct weir_port *port;
    char cmdline[WEIR_GUEST_CMDLINE]; /* cut to this; "" if there is none */
    const void *module;               /* initial ramdisk, NULL: none */
    size_t module_len;
    uint64_t ram_bytes;
    /* private below */
    struct weir_port_guest pg;
    struct weir_pages pages;
    struct weir_guest_console console;
};

/* Yours.  0: the domain powers off; anything else: it crashes, after a line
 * with the number. */
int weir_guest_main(struct weir_guest *g);

void weir_guest_print(struct weir_guest *g, const char *text);
void weir_guest_print_u64(struct weir_guest *g, uint64_t v);
/* WEIR_SHUTDOWN_POWEROFF, _REBOOT, _CRASH */
__attribute__((noreturn)) void weir_guest_shutdown(struct weir_guest *g,
                                                   enum weir_shutdown reason);
/* count zeroed pages in a row; NULL: there are none.  Also what a heap is
 * built on. */
void *weir_guest_pages(struct weir_guest *g, size_t count);
void weir_guest_pages_free(struct weir_guest *g, void *first, size_t count);
/* Seconds since 1970, 0: not known. */
uint64_t weir_guest_unix_time(struct weir_guest *g);
/* Any hypercall; arguments that it does not have are 0. */
int64_t weir_guest_hypercall(unsigned nr, uint64_t a1, uint64_t a2, uint64_t a3,
                             uint64_t a4, uint64_t a5);
/* Has the toolstack asked the domain to end ("control/shutdown")?  The request
 * is taken off.  Watch that node to be woken when it may have. */
bool weir_guest_asked_to_stop(struct weir_xs *xs, enum weir_shutdown *reason);

#endif
