/* SPDX-License-Identifier: MIT
 *
 * The guest's arguments, without libc's getopt: a kernel gets them as a
 * command line too.
 */
#ifndef WEBGUEST_OPTIONS_H
#define WEBGUEST_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct web_options {
    uint32_t ip, mask, gateway; /* network byte order */
    uint16_t port, mtu;         /* mtu 0: the interface's own */
    bool writable;
    unsigned vbd, vif;       /* which one, counted from 0 */
    const char *image, *tap; /* of the test double */
};

/* NULL, or what is wrong, naming the argument in *which. */
const char *web_options_parse(struct web_options *o, int argc,
                              const char *const *argv, const char **which);
extern const char web_options_usage[];

#endif
