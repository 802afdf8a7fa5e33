/* SPDX-License-Identifier: MIT
 *
 * Hypercalls of process domains: one handler an operation, called on the
 * domain's own thread with a request whose header was checked.
 */
#ifndef WEIR_HYPERVISOR_HYPERCALL_H
#define WEIR_HYPERVISOR_HYPERCALL_H

#include "hypervisor/codec.h"
#include "hypervisor/machine.h"

struct hv_request {
    uint16_t op;
    uint32_t seq;
    unsigned count;   /* elements, checked against len */
    const uint8_t *p; /* payload, private to weir-hv */
    size_t len;
    int fd[WEIR_HV_FDS]; /* -1 or a descriptor; a handler that takes one
                            sets it to -1 */
    pid_t pid;           /* of the sender; 0 when not told */
};

struct hv_reply {
    uint8_t *p; /* payload goes here */
    size_t len;
    unsigned count;
    int fd[WEIR_HV_FDS]; /* stay the domain's or the machine's */
    unsigned nfds;
};

/* Answers one packet: 1; 0: there is none; -1: the domain's end is closed. */
int hv_hypercall(struct hv_domain *d);

/* Handlers return the reply's status. */
int hv_op_hello(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_window(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_sealed(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_alloc(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_free(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_keep(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_forget(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_stats(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_grant_table(struct hv_domain *d, struct hv_request *q,
                      struct hv_reply *r);
int hv_op_map(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_unmap(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_copy(struct hv_domain *d, struct hv_request *q, struct hv_reply *r);
int hv_op_evtchn_alloc(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r);
int hv_op_evtchn_bind(struct hv_domain *d, struct hv_request *q,
                      struct hv_reply *r);
int hv_op_evtchn_close(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r);
int hv_op_evtchn_status(struct hv_domain *d, struct hv_request *q,
                        struct hv_reply *r);
int hv_op_evtchn_reset(struct hv_domain *d, struct hv_request *q,
                       struct hv_reply *r);

/* grant_use.c, with the machine's lock; also VM domains'.  Map: e names
 * granter, ref and readonly, and gets the frame; returns a GNTST status.  The
 * end of a mapping whose page is gone and whose count is dropped (track.h);
 * the frame may have to be scrubbed.  Copy: a GNTST status. */
int hv_use_begin(struct hv_domain *d, struct hv_handle *e, uint32_t *handle);
void hv_use_end(struct hv_domain *d, uint32_t handle, struct hv_scrub *s);
int hv_use_copy(struct hv_domain *d, const struct weir_hv_copy_elem *c);
/* Own threads, one at a time, without the lock: one frame more of its grant
 * table.  -ENOSPC, -ENOMEM. */
int hv_table_grow(struct hv_domain *d);

/* hyper_mem.c: new frames of its own, present; frames that nobody maps, given
 * back. */
int hv_alloc_run(struct hv_domain *d, uint32_t count, mfn_t *first);
void hv_unreserve(struct hv_domain *d, mfn_t first, uint32_t count);

/* Its own live frame, present read-write whatever it maps. */
bool hv_own_frame(struct hv_domain *d, mfn_t m);

#endif
