/* SPDX-License-Identifier: MIT
 *
 * A network backend that dies at a chosen point and is started again, and
 * frontends that do not know of it: in one thread, so that a case is the same
 * each time.  Linked with objects built with -DWEIR_CRASH_STEPS.  Frames carry
 * numbers: none may come twice, none spoilt, and few may be lost.
 */
#ifndef WEIR_TESTS_UNIT_NET_RIG_H
#define WEIR_TESTS_UNIT_NET_RIG_H

#include "backends/net/vif.h"
#include "ring/grant.h"
#include "tests/unit/crash_case.h"

#define RIG_QUEUES 2
#define RIG_FRONTS 2
#define RIG_PAGES  160  /* of a queue: sent from, received into */
#define RIG_POSTED 100  /* at most, to receive into */
#define RIG_LOST   130u /* frames a death may cost each way of a queue */
#define RIG_FRAMES 4096 /* numbers there are */
#define RIG_GROUPS 8    /* multicast addresses */
#define RIG_FRAME  9000 /* bytes at most */
#define RIG_BACK   2
#define RIG_FRONT  5 /* domid of the first */

struct net_case {
    const char *name;
    unsigned fronts; /* 1: on a tap; 2: with a switch between them */
    unsigned queues;
    bool split;       /* event channels */
    bool pool;        /* pages are added to it and taken from it */
    uint64_t rate;    /* bytes a second; 0: no limit */
    unsigned no_maps; /* so many maps fail when a successor starts */
    unsigned frames;  /* each way */
    uint32_t seed;
    bool again;     /* successors die as well */
    unsigned spoil; /* bytes of what was kept are changed */
};

/* A rig_runner; c: a struct net_case. */
enum rig_result net_rig_run(const void *c, uint64_t at, bool quiet);

/* ---- private to the rig ---- */

struct rig_page {
    bool busy;  /* in a ring, or in a control request */
    bool added; /* to the pool */
    grant_ref_t ref;
};

struct rig_queue {
    struct rig_front *front;
    unsigned index;
    struct weir_netif_tx_front_ring tx;
    struct weir_netif_rx_front_ring rx;
    grant_ref_t tx_ref, rx_ref;
    evtchn_port_t tx_port, rx_port;
    bool tx_asleep, rx_asleep;
    uint32_t tx_seen, rx_seen; /* the most that rsp_prod has been */
    uint8_t *data;
    struct rig_page page[RIG_PAGES];
    int tx_id[256]; /* by slot: page, or -1: an extra */
    int rx_id[256];
    unsigned posted;
    uint8_t frame[RIG_FRAME]; /* being received */
    uint32_t have;            /* bytes of it */
    bool extra_next, more, failed;
};

struct rig_ctrl {
    struct weir_netif_ctrl_front_ring ring;
    uint32_t seen;
    grant_ref_t ref, list_ref;
    evtchn_port_t port;
    struct weir_netif_gref *list;
    bool pending;
    uint16_t type, id;
    unsigned queue, n;
    uint8_t page[RIG_PAGES];
};

struct rig_front {
    struct rig *rig;
    unsigned index;
    struct weir_port *port;
    struct weir_gnttab gnttab;
    struct rig_queue queue[RIG_QUEUES];
    struct rig_ctrl ctrl;
    unsigned sent;           /* numbers given to its frames */
    bool group[RIG_GROUPS];  /* joined */
    uint8_t got[RIG_FRAMES]; /* frames that came, by number */
    unsigned ngot, last, groups_seen;
};

struct rig {
    const struct net_case *c;
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *bport;
    uint32_t random;
    int tap[2]; /* [1]: the backend's */
    struct rig_front front[RIG_FRONTS];
    unsigned tap_sent;
    uint8_t tap_got[RIG_FRAMES];
    unsigned ntap_got, deaths;
};

static inline uint32_t rig_random(struct rig *r, uint32_t below)
{
    return rig_draw(&r->random, below);
}

static inline void rig_set(struct rig *r, const char *dir, const char *key,
                           const char *value, domid_t owner, domid_t reader)
{
    rig_node(r->store, dir, key, value, owner, reader);
}

/* net_rig_frame.c */
/* A frame with that number, of a random size that both sides take. */
uint32_t rig_frame_make(struct rig *r, uint8_t *p, unsigned number, bool *gso);
/* Its number; the case ends if it is spoilt. */
unsigned rig_frame_check(const uint8_t *p, uint32_t len);
/* What the other end of the tap does.  True: something moved. */
bool rig_tap_step(struct rig *r);
/* A frame to each multicast address. */
void rig_tap_groups(struct rig *r);

/* net_rig_front.c */
void rig_front_open(struct rig *r, unsigned index);
bool rig_front_step(struct rig_front *f);
/* Nothing moves any more: all slots are answered, all pages accounted for. */
void rig_front_verify(struct rig_front *f);
/* Pages that the backend has in its pools, by what the frontend was told. */
unsigned rig_front_added(const struct rig_front *f);

#endif
