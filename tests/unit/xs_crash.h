/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored dies at points of its own choosing, and successors go on,
 * while domains talk to it over their ring pages.  What a domain is answered
 * is compared with a registry that does not die, request by request.  Linked
 * with objects built with -DWEIR_CRASH_STEPS.
 */
#ifndef WEIR_TESTS_UNIT_XS_CRASH_H
#define WEIR_TESTS_UNIT_XS_CRASH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/unit/fake_port.h"
#include "xenbus/server.h"
#include "xenbus/store_int.h"

#define XC_GUESTS 2
#define XC_KEYS   6
#define XC_DEEP   8 /* requests under way */

#define XC_CHECK(c, ...)                                                       \
    do {                                                                       \
        if (!(c)) {                                                            \
            fprintf(stderr, "%s:%d: ", __FILE__, __LINE__);                    \
            fprintf(stderr, __VA_ARGS__);                                      \
            fputc('\n', stderr);                                               \
            _exit(1);                                                          \
        }                                                                      \
    } while (0)

struct xc_case {
    unsigned seed, steps;
    uint64_t first; /* the passage of a point that is the last; 0: none is */
    uint64_t every; /* then about so many later, again and again; 0: once */
    bool dry;       /* counts points */
    unsigned big;   /* writes of 2,000 bytes by domain 0: its journal grows */
};

struct xc_request {
    uint32_t id, tx;
    bool died; /* the server did while it was under way */
    size_t len;
    uint8_t msg[WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX];
};

/* A transaction of a client, as it knows it. */
struct xc_tx {
    uint32_t id, ref; /* of the server, of the registry that does not die */
    bool doomed;      /* a death was between its start and its end's sending */
    bool maybe;       /* a death was while its start was under way */
};

/* A domain that talks; the watcher's keys are the other's. */
struct xc_guest {
    struct xc *x;
    domid_t domid;
    struct weir_port *port;
    mfn_t frame;
    evtchn_port_t evtchn;
    struct weir_store_conn *ref;
    struct xc_request q[XC_DEEP];
    unsigned head, n; /* under way */
    uint32_t next_id;
    uint8_t out[XC_DEEP * (WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX)];
    size_t out_len; /* not in the ring yet */
    struct xc_tx tx;
    uint8_t in[2 * (WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX)];
    size_t in_len;
    bool reconnecting;
    unsigned left; /* requests to make */
    uint32_t want; /* what waits until nothing is under way, and 1 */
    /* the watcher */
    bool watcher, known_set[XC_KEYS];
    char known[XC_KEYS][32];
    uint32_t stale; /* keys to read, one bit each */
    unsigned events;
};

struct xc {
    const struct xc_case *c;
    uint64_t random;
    struct weir_fake_machine *m;
    struct weir_port *store;
    struct xc_guest g[XC_GUESTS];
    struct weir_port *third; /* comes and goes */
    mfn_t third_frame;
    evtchn_port_t third_evtchn;
    struct weir_xsd *xsd;
    struct weir_store_conn *admin;
    struct weir_store *ref;
    uint64_t points, deaths;
};

uint32_t xc_random(struct xc *x, uint32_t below);
/* One request of domain 0; its answer is 0 or a positive error.  Made again
 * when the server dies. */
int xc_admin(struct xc *x, uint32_t type, const void *p, size_t len);

struct xc_answer {
    struct weir_xs_header h;
    uint8_t p[WEIR_XS_PAYLOAD_MAX];
};

/* What the registry that does not die answers; tx: its number of the
 * transaction. */
void xc_ref_run(struct xc_guest *g, const struct xc_request *q, uint32_t tx,
                struct xc_answer *a);

/* xs_crash_guest.c */
void xc_guest_init(struct xc *x, struct xc_guest *g, domid_t domid);
/* Moves bytes; makes a request when one is due.  false: nothing moved. */
bool xc_guest_step(struct xc_guest *g);
bool xc_guest_idle(const struct xc_guest *g);
void xc_guest_died(struct xc_guest *g);
/* All it was told is what there is. */
void xc_guest_check(struct xc_guest *g);

/* A case in a process of its own: what it exits with, 0: all was right.
 * *points (may be NULL): passages there were. */
int xc_run(const struct xc_case *c, uint64_t *points);

#endif
