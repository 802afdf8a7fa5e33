/* SPDX-License-Identifier: MIT
 *
 * Registry client, freestanding: one connection to xenstored over a ring page
 * (weir_xs_open_ring) or over any byte stream (weir_xs_open).  Hosted code
 * has weir_xs_open_socket in xenbus/socket.h.
 *
 * One thread uses a connection at a time.  Requests block until the reply is
 * there (deadline_ns a request, default 10 s, then -WEIR_ETIMEDOUT and the
 * connection is broken); watch events that arrive meanwhile are queued.
 *
 * Watch events are hints: an event already queued with the same path and token
 * is not queued twice, and when the queue is full events are dropped and
 * weir_xs_next_event reports WEIR_XS_OVERFLOW once: read everything again.
 * Values read are untrusted bytes of another domain.
 */
#ifndef WEIR_XENBUS_CLIENT_H
#define WEIR_XENBUS_CLIENT_H

#include "ring/port.h"
#include "xenbus/wire.h"

#define WEIR_XS_EVENT_PATH  256 /* longer event paths are cut: a hint */
#define WEIR_XS_EVENT_TOKEN 64
#define WEIR_XS_EVENTS      64

struct weir_xs_event {
    char path[WEIR_XS_EVENT_PATH];
    char token[WEIR_XS_EVENT_TOKEN];
};

struct weir_xs;

/* A byte stream.  send and recv move up to len bytes without blocking: the
 * count, 0 when none fit or are there, or -weir_error when it is broken.
 * wait blocks until recv (or send, when sending) may progress. */
struct weir_xs_transport {
    int (*send)(struct weir_xs *xs, const void *buf, size_t len);
    int (*recv)(struct weir_xs *xs, void *buf, size_t len);
    int (*wait)(struct weir_xs *xs, bool sending, uint64_t timeout_ns);
    /* Monotonic clock; NULL: the port's.  Without either, no deadline. */
    uint64_t (*now_ns)(struct weir_xs *xs);
};

struct weir_xs {
    const struct weir_xs_transport *transport;
    void *context;          /* the transport's */
    struct weir_port *port; /* clock; the ring transport's event channel */
    int fd;                 /* the socket transport's descriptor */
    int made, made_error;   /* the device transport's: an answer it makes */
    uint64_t deadline_ns;   /* a request's; may be changed after open */
    /* private below */
    uint32_t ring_req_prod; /* ring transport: own indexes; those in the */
    uint32_t ring_rsp_cons; /* page can be overwritten by the other side */
    uint32_t next_req_id;
    int broken; /* the error that broke it, or 0 */
    bool overflow;
    uint32_t ev_head, ev_count;
    struct weir_xs_event events[WEIR_XS_EVENTS];
    uint32_t in_len; /* bytes of the message being received */
    uint8_t in[WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX + 1];
    uint32_t out_len; /* bytes of the request being built */
    uint8_t out[WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX];
};

/* Why no request can be answered any more, or 0. */
static inline int weir_xs_broken(const struct weir_xs *xs)
{
    return xs->broken;
}

typedef uint32_t weir_xs_tx; /* 0: no transaction */

int weir_xs_open(struct weir_xs *xs, const struct weir_xs_transport *t,
                 void *context, struct weir_port *port);
/* Over port->start.store_page; -WEIR_ENODEV when the domain has none. */
int weir_xs_open_ring(struct weir_xs *xs, struct weir_port *port);

/* buf gets the value and a NUL; returns its length in bytes, -WEIR_E2BIG when
 * size is too small. */
int weir_xs_read(struct weir_xs *xs, weir_xs_tx tx, const char *path, char *buf,
                 size_t size);
int weir_xs_write(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                  const void *value, size_t len);
int weir_xs_mkdir(struct weir_xs *xs, weir_xs_tx tx, const char *path);
int weir_xs_rm(struct weir_xs *xs, weir_xs_tx tx, const char *path);
/* Children, each NUL-terminated, one after the other; returns the bytes used.
 * Uses XS_DIRECTORY_PART when the list is longer than one message. */
int weir_xs_ls(struct weir_xs *xs, weir_xs_tx tx, const char *path, char *buf,
               size_t size);
/* perms: NUL-separated as on the wire ("n1\0r2"); get returns bytes used. */
int weir_xs_get_perms(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                      char *buf, size_t size);
int weir_xs_set_perms(struct weir_xs *xs, weir_xs_tx tx, const char *path,
                      const char *perms, size_t len);
int weir_xs_watch(struct weir_xs *xs, const char *path, const char *token);
int weir_xs_unwatch(struct weir_xs *xs, const char *path, const char *token);
int weir_xs_transaction_start(struct weir_xs *xs, weir_xs_tx *tx);
/* -WEIR_EAGAIN: somebody else changed what it touched; do it again. */
int weir_xs_transaction_end(struct weir_xs *xs, weir_xs_tx tx, bool commit);
/* Privileged connections. */
int weir_xs_introduce(struct weir_xs *xs, domid_t domid, mfn_t frame,
                      evtchn_port_t port);
int weir_xs_release(struct weir_xs *xs, domid_t domid);

#define WEIR_XS_OVERFLOW 2
/* Takes in what has arrived, without blocking.  1: *ev is the next event;
 * 0: none; WEIR_XS_OVERFLOW: events were lost; negative: broken. */
int weir_xs_next_event(struct weir_xs *xs, struct weir_xs_event *ev);

/* Convenience, built on the above: decimal numbers and "%s/%s" joins.
 * read_u64 refuses anything but digits: -WEIR_EINVAL. */
int weir_xs_read_u64(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                     const char *key, uint64_t *out);
int weir_xs_write_u64(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                      const char *key, uint64_t value);
int weir_xs_read_key(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                     const char *key, char *buf, size_t size);
int weir_xs_write_key(struct weir_xs *xs, weir_xs_tx tx, const char *dir,
                      const char *key, const char *value);

#endif
