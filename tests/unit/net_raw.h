/* SPDX-License-Identifier: MIT
 *
 * Both ends of a vif without any manners, for hostile tests: rings and pages
 * are set up as the protocol wants, what goes through them is the test's.
 */
#ifndef WEIR_TESTS_UNIT_NET_RAW_H
#define WEIR_TESTS_UNIT_NET_RAW_H

#include "tests/unit/net_world.h"

#define RAW_PAGES 24

/* A frontend of guest i of the world, one queue, one event channel. */
struct raw_front {
    struct net_world *w;
    unsigned guest;
    struct weir_gnttab gnttab;
    uint8_t *page; /* RAW_PAGES pages, granted writable */
    grant_ref_t ref[RAW_PAGES];
    uint8_t *ring; /* tx, rx, control */
    grant_ref_t ring_ref[3];
    evtchn_port_t evtchn, ctrl_evtchn;
    struct weir_netif_tx_front_ring tx;
    struct weir_netif_rx_front_ring rx;
    struct weir_netif_ctrl_front_ring ctrl;
};

void raw_front_open(struct raw_front *f, struct net_world *w, unsigned guest);
/* Changes a node before connect. */
void raw_front_node(struct raw_front *f, const char *key, const char *value);
/* State Initialised, and steps until the backend is in state want. */
void raw_front_connect(struct raw_front *f, int want);
void raw_front_push(struct raw_front *f);
/* Next tx answer within 2 s; false: none. */
bool raw_front_answer(struct raw_front *f, struct weir_netif_tx_response *rsp);
/* Control request; its status, *data its data. */
uint32_t raw_front_ctrl(struct raw_front *f, uint16_t type, uint32_t d0,
                        uint32_t d1, uint32_t d2, uint32_t *data);
/* Steps until the backend's state is Closing or Closed and `error` contains
 * why. */
void raw_front_expect_closed(struct raw_front *f, const char *why);
void raw_front_close(struct raw_front *f);

#endif
