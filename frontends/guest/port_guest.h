/* SPDX-License-Identifier: MIT
 *
 * The port (ring/port.h) of a guest kernel: hypercalls of the PVH ABI, in a VM
 * domain of weir-hv and in a guest of Xen.  For kernels of any make: yours
 * supplies struct weir_guest_platform and gets a struct weir_port, which is
 * all that the frontends want.  (guest.h is such a kernel, ready made.)
 *
 *     static const struct weir_guest_platform_ops ops = {...};
 *     struct weir_guest_platform platform = {.ops = &ops, ...};
 *     weir_port_guest_open(&pg, &platform);
 *     weir_front_bus_open(&bus, &pg.port, &gnttab);
 *
 * It needs no interrupts: all ports are masked, wait() looks at the pending
 * bits and sleeps in SCHEDOP_poll.  A kernel with an interrupt handler may
 * unmask the ports it handles itself and never wait for these.
 *
 * Threads: as ring/port.h says, if the platform's calls may be made from any.
 */
#ifndef WEIR_FRONTENDS_GUEST_PORT_GUEST_H
#define WEIR_FRONTENDS_GUEST_PORT_GUEST_H

#include "ring/barrier.h"
#include "ring/event_abi.h"
#include "ring/port.h"

#define WEIR_GUEST_TABLE_FRAMES 64u   /* grant table frames, at most */
#define WEIR_GUEST_MAPS         1024u /* foreign pages mapped at a time */
/* Of the window: shared info, the grant table, foreign pages. */
#define WEIR_GUEST_WINDOW_MIN (1u + WEIR_GUEST_TABLE_FRAMES)
#define WEIR_GUEST_WINDOW_MAX (WEIR_GUEST_WINDOW_MIN + WEIR_GUEST_MAPS)

/* All get platform->context. */
struct weir_guest_platform_ops {
    /* Call entry nr of the hypercall page, at privilege level 0, with these
     * arguments; what it returns in rax. */
    int64_t (*hypercall)(void *context, unsigned nr, const uint64_t arg[5]);
    /* count zeroed pages of RAM, neighbours; 0 or -WEIR_ENOMEM. */
    int (*alloc_pages)(void *context, unsigned count, void **first);
    void (*free_pages)(void *context, void *first, unsigned count);
    /* The guest frame number of a page from alloc_pages. */
    uint64_t (*gfn)(void *context, const void *page);
    /* Where the kernel sees guest frame gfn, which is none of its RAM (the
     * rings of console and registry), readable and writable; or NULL. */
    void *(*at)(void *context, uint64_t gfn);
    /* A line for the kernel's log.  NULL: lines are dropped. */
    void (*log)(void *context, enum weir_log_level level, const char *line);
};

struct weir_guest_platform {
    const struct weir_guest_platform_ops *ops;
    void *context;
    domid_t domid; /* own, or WEIR_DOMID_SELF when the kernel doesn't know */
    /* Guest frames without RAM behind them, window_pages of them from
     * window_gfn on, and where the kernel sees them: readable, writable.
     * WEIR_GUEST_WINDOW_MIN at least; what is more is for foreign pages. */
    uint64_t window_gfn;
    void *window;
    uint32_t window_pages;
    /* wait() looks again for so long before it sleeps; 0: it does not. */
    uint64_t spin_ns;
};

/* The caller's memory; private but for port. */
struct weir_port_guest {
    struct weir_port port;
    struct weir_guest_platform platform;
    volatile struct weir_shared_info *shared;
    struct weir_spinlock lock; /* table_frames, maps */
    uint32_t table_frames, table_max;
    uint32_t nmaps;                      /* of the window */
    uint64_t maps[WEIR_GUEST_MAPS / 64]; /* bit: in use */
};

/* Sets up shared info and grant table, finds registry and console.  0,
 * -WEIR_EINVAL (the window is too small), or a hypercall's error. */
int weir_port_guest_open(struct weir_port_guest *pg,
                         const struct weir_guest_platform *platform);
/* Seconds since 1970, or 0 when the hypervisor doesn't say. */
uint64_t weir_port_guest_unix_time(struct weir_port_guest *pg);
/* The end of the domain; returns only if the hypervisor refuses. */
void weir_port_guest_shutdown(struct weir_port_guest *pg, unsigned reason);

#endif
