/* SPDX-License-Identifier: MIT
 *
 * What the parts of the fake machine share.  One mutex guards everything.
 */
#ifndef WEIR_TESTS_UNIT_FAKE_PRIVATE_H
#define WEIR_TESTS_UNIT_FAKE_PRIVATE_H

#include <pthread.h>

#include "ring/error.h"
#include "ring/grant_abi.h"
#include "tests/unit/fake_port.h"

#define FAKE_DOMAINS      32
#define FAKE_PORTS        256
#define FAKE_KEPT         64
#define FAKE_GRANT_FRAMES 64
#define FAKE_REFS         (FAKE_GRANT_FRAMES * WEIR_GRANTS_PER_FRAME)

struct fake_frame {
    struct fake_domain *owner; /* NULL: free */
    unsigned foreign;          /* mappings by others */
    bool table;                /* of a grant table */
    bool orphan;               /* freed by its owner, mapped by others */
};

struct fake_map {
    struct fake_domain *granter; /* NULL: handle free */
    grant_ref_t ref;
    uint32_t frame;
    bool readonly;
};

/* What the machine knows of an entry in use, whatever the entry says now. */
struct fake_active {
    unsigned uses, writers;
    uint32_t frame;
};

enum fake_port_state { PORT_CLOSED, PORT_UNBOUND, PORT_BOUND };

struct fake_evtchn {
    enum fake_port_state state;
    domid_t remote;
    struct fake_domain *peer; /* when bound */
    evtchn_port_t peer_port;
    int fd;
};

/* Pages that outlive the domain's program; count 0: none. */
struct fake_kept {
    uint64_t key;
    uint32_t first, count; /* frames */
    bool asked;            /* by this program */
};

struct fake_fault {
    unsigned after, count;
    int error;
};

struct fake_domain {
    struct weir_port port; /* first: ops get this */
    struct weir_fake_machine *m;
    domid_t domid;
    bool dead;
    unsigned frames, max_frames;
    uint8_t *window;
    uint8_t *ro_count, *rw_count; /* mappings of each frame in the window */
    uint32_t table_first;         /* frame */
    unsigned table_frames, max_table_frames;
    struct fake_active *active; /* by reference */
    struct fake_map *maps;      /* by handle */
    unsigned nmaps, max_maps, map_slots;
    struct fake_evtchn evtchn[FAKE_PORTS];
    struct fake_kept kept[FAKE_KEPT];
    struct fake_fault fault[WEIR_FAKE_CALLS];
    uint64_t calls[WEIR_FAKE_CALLS];
};

struct weir_fake_machine {
    pthread_mutex_t lock;
    int memfd;
    unsigned nframes;
    uint8_t *mem; /* the machine's own view, all writable */
    struct fake_frame *frame;
    struct fake_domain *domain[FAKE_DOMAINS]; /* also dead ones */
    unsigned ndomains;
    unsigned wrong; /* calls that cannot be right */
};

static inline struct fake_domain *fake_of(struct weir_port *p)
{
    return (struct fake_domain *)p;
}

/* All below with the lock held. */

/* Counts the call; 0, or the injected -error. */
int fake_enter(struct fake_domain *d, enum weir_fake_call call);
struct fake_domain *fake_find(struct weir_fake_machine *m, domid_t domid);
/* Give the window the access that owner and mappings allow. */
void fake_protect(struct fake_domain *d, uint32_t frame);
void fake_wrong(struct weir_fake_machine *m, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* First of count neighbouring free frames, now owned by d; or UINT32_MAX. */
uint32_t fake_take_frames(struct fake_domain *d, unsigned count);
void fake_drop_frame(struct weir_fake_machine *m, uint32_t frame);
void fake_unmap_all(struct fake_domain *d);
void fake_close_all(struct fake_domain *d);
/* Its program's end: mappings, ports, grants. */
void fake_let_go(struct fake_domain *d);
/* A frame is freed; a kept run that it was of ends. */
void fake_kept_gone(struct fake_domain *d, uint32_t frame);

int fake_map(struct weir_port *p, struct weir_map_op *ops, unsigned n);
int fake_unmap(struct weir_port *p, struct weir_unmap_op *ops, unsigned n);
int fake_copy(struct weir_port *p, struct weir_copy_op *ops, unsigned n);
int fake_evtchn_alloc(struct weir_port *p, domid_t remote,
                      evtchn_port_t *local);
int fake_evtchn_bind(struct weir_port *p, domid_t remote,
                     evtchn_port_t remote_port, evtchn_port_t *local);
int fake_evtchn_close(struct weir_port *p, evtchn_port_t local);
int fake_evtchn_notify(struct weir_port *p, evtchn_port_t local);
int fake_wait(struct weir_port *p, const evtchn_port_t *ports, unsigned n,
              uint64_t timeout_ns, uint64_t *pending);
int fake_keep(struct weir_port *p, uint64_t key, unsigned count, void **first,
              bool *found);
int fake_forget(struct weir_port *p);
int fake_evtchn_fd(struct weir_port *p, evtchn_port_t local);
void fake_evtchn_clear(struct weir_port *p, evtchn_port_t local);

#endif
