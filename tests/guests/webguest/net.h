/* SPDX-License-Identifier: MIT
 *
 * lwIP on a struct web_nic, on one thread: no tcpip thread, no locks.  What a
 * peer can make it remember is bounded: frames waiting for the nic, and
 * connections that are being opened or have ended.
 */
#ifndef WEBGUEST_NET_H
#define WEBGUEST_NET_H

#include <lwip/netif.h>

#include "tests/guests/webguest/nic.h"
#include "tests/guests/webguest/reass.h"

#define WEB_TX_QUEUE 1024 /* frames that wait for room in the nic */
#define WEB_PCBS     256  /* TCP connections of any state but TIME_WAIT */
#define WEB_TIMEWAIT 256  /* connections in TIME_WAIT */

struct web_net_config {
    struct web_nic *nic;
    uint32_t ip, mask, gateway; /* network byte order; gateway 0: none */
    uint32_t seed;              /* of port numbers and sequence numbers */
};

struct web_net_stats {
    uint64_t rx, tx, rx_bytes, tx_bytes;
    uint64_t rx_dropped; /* malformed, no memory, too many connections */
    uint64_t tx_dropped; /* queue full */
};

struct web_net {
    struct web_nic *nic;
    struct netif netif;
    struct web_net_stats stats;
    bool unflushed;
    unsigned head, count; /* of the queue */
    struct pbuf *queue[WEB_TX_QUEUE];
    struct web_reass reass;
};

/* Once per program: lwIP's state is the library's.  0 or -weir_error. */
int web_net_open(struct web_net *n, const struct web_net_config *c);
/* Take frames in, run timers, send what waits; true: something moved. */
bool web_net_step(struct web_net *n);
/* Send what other code has queued since. */
void web_net_flush(struct web_net *n);
/* Milliseconds until a timer is due. */
uint32_t web_net_sleep_ms(void);

#endif
