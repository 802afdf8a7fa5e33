/* SPDX-License-Identifier: MIT
 *
 * Inside of the control client: its state and the one call it makes.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_CONTROL_CALL_H
#define WEIR_HYPERVISOR_CLIENT_CONTROL_CALL_H

#include "hypervisor/client/codec_client.h"

/* Events that came between a request and its reply. */
#define WEIR_HVCTL_QUEUE 64

struct weir_hvctl {
    int fd;
    uint32_t seq;
    unsigned head, queued;
    struct weir_hv_dominfo queue[WEIR_HVCTL_QUEUE];
    uint8_t out[WEIR_HV_MSG_MAX], in[WEIR_HV_MSG_MAX];
};

struct weir_hvctl_msg {
    uint16_t op;
    size_t len;  /* payload in c->out */
    size_t want; /* payload of a good reply; or of each of its elements */
    bool elements;
    unsigned count;  /* OUT */
    const int *pass; /* IN: descriptors that go with it, WEIR_STASH_FDS at */
    unsigned npass;  /* most */
    unsigned room;   /* IN: descriptors a good reply can have */
    int fds[WEIR_STASH_FDS]; /* OUT: nfds of them */
    unsigned nfds;
};

/* 0, or -errno: of the call, or of the transport; k->nfds is then 0. */
int weir_hvctl_call(struct weir_hvctl *c, struct weir_hvctl_msg *k);

/* Closes what came. */
void weir_hvctl_drop(struct weir_hvctl_msg *k);

/* The payload of the request to be sent next, and of the last reply. */
static inline uint8_t *weir_hvctl_args(struct weir_hvctl *c)
{
    return c->out + WEIR_HV_HEADER;
}

static inline const uint8_t *weir_hvctl_result(const struct weir_hvctl *c)
{
    return c->in + WEIR_HV_HEADER;
}

#endif
