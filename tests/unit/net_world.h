/* SPDX-License-Identifier: MIT
 *
 * A whole network path in one process for tests: fake machine, real store,
 * the real backend class with its queue threads, and real frontends (or a
 * hostile one that speaks to the rings itself).  A socket stands in for a tap.
 */
#ifndef WEIR_TESTS_UNIT_NET_WORLD_H
#define WEIR_TESTS_UNIT_NET_WORLD_H

#include "backends/common/backend.h"
#include "backends/common/qthread.h"
#include "backends/net/vif.h"
#include "frontends/net/netfront.h"
#include "tests/unit/fake_port.h"
#include "tests/unit/fake_store.h"

#define NET_BACK   2 /* domid of the backend */
#define NET_FRONT  5 /* of the first guest */
#define NET_GUESTS 3

struct net_guest {
    domid_t domid;
    struct weir_port *port;
    struct weir_gnttab gnttab;
    struct weir_front_bus bus;
    struct weir_netfront *nf;
    int tap; /* the test's end of the tap socket, -1: none */
};

struct net_world {
    struct weir_fake_machine *machine;
    struct weir_fake_store *store;
    struct weir_port *back;
    struct weir_xs xs;
    struct weir_stats_page stats;
    struct weir_qpool *pool;
    struct weir_net_context net;
    struct weir_backend *be;
    struct net_guest guest[NET_GUESTS];
};

struct net_world *net_world_new(void);
/* Ends everything; returns what the fake machine counts as leaked. */
unsigned net_world_free(struct net_world *w);
/* Guest i gets a vif with that sink; res may be NULL: a tap socket, header of
 * 10 bytes, queues 1.  Nothing is attached yet. */
struct net_guest *net_world_vif(struct net_world *w, unsigned i,
                                const struct weir_resource *res);
/* The real frontend, until Connected. */
struct weir_netfront *net_world_connect(struct net_world *w, unsigned i,
                                        const struct weir_netfront_config *c);
/* One look of backend and all frontends at the registry. */
void net_world_step(struct net_world *w);
/* Registry state of a directory of guest i's device: "device", "backend". */
int net_world_state(struct net_world *w, unsigned i, bool back);
void net_world_error(struct net_world *w, unsigned i, char *buf, size_t size);
uint64_t net_world_stat(struct net_world *w, unsigned i, unsigned word);
/* Frames whose bytes follow from seed and length; check returns 0. */
void net_fill(uint8_t *p, uint32_t len, uint32_t seed);
int net_check(const uint8_t *p, uint32_t len, uint32_t seed);
/* The tap's other end; deadline 2 s.  read: buf gets the 10-byte header and
 * the frame (room for 10 + 65,536), the frame's length is returned. */
int net_tap_read(int fd, uint8_t *buf);
void net_tap_write(int fd, const uint8_t *frame, uint32_t len);
/* weir_netfront_recv that waits, up to 4 s; 0: nothing came. */
int net_recv(struct weir_netfront *nf, uint8_t *buf, uint32_t size,
             struct weir_netfront_offload *off);
/* Waits up to 2 s for guest 0's word to be want; returns what it is. */
uint64_t net_stat_becomes(struct net_world *w, unsigned word, uint64_t want);

#endif
