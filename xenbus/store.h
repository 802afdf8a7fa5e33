/* SPDX-License-Identifier: MIT
 *
 * The registry itself, free of I/O: bytes of clients in, bytes out.
 * weir-xenstored feeds it from sockets and ring pages, tests and fuzzers
 * directly.  One thread.  Hosted (uses malloc).
 *
 * A connection has a small input buffer.  weir_store_run handles what is
 * complete in it, until replies the client has not read reach the quota of
 * outstanding requests; then no more input is taken (backpressure).  Watch
 * events wait beside: one for the same path and token is queued once, all
 * count in the domain's memory, and one unread for 20 s ends the connection.
 * When that memory is used up, an event on the watch's own path stands for
 * those below it.
 */
#ifndef WEIR_XENBUS_STORE_H
#define WEIR_XENBUS_STORE_H

#include "ring/port.h"

struct weir_store;
struct weir_store_conn;

/* Per domain; 0 means no limit.  Privileged connections are not limited,
 * except for events nobody reads. */
enum weir_store_quota {
    WEIR_QUOTA_NODES, /* nodes owned */
    WEIR_QUOTA_WATCHES,
    WEIR_QUOTA_TRANSACTIONS, /* open at a time */
    WEIR_QUOTA_OUTSTANDING,  /* requests whose reply is not read */
    WEIR_QUOTA_NODE_SIZE,    /* bytes of name, value and permissions */
    WEIR_QUOTA_PERMS,        /* permission entries of a node */
    WEIR_QUOTA_TX_NODES,     /* nodes touched in one transaction */
    WEIR_QUOTA_MEMORY,       /* bytes: nodes, watches, transactions, events */
    WEIR_QUOTA_COUNT
};

struct weir_store_ops {
    uint64_t (*now_ns)(void *context);
    void (*log)(void *context, enum weir_log_level level, const char *line);
    /* XS_INTRODUCE: reach the domain over its ring page, with
     * weir_store_connect; the grant says which page.  For a domain already
     * introduced: its program started anew; reset and bind again.  NULL:
     * nothing to do. */
    int (*introduce)(void *context, domid_t domid, evtchn_port_t port);
    /* XS_RELEASE: end that connection. NULL: nothing to do. */
    void (*release)(void *context, domid_t domid);
};

int weir_store_new(const struct weir_store_ops *ops, void *context,
                   struct weir_store **out);
/* Ends its connections too. */
void weir_store_free(struct weir_store *s);
/* A default for domains that appear later; 0, or -EINVAL. */
int weir_store_set_quota(struct weir_store *s, enum weir_store_quota q,
                         uint64_t value);
const char *weir_store_quota_name(enum weir_store_quota q);

/* A connection of domid; domain 0's is privileged. NULL: no memory. user is
 * what weir_store_next_ready names it by. */
struct weir_store_conn *weir_store_connect(struct weir_store *s, domid_t domid,
                                           void *user);
void weir_store_set_user(struct weir_store_conn *c, void *user);
/* The user of a connection that has got output, or has died, since it was last
 * named here; NULL: no more.  A request of one gives events to others. */
void *weir_store_next_ready(struct weir_store *s);
void weir_store_disconnect(struct weir_store_conn *c);
/* Forgets watches, transactions, input and output: the client starts anew. */
void weir_store_reset(struct weir_store_conn *c);

/* Where input bytes go, and how many there is room for (0: hold them back). */
size_t weir_store_space(struct weir_store_conn *c, void **at);
void weir_store_fed(struct weir_store_conn *c, size_t len);
/* Handles up to max complete requests; the number, or -errno when the
 * connection is to be ended (-EPROTO: a message too long). */
int weir_store_run(struct weir_store_conn *c, unsigned max);
/* Is a complete request waiting that weir_store_run would handle? */
bool weir_store_pending(const struct weir_store_conn *c);
/* Copies up to len bytes of pending output; weir_store_sent takes them off. */
size_t weir_store_peek(struct weir_store_conn *c, void *buf, size_t len);
void weir_store_sent(struct weir_store_conn *c, size_t len);
/* The first len bytes of output are about to be seen by the client, who may be
 * a domain that must not notice a restart: before it sees them. */
void weir_store_sending(struct weir_store_conn *c, size_t len);
/* 0 or why the connection is dead (-errno); then end it or reset it. */
int weir_store_dead(const struct weir_store_conn *c);
/* Ends connections with events too old; call about once a second. */
void weir_store_tick(struct weir_store *s);
/* What GET_FEATURE says of the domain, for its ring page. */
uint32_t weir_store_features(struct weir_store *s, domid_t domid);

/* What outlives this program (journal.h): the tree, domains, and connections
 * that were weir_store_keep's.  After the quotas were set, before the first
 * connection.  port may be NULL, or one that keeps nothing: then nothing does.
 * *found: there was a predecessor, whose state this is now; then resume each
 * of weir_store_next_kept, or disconnect it, and weir_store_settle. */
int weir_store_journal(struct weir_store *s, struct weir_port *port,
                       bool *found);
/* The connection of a ring whose streams are at in and out; broken: it serves
 * nobody until it is begun anew.  Part of the request that is being handled;
 * outside one weir_store_settle follows. */
void weir_store_keep(struct weir_store_conn *c, evtchn_port_t port, uint32_t in,
                     uint32_t out, bool broken);
struct weir_store_kept {
    domid_t domid;
    evtchn_port_t port;
    uint32_t in, out;
    bool broken;
};
/* NULL gives the first. */
struct weir_store_conn *weir_store_next_kept(struct weir_store *s,
                                             struct weir_store_conn *c,
                                             struct weir_store_kept *what);
/* out: how far the domain's page says output has come.  Fires its watches
 * when an event of them may have been lost. */
void weir_store_resume(struct weir_store_conn *c, void *user, uint32_t out);
/* What was done outside requests outlives this program now. */
void weir_store_settle(struct weir_store *s);

/* Recomputes all accounting and structure; 0, or -EIO and the difference in
 * line.  For tests, fuzzers and CONTROL check. */
int weir_store_check(struct weir_store *s, char *line, size_t size);

#endif
