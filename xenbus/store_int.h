/* SPDX-License-Identifier: MIT
 *
 * Inside the registry: what store.c, conn.c, request*.c, watch.c,
 * transaction.c and domain.c share.
 */
#ifndef WEIR_XENBUS_STORE_INT_H
#define WEIR_XENBUS_STORE_INT_H

#include "xenbus/node.h"
#include "xenbus/store.h"
#include "xenbus/wire.h"

#define LOG_EVERY_NS   1000000000ull /* a kind of line, per domain */
#define EVENT_BUCKETS  64u
#define DOMAIN_BUCKETS 64u
#define EVENT_MAX_NS   20000000000ull
/* Events a privileged client left unread, and input buffer. */
#define PRIV_EVENTS_MAX (8u << 20)
#define IN_SIZE         (2 * (WEIR_XS_HDR_SIZE + WEIR_XS_PAYLOAD_MAX))
#define PRIV_REPLIES    64u
/* Old versions of the tree that open transactions may keep alive. */
#define SNAPSHOT_MAX (32u << 20)

struct xs_domain {
    struct xs_domain *next; /* in its bucket */
    domid_t domid;
    bool introduced;
    bool configured; /* SET_QUOTA, SET_FEATURE: kept until it is released */
    int32_t target;  /* domid it may act for (SET_TARGET), -1: none */
    uint32_t nodes, watches, transactions;
    size_t memory;
    uint64_t quota[WEIR_QUOTA_COUNT];
    uint32_t features;
    uint64_t logged_ns[WEIR_QUOTA_COUNT]; /* when a hit was last told */
    uint64_t ended_ns; /* when the end of a connection was last told, */
    uint32_t ended;    /* and how many ends were not told since */
    /* scratch of a commit, and of weir_store_check */
    bool touched;
    struct xs_domain *next_touched;
    int64_t delta_nodes, delta_memory;
};

struct xs_watch {
    struct xs_watch *next;
    char *path, *token;
    unsigned prefix; /* bytes to leave out of event paths (relative) */
    int depth;       /* levels below path, -1: all */
};

struct xs_msg {
    struct xs_msg *next;
    struct xs_msg *hash_next; /* events only */
    uint64_t queued_ns;
    uint32_t hash;
    bool event;
    uint32_t len, done; /* bytes; done of them are sent */
    uint8_t data[];
};

/* What a transaction relies on, per path; compared with what is there when it
 * ends. */
#define DEP_EXISTS 1u /* the node is, or is not */
#define DEP_NODE   2u /* value and permissions */
#define DEP_LIST   4u /* children */
#define TX_WRITTEN 8u
#define TX_CHANGED 16u /* event for path and all above */
#define TX_REMOVED 32u /* the same, and for watches below */

struct xs_tx_entry {
    char *path;
    uint32_t hash;
    uint32_t what;
};

struct xs_tx {
    struct xs_tx *next;
    uint32_t id;
    struct weir_node *base, *top; /* as at its start, and as it sees it */
    struct xs_tx_entry *entries;
    uint32_t n, room;
    int64_t created;  /* nodes, for the quota */
    size_t memory;    /* charged to the domain */
    uint64_t started; /* order of starting */
    int failed;       /* it will end with this */
    bool doomed;      /* what was done in it is lost: EAGAIN at its end */
};

struct weir_store_conn {
    struct weir_store_conn *next, *next_ready;
    struct weir_store *s;
    void *user;
    bool ready; /* in the store's list of those with news */
    struct xs_domain *d;
    bool privileged;
    int dead;
    struct xs_watch *watches;
    struct xs_tx *txs;
    uint32_t next_tx;
    struct xs_msg *out, **out_tail;
    uint32_t replies; /* in out */
    uint32_t unread; /* events in out */
    size_t event_bytes;
    size_t reply_bytes;
    struct xs_msg *events[EVENT_BUCKETS];
    /* ring connections: what the journal keeps (journal.h) */
    bool kept, broken;
    bool late;                   /* the journal says that it has events */
    evtchn_port_t port;          /* the domain's, as introduced */
    uint32_t in_pos, out_pos;    /* bytes taken from and put into the ring */
    const struct xs_msg *answer; /* to the request being handled */
    const char *quota_hit;       /* named in the error reply */
    struct weir_xs_header hdr;   /* of the request being handled */
    uint32_t in_off, in_len;
    uint8_t in[IN_SIZE];
};

struct weir_store {
    const struct weir_store_ops *ops;
    void *context;
    struct weir_node *top;
    size_t node_bytes; /* of all versions of the tree */
    size_t live_bytes; /* of the present one, when last looked */
    uint64_t gen, tx_started;
    uint64_t snapshot_ns; /* when a failed transaction was last told */
    uint64_t quota[WEIR_QUOTA_COUNT];
    struct weir_store_conn *conns, *ready;
    struct xs_domain *touched;
    bool log_requests;
    struct xs_journal *journal; /* NULL: none */
    bool loading;               /* a predecessor's: there are no events */
    size_t tree_bytes;          /* of the present tree, as quotas count */
    size_t extra_bytes;         /* watches, domains and so on: journal.c */
    struct xs_domain *domains[DOMAIN_BUCKETS];
};

#define XS_FEATURES                                                            \
    (WEIR_XS_SERVER_RECONNECTION | WEIR_XS_SERVER_ERROR |                      \
     WEIR_XS_SERVER_WATCHDEPTH)

/* The tree a request works on: the store's, or a transaction's. */
struct xs_view {
    struct weir_node **top;
    struct xs_tx *tx;
};

/* store.c */
void xs_log(struct weir_store *s, enum weir_log_level level, const char *fmt,
            ...) __attribute__((format(printf, 3, 4)));
uint64_t xs_now(struct weir_store *s);
/* Is it a second since *last, when a line of this kind was told? */
bool xs_may_log(struct weir_store *s, uint64_t *last);

/* domain.c: accounting and quotas */
struct xs_domain *xs_domain_find(struct weir_store *s, unsigned domid);
/* Makes it when there is none; NULL: no memory, no real domain. */
struct xs_domain *xs_domain_get(struct weir_store *s, unsigned domid);
/* All there are: NULL gives the first. */
struct xs_domain *xs_domain_next(struct weir_store *s,
                                 const struct xs_domain *d);
void xs_domain_put(struct weir_store *s, struct xs_domain *d);
/* Would amount more be too much for the connection's domain?  Sets quota_hit,
 * logs. */
bool xs_over(struct weir_store_conn *c, enum weir_store_quota q, uint64_t have,
             uint64_t more);
int xs_charge(struct weir_store *s, const struct weir_node *n);
void xs_uncharge(struct weir_store *s, const struct weir_node *n);
void xs_uncharge_tree(struct weir_store *s, const struct weir_node *n);
int xs_domain_gone(struct weir_store *s, domid_t domid);
unsigned xs_owner(const struct weir_node *n);

/* conn.c */
void xs_mark_ready(struct weir_store_conn *c);
void xs_kill(struct weir_store_conn *c, int err, const char *why);

/* conn_out.c: messages out */
void xs_out_free(struct weir_store_conn *c);
int xs_reply(struct weir_store_conn *c, const void *payload, size_t len);
int xs_reply_ok(struct weir_store_conn *c);
void xs_reply_error(struct weir_store_conn *c, int err);
/* path as the client is to see it */
void xs_event(struct weir_store_conn *c, const struct xs_watch *w,
              const char *path);
/* For what a predecessor left: a reply, the end of the first message, an event
 * that was begun before all else. */
int xs_out_reply(struct weir_store_conn *c, const struct weir_xs_header *h,
                 const void *payload);
void xs_out_pop(struct weir_store_conn *c);
int xs_out_event_first(struct weir_store_conn *c,
                       const struct weir_xs_header *h, const void *payload);
uint32_t xs_hash(const char *p, size_t len);

/* watch.c */
#define PERM_OWNER 4u
unsigned xs_allowed(const struct weir_store_conn *c, const struct weir_node *n);
void xs_fire(struct weir_store *s, const char *path, struct weir_node *before);
void xs_fire_removed(struct weir_store *s, const char *path,
                     struct weir_node *before);
void xs_fire_special(struct weir_store *s, const char *path, domid_t domid);
void xs_watch_free_all(struct weir_store_conn *c);
int xs_watch_begin(struct weir_store_conn *c, const char *path,
                   const char *token, unsigned prefix, int depth);
int xs_watch_end(struct weir_store_conn *c, const char *path,
                 const char *token);
int xs_do_watch(struct weir_store_conn *c, const char *p, size_t len);
int xs_do_unwatch(struct weir_store_conn *c, const char *p, size_t len);

/* transaction.c */
struct xs_tx *xs_tx_find(struct weir_store_conn *c, uint32_t id);
/* Notes that the transaction relies on or changes path; no-op without tx. */
int xs_tx_note(struct weir_store_conn *c, struct xs_tx *tx, const char *path,
               uint32_t what, size_t bytes);
void xs_tx_free_all(struct weir_store_conn *c);
/* One that a predecessor's end has doomed, and the end of one. */
int xs_tx_doomed(struct weir_store_conn *c, uint32_t id);
int xs_tx_drop(struct weir_store_conn *c, uint32_t id);
/* When the tree is there: theirs is that. */
void xs_tx_doomed_start(struct weir_store *s);
void xs_tx_bound_snapshots(struct weir_store *s);
/* transaction_commit.c: 0, -EAGAIN or a quota */
int xs_tx_commit(struct weir_store_conn *c, struct xs_tx *tx);
int xs_do_tx_start(struct weir_store_conn *c, const char *p, size_t len);
int xs_do_tx_end(struct weir_store_conn *c, const char *p, size_t len);

/* request.c, request_node.c, request_dom.c */
void xs_request(struct weir_store_conn *c, const char *payload);
int xs_abs_path(struct weir_store_conn *c, const char *arg, bool special,
                char out[WEIR_XS_PATH_MAX + 1]);
/* The node at path with permission want, or NULL and *err. */
struct weir_node *xs_get(struct weir_store_conn *c, struct xs_view *v,
                         const char *path, unsigned want, int *err);
struct xs_view xs_view_of(struct weir_store_conn *c, int *err);

typedef int xs_handler(struct weir_store_conn *c, const char *p, size_t len);
xs_handler xs_do_read, xs_do_directory, xs_do_directory_part, xs_do_write,
    xs_do_mkdir, xs_do_rm, xs_do_get_perms, xs_do_set_perms;
xs_handler xs_do_control, xs_do_introduce, xs_do_release, xs_do_domain_path,
    xs_do_is_introduced, xs_do_resume, xs_do_set_target, xs_do_reset_watches,
    xs_do_get_feature, xs_do_set_feature, xs_do_get_quota, xs_do_set_quota;

/* Domids in requests: decimal, real domains only. */
int xs_domid_arg(const char *s, domid_t *out);

#endif
