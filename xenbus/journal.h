/* SPDX-License-Identifier: MIT
 *
 * The registry's journal: what a successor of a killed weir-xenstored goes on
 * with.  Kept frames (ring/port.h, keep) hold a head page and a pair of runs
 * of equal size.  One run is written: a snapshot of everything, then a record
 * for each change behind it.
 *
 *   commit   a request's changes, the input it used up and its reply are
 *            appended, then one word, the bytes that count, is stored
 *   switch   when a run is full the other gets a snapshot and its length,
 *            then one word of the head names it
 *   growth   a pair of twice the size is asked for and switched to; where
 *            there are no frames for it, changes that would make the snapshot
 *            too long are answered ENOSPC.  A snapshot always fits.
 *
 * Of ring connections there is, in order: input that was read from the ring
 * (before the domain sees that it was), requests that were answered, and which
 * bytes go out next (before the domain sees them).  The last of these, when
 * nothing follows it, may have happened or not: the ring page tells.  Of its
 * events only that there are some: then all its watches fire again.
 *
 * Connections over sockets end with the program and are not in it.
 */
#ifndef WEIR_XENBUS_JOURNAL_H
#define WEIR_XENBUS_JOURNAL_H

#include "xenbus/store_int.h"

#define XS_J_MAGIC   0x6a53584au
#define XS_J_VERSION 2u

/* Keys of kept runs: the head, and pairs numbered 2n and 2n + 1. */
#define XS_J_KEY_HEAD  0x7873000000000000ull
#define XS_J_KEY_RUN   0x7873000100000000ull
#define XS_J_LOST      1ull   /* for the active run: there was none for all */
#define XS_J_PAGES     128u   /* of a run, at first */
#define XS_J_PAGES_MAX 65536u /* and at most: 256 MiB */

/* What the snapshot takes beside tree and watches, at most. */
#define XS_J_CONN                                                              \
    49152u /* a ring connection: input, replies, half an event                 \
            */
#define XS_J_DOMAIN 128u
#define XS_J_FIXED  4096u
#define XS_J_SLACK  65536u /* for records behind the fullest snapshot */
/* Of a run that cannot grow, one part in so many is for domain 0 alone. */
#define XS_J_RESERVE 8u
/* A ring connection with so many bytes of replies unread gets no more. */
#define XS_J_REPLIES 16384u

struct xs_j_head {
    uint32_t magic, version;
    uint64_t restarts;
    volatile uint64_t active; /* number << 32 | pages of a run; 0: none yet */
};

struct xs_j_run {
    volatile uint64_t done; /* bytes of records that count */
    uint64_t spare[7];
    uint8_t rec[];
};

enum xs_rec_type {
    XS_REC_DEFAULTS = 1, /* quotas of new domains: xs_rec_domain */
    XS_REC_DOMAIN,       /* xs_rec_domain */
    XS_REC_TREE,         /* snapshot, in order: xs_rec_node, name */
    XS_REC_NODE,         /* xs_rec_node, path: makes what is missing above */
    XS_REC_RM,           /* path */
    XS_REC_GONE,         /* the domain was released */
    XS_REC_CONN,         /* xs_rec_conn: it begins anew */
    XS_REC_CLOSE,
    XS_REC_WATCH,   /* xs_rec_watch, path, token */
    XS_REC_UNWATCH, /* the same */
    XS_REC_FORGET,  /* all watches and transactions */
    XS_REC_TX,      /* number: open */
    XS_REC_TX_END,  /* number */
    XS_REC_IN,      /* bytes read from the ring */
    XS_REC_DONE,    /* number: bytes of input used up; the reply */
    XS_REC_OUT,     /* xs_rec_out, an event */
    XS_REC_LATE,    /* it has events that did not go out */
};

/* Padded to 8 bytes; so are those below, which follow it. */
struct xs_rec {
    uint16_t type, domid;
    uint32_t len; /* of what follows, without padding */
};

struct xs_rec_domain {
    uint64_t quota[WEIR_QUOTA_COUNT];
    uint32_t features;
    int32_t target;
    uint32_t introduced, configured;
};

/* Then name or path, permissions, value. */
struct xs_rec_node {
    uint16_t name_len, nperms, depth, zero;
    uint32_t value_len, zero2;
};

struct xs_rec_conn {
    uint32_t port, in_pos, out_pos, broken, next_tx, zero;
};

struct xs_rec_watch {
    uint32_t prefix;
    int32_t depth;
};

/* From stream position pos on len bytes: the rest of what was begun and so
 * many replies, whole, with any events; and the begin of one message more.
 * told: no other event was queued. */
struct xs_rec_out {
    uint32_t pos, len, replies;
    uint32_t tail; /* 0: none, 1: the next reply, 2: the event that follows */
    uint32_t tail_done, told;
};

struct xs_journal {
    struct weir_port *port;
    struct xs_j_head *head;
    struct xs_j_run *run[2], *next[2];  /* next: larger, not yet switched to */
    uint32_t number, pages, next_pages; /* of run[0]: even */
    unsigned at;                        /* the run written */
    uint64_t done, tail;                /* bytes that count, bytes written */
    bool overflow;                      /* records did not fit */
    uint64_t refused_ns, tried_ns;      /* told, tried to grow */
    /* while a predecessor's is read */
    struct weir_store_conn *maybe; /* its last output may not have happened */
    const struct xs_rec_out *maybe_out;
};

/* journal.c: runs.  0 and *j, NULL where the platform keeps nothing; *found:
 * a predecessor's.  -ENOMEM, -EBADMSG: not a journal. */
int xs_j_open(struct weir_port *port, struct xs_journal **j, bool *found);
void xs_j_close(struct xs_journal *j); /* frees nothing but *j */
/* Room for a record, or NULL: then commit makes a snapshot. */
void *xs_j_put(struct xs_journal *j, unsigned type, domid_t domid, size_t len);
size_t xs_j_size(uint32_t pages);
/* All that was put since; before anybody can see what it stands for. */
void xs_j_commit(struct weir_store *s);
/* A fresh snapshot in another run, switched to. */
void xs_j_switch(struct weir_store *s);
/* Would the snapshot get too long by so many bytes?  Asks for growth. */
bool xs_j_full(struct weir_store_conn *c, size_t more);

/* journal_snap.c */
void xs_j_snapshot(struct weir_store *s);

/* journal_rec.c: no-ops without a journal, or for a connection not in it */
/* All nodes, each with its depth; top: 0. */
void xs_j_tree(struct xs_journal *j, const struct weir_node *n, unsigned depth);
void xs_j_node(struct weir_store *s, const char *path);
void xs_j_rm(struct weir_store *s, const char *path);
void xs_j_gone(struct weir_store *s, domid_t domid);
void xs_j_tx_done(struct weir_store *s, const struct xs_tx *tx);
void xs_j_domain(struct weir_store *s, const struct xs_domain *d);
void xs_j_defaults(struct weir_store *s);
void xs_j_conn(struct weir_store_conn *c);
void xs_j_conn_end(struct weir_store_conn *c, enum xs_rec_type type);
void xs_j_watch(struct weir_store_conn *c, const struct xs_watch *w,
                enum xs_rec_type type);
void xs_j_number(struct weir_store_conn *c, enum xs_rec_type type, uint32_t n);
void xs_j_in(struct weir_store_conn *c, const void *p, size_t len);
void xs_j_done(struct weir_store_conn *c, uint32_t used,
               const struct xs_msg *reply);
void xs_j_out(struct weir_store_conn *c, size_t len);
/* Its first event since all were told. */
void xs_j_late(struct weir_store_conn *c);

/* journal_load.c, journal_load_conn.c */
struct xs_input {
    const uint8_t *at;
    size_t left;
};
const void *xs_in_take(struct xs_input *in, size_t len);
int xs_j_load(struct weir_store *s, struct xs_journal *j);
/* Whole records of a run; 0 or -EBADMSG, -ENOMEM.  What is there may be
 * anything. */
int xs_j_replay(struct weir_store *s, struct xs_journal *j, const uint8_t *rec,
                uint64_t len);
int xs_load_conn(struct weir_store *s, struct xs_journal *j,
                 const struct xs_rec *r, struct xs_input *in);
int xs_load_out(struct weir_store_conn *c, const struct xs_rec_out *o);

#endif
