/* SPDX-License-Identifier: MIT
 *
 * The control socket's server: main thread.  Connections are bounded, as is
 * what each may have waiting; one that breaks the protocol or does not read
 * is closed and hurts nobody else.
 */
#ifndef WEIR_HYPERVISOR_CTL_H
#define WEIR_HYPERVISOR_CTL_H

#include "hypervisor/codec.h"
#include "hypervisor/machine.h"
#include "hypervisor/stash.h"

#define HV_CTL_CONNS 64
#define HV_CTL_WAITS 64 /* not answered yet, of one connection */

struct hv_wait {
    uint16_t op; /* DESTROY or REVIVE */
    uint32_t seq;
    domid_t domid;
};

struct hv_conn {
    int fd; /* -1: free */
    bool subscribed;
    struct hv_wait wait[HV_CTL_WAITS];
    unsigned nwait;
};

struct hv_ctl {
    struct hv_machine *m;
    char path[108];
    int listener, epoll;
    int spare;        /* to end connections by that there is no room for */
    uint64_t told_ns; /* when that was said last */
    struct hv_conn conn[HV_CTL_CONNS];
    struct hv_stash stash;
    uint8_t in[WEIR_HV_MSG_MAX], out[WEIR_HV_MSG_MAX];
};

/* epoll's data for the listener; connections have their index. */
#define HV_CTL_LISTENER (UINT64_C(1) << 32)

/* Makes STATE/hv.sock, mode 0600; a stale one of a dead weir-hv is replaced,
 * a live one is -EADDRINUSE. */
int hv_ctl_init(struct hv_ctl *c, struct hv_machine *m, const char *path,
                int epoll);
void hv_ctl_fini(struct hv_ctl *c);
void hv_ctl_accept(struct hv_ctl *c);
void hv_ctl_serve(struct hv_ctl *c, uint32_t conn);
/* Some domain changed: tell subscribers, answer waits, free what is gone. */
void hv_ctl_reap(struct hv_ctl *c);

/* ctl_ops.c: a request's answer */
struct hv_ctl_reply {
    uint8_t *p;
    size_t len;
    unsigned count;
    int fd;     /* -1 or a descriptor to pass; closed after */
    bool later; /* no answer now */
    const struct hv_stashed *pass; /* descriptors to pass, or NULL */
    /* IN: descriptors that came; those still here are closed after.  spilt:
     * there were more, or weir-hv could take no more. */
    int got[WEIR_STASH_FDS];
    unsigned ngot;
    bool spilt;
};
int hv_ctl_op(struct hv_ctl *c, struct hv_conn *conn,
              const struct weir_hv_header *h, const uint8_t *p, size_t len,
              struct hv_ctl_reply *r);

#endif
