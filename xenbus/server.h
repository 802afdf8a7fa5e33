/* SPDX-License-Identifier: MIT
 *
 * weir-xenstored's I/O around the registry: sockets and ring pages, one epoll
 * loop, one thread.
 */
#ifndef WEIR_XENBUS_SERVER_H
#define WEIR_XENBUS_SERVER_H

#include <signal.h>

#include "xenbus/ring_page.h"
#include "xenbus/store.h"

#define WEIR_XSD_CLIENTS_MAX 512 /* socket connections */
#define WEIR_XSD_STAGE       16384

struct weir_xsd;
struct weir_xsd_peer;

/* One way bytes come and go. fill and flush move what they can: *more is set
 * when another call may move more at once.  0 or -errno (end the peer). */
struct weir_xsd_peer_ops {
    int (*fill)(struct weir_xsd_peer *p, bool *more);
    int (*flush)(struct weir_xsd_peer *p, bool *more);
    /* Before anything else when there was a wake-up; false: nothing to do. */
    bool (*wake)(struct weir_xsd_peer *p);
    /* The connection is to be ended for err. */
    void (*fail)(struct weir_xsd_peer *p, int err);
};

struct weir_xsd_peer {
    const struct weir_xsd_peer_ops *ops;
    struct weir_xsd_peer *next;
    struct weir_xsd *x;
    struct weir_store_conn *conn;
    int fd;       /* what epoll watches */
    bool again;   /* has more to do than one turn allows */
    bool gone;    /* freed at the end of the turn */
    bool starved; /* sockets: there was no room for input */
    bool broken;  /* ring pages: failed, until the domain reconnects */
    /* ring pages */
    domid_t domid;
    struct weir_xs_ring_page *page;
    uint32_t map_handle;
    evtchn_port_t evtchn, remote;
    uint32_t req_cons, rsp_prod; /* ours; the page's are for the domain */
};

struct weir_xsd {
    struct weir_store *store;
    struct weir_port *port; /* NULL: standalone */
    int epoll, listener;
    bool deaf; /* the listener is left alone: no descriptor is left */
    bool check_peer; /* accept root and owner only */
    unsigned owner;  /* uid */
    unsigned nclients;
    struct weir_xsd_peer *peers;
    uint64_t next_tick_ns;
    bool again;
    uint8_t stage[WEIR_XSD_STAGE];
};

/* Before the seal: makes the epoll set.  listener is non-blocking. */
int weir_xsd_init(struct weir_xsd *x, int listener);
/* Until *stop; 0 or -errno. */
int weir_xsd_run(struct weir_xsd *x, const volatile sig_atomic_t *stop);
void weir_xsd_fini(struct weir_xsd *x);
/* One turn: waits at most timeout_ms. */
int weir_xsd_turn(struct weir_xsd *x, int timeout_ms);

extern const struct weir_store_ops weir_xsd_store_ops; /* context: weir_xsd */

/* After the quotas were set: what outlives this program (store.h), and what a
 * predecessor left.  0, or -errno and a line: it must not serve. */
int weir_xsd_journal(struct weir_xsd *x);

/* server_ring.c */
int weir_xsd_introduce(void *context, domid_t domid, evtchn_port_t port);
void weir_xsd_release(void *context, domid_t domid);

/* server.c, for server_ring.c */
struct weir_xsd_peer *weir_xsd_peer_new(struct weir_xsd *x, domid_t domid,
                                        const struct weir_xsd_peer_ops *ops);
/* For a connection that there is. */
struct weir_xsd_peer *weir_xsd_peer_of(struct weir_xsd *x,
                                       struct weir_store_conn *conn,
                                       domid_t domid,
                                       const struct weir_xsd_peer_ops *ops);
int weir_xsd_peer_watch(struct weir_xsd_peer *p, int fd);
void weir_xsd_peer_unwatch(struct weir_xsd_peer *p);
void weir_xsd_peer_end(struct weir_xsd_peer *p);
void weir_xsd_service(struct weir_xsd_peer *p);

#endif
