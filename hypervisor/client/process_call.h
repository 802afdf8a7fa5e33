/* SPDX-License-Identifier: MIT
 *
 * Inside of the process port: its state and the one call it makes.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_PROCESS_CALL_H
#define WEIR_HYPERVISOR_CLIENT_PROCESS_CALL_H

#include "hypervisor/client/process.h"
#include "hypervisor/client/window.h"
#include "hypervisor/client/codec_client.h"

#include <pthread.h>

struct weir_process_port {
    int wait, notify; /* eventfds; -1: closed */
};

struct weir_process {
    struct weir_port port; /* first: ops get this */
    int fd;
    bool sealed;
    struct weir_window window;
    struct weir_hv_hello hello;
    pthread_mutex_t lock; /* one hypercall at a time; all below */
    uint32_t seq;
    uint32_t grant_frames;
    uint16_t *maps; /* by frame: mappings of ours (and 1 for an own
                       page), of a page both ways in one window */
    struct weir_process_port *ports; /* by port; max_ports + 1 */
    uint64_t log_since; /* rate limit: start of the period, lines in it */
    uint32_t log_lines, log_dropped;
    uint8_t out[WEIR_HV_MSG_MAX], in[WEIR_HV_MSG_MAX];
};

static inline struct weir_process *weir_process_of(struct weir_port *p)
{
    return (struct weir_process *)(void *)p;
}

/* The payload of the request to be sent next, and of the last reply.  The
 * caller holds the lock from filling the one to reading the other. */
static inline uint8_t *weir_process_args(struct weir_process *d)
{
    return d->out + WEIR_HV_HEADER;
}

static inline const uint8_t *weir_process_result(const struct weir_process *d)
{
    return d->in + WEIR_HV_HEADER;
}

struct weir_process_msg {
    uint16_t op;
    unsigned count;      /* elements in the request */
    size_t len;          /* payload bytes */
    const int *send_fds; /* before the seal only */
    unsigned nsend;
    bool credentials;     /* before the seal only */
    size_t want;          /* payload bytes a good reply has */
    unsigned got;         /* OUT: its count */
    int fds[WEIR_HV_FDS]; /* OUT: descriptors with it; the caller's */
    unsigned nfds;
};

/* 0, or -errno: of the call, or of the transport (-EPIPE: weir-hv is gone). */
int weir_process_call(struct weir_process *d, struct weir_process_msg *m);

/* process_mem.c, process_evt.c, process_log.c */
int weir_process_alloc(struct weir_port *p, unsigned count, void **first);
void weir_process_free(struct weir_port *p, void *first, unsigned count);
int weir_process_keep(struct weir_port *p, uint64_t key, unsigned count,
                      void **first, bool *found);
int weir_process_forget_kept(struct weir_port *p);
mfn_t weir_process_frame(struct weir_port *p, const void *page);
int weir_process_grant_table(struct weir_port *p, bool grow,
                             volatile struct weir_grant_entry_v1 **entries,
                             uint32_t *count);
int weir_process_map(struct weir_port *p, struct weir_map_op *ops, unsigned n);
int weir_process_unmap(struct weir_port *p, struct weir_unmap_op *ops,
                       unsigned n);
int weir_process_copy(struct weir_port *p, struct weir_copy_op *ops,
                      unsigned n);
int weir_process_evtchn_alloc(struct weir_port *p, domid_t remote,
                              evtchn_port_t *local);
int weir_process_evtchn_bind(struct weir_port *p, domid_t remote,
                             evtchn_port_t remote_port, evtchn_port_t *local);
int weir_process_evtchn_close(struct weir_port *p, evtchn_port_t local);
int weir_process_evtchn_notify(struct weir_port *p, evtchn_port_t local);
int weir_process_wait(struct weir_port *p, const evtchn_port_t *ports,
                      unsigned n, uint64_t timeout_ns, uint64_t *pending);
int weir_process_evtchn_fd(struct weir_port *p, evtchn_port_t local);
void weir_process_evtchn_clear(struct weir_port *p, evtchn_port_t local);
/* Takes the two descriptors of a port over. */
int weir_process_port_add(struct weir_process *d, evtchn_port_t port,
                          const int fds[2]);
void weir_process_watch_faults(const struct weir_process *d);
/* Before the seal: one thread more, which ends the process with weir-hv. */
int weir_process_watch_life(struct weir_process *d);
uint64_t weir_process_now(struct weir_port *p);
void weir_process_log(struct weir_port *p, enum weir_log_level level,
                      const char *line);

#endif
