/* SPDX-License-Identifier: MIT
 *
 * A struct web_nic on a network frontend.
 */
#ifndef WEBGUEST_NIC_FRONT_H
#define WEBGUEST_NIC_FRONT_H

#include "frontends/net/netfront.h"
#include "tests/guests/webguest/nic.h"

struct web_nic_front {
    struct web_nic nic; /* first */
    struct weir_netfront front;
    uint8_t frame[WEIR_NETFRONT_MAX + 1]; /* the one being received */
};

/* index counts the domain's interfaces; blocks until it is connected. */
int web_nic_front_open(struct web_nic_front *n, struct weir_front_bus *bus,
                       unsigned index, uint64_t timeout_ns);
void web_nic_front_close(struct web_nic_front *n);

#endif
