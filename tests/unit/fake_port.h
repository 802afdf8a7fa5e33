/* SPDX-License-Identifier: MIT
 *
 * A machine for unit tests: several domains in one process, each with a
 * struct weir_port.
 *
 * It does what a hypervisor does.  Machine memory is one memfd.  Each domain
 * sees it through a mapping of its own in which only its own pages and the
 * foreign pages it has mapped are accessible, the read-only ones for reading:
 * use after unmap, or writing through a read-only grant, is a SIGSEGV.  Grants
 * are checked against the granter's real version 1 table.  Event channels are
 * eventfds, so wait and evtchn_fd work across threads.
 *
 * All functions may be called from any thread.  Calls that cannot be right
 * (freeing a page that a peer maps) are counted as leaks.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_PORT_H
#define WEIR_TESTS_UNIT_FAKE_PORT_H

#include "ring/port.h"

struct weir_fake_machine;

enum weir_fake_call {
    WEIR_FAKE_ALLOC,
    WEIR_FAKE_FREE,
    WEIR_FAKE_GRANT_TABLE,
    WEIR_FAKE_MAP,   /* each element counts */
    WEIR_FAKE_UNMAP, /* each element counts */
    WEIR_FAKE_COPY,  /* each element counts */
    WEIR_FAKE_EVTCHN_ALLOC,
    WEIR_FAKE_EVTCHN_BIND,
    WEIR_FAKE_EVTCHN_CLOSE,
    WEIR_FAKE_NOTIFY,
    WEIR_FAKE_WAIT,
    WEIR_FAKE_LOG,
    WEIR_FAKE_KEEP,
    WEIR_FAKE_CALLS,
};

/* frames: pages of machine memory.  NULL on failure. */
struct weir_fake_machine *weir_fake_machine_new(unsigned frames);
/* Ends it and returns what weir_fake_leaks says. */
unsigned weir_fake_machine_free(struct weir_fake_machine *m);
/* Pages allocated, entries granted, foreign pages mapped, ports open, and
 * wrong calls, of all domains; each kind is named on stderr. */
unsigned weir_fake_leaks(struct weir_fake_machine *m);

/* A new domain.  max_frames: quota of pages, the grant table not counted; 0:
 * no limit.  Its port lives as long as the machine. */
struct weir_port *weir_fake_domain_add(struct weir_fake_machine *m,
                                       domid_t domid, unsigned max_frames);
/* The domain dies: its mappings end, its ports close (peers go to unbound),
 * its grants end as soon as nobody uses them, and its pages go back with their
 * last foreign mapping.  The port must not be used any more; the domid is free
 * for weir_fake_domain_add. */
void weir_fake_domain_destroy(struct weir_port *port);
/* The domain's program dies and another is started in its place: as destroy,
 * but the domain and the pages it kept (ring/port.h) stay.  The port is the
 * new program's. */
void weir_fake_domain_revive(struct weir_port *port);
/* Frames of grant table it may have: default 4, at most 64. */
void weir_fake_set_max_grant_frames(struct weir_port *port, unsigned frames);
/* Foreign pages it may map at a time; default 65,536. */
void weir_fake_set_max_maps(struct weir_port *port, unsigned maps);

/* Give guest a xenstore ring page: granted by reference 1 to store's domain,
 * with a port reserved for it; guest's start says so.  *frame and *evtchn are
 * what XS_INTRODUCE names. */
int weir_fake_store_pair(struct weir_port *guest, struct weir_port *store,
                         mfn_t *frame, evtchn_port_t *evtchn);
/* Take that page back, before a leak check. */
void weir_fake_store_unpair(struct weir_port *guest);

/* Fault injection: after `after` more calls (0: the next), `count` calls fail
 * with -error.  A batch call fails in the element. */
void weir_fake_fail(struct weir_port *port, enum weir_fake_call call,
                    unsigned after, unsigned count, int error);
uint64_t weir_fake_calls(struct weir_port *port, enum weir_fake_call call);

/* What the domain has at this moment. */
unsigned weir_fake_pages(struct weir_port *port);   /* allocated */
unsigned weir_fake_mapped(struct weir_port *port);  /* foreign, mapped */
unsigned weir_fake_granted(struct weir_port *port); /* valid own entries */
unsigned weir_fake_ports(struct weir_port *port);   /* not closed */

#endif
