/* SPDX-License-Identifier: MIT
 *
 * A struct web_nic on a tap: the second implementation, for tests.
 */
#ifndef WEBGUEST_NIC_TAP_H
#define WEBGUEST_NIC_TAP_H

#include "tests/guests/webguest/nic.h"

struct web_nic_tap {
    struct web_nic nic; /* first */
    int fd;
};

/* Opens the tap called name in this network namespace, makes it if needed. */
int web_nic_tap_open(struct web_nic_tap *t, const char *name,
                     const uint8_t mac[6]);

#endif
