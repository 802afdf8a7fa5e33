/* SPDX-License-Identifier: MIT
 *
 * vm_echo DOMID PORT: a process domain that sends every event of that port
 * back, after one of its own, until it is killed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hypervisor/client/process.h"

static unsigned env_id(const char *name)
{
    const char *s = getenv(name);

    return s ? (unsigned)strtoul(s, NULL, 10) : 0;
}

int main(int argc, char **argv)
{
    struct weir_process *process;
    struct weir_port *port;
    evtchn_port_t local;
    uint64_t pending;
    int err;

    if (argc != 3)
        return 2;
    err = weir_process_open(WEIR_FD_HV, &process);
    if (!err)
        err = weir_process_seal(process, 0, env_id("WEIR_UID"),
                                env_id("WEIR_GID"));
    if (err) {
        fprintf(stderr, "vm_echo: %s\n", strerror(-err));
        return 1;
    }
    port = weir_process_port(process);
    err = port->ops->evtchn_bind(port, (domid_t)atoi(argv[1]),
                                 (evtchn_port_t)atoi(argv[2]), &local);
    if (!err)
        err = port->ops->wait(port, &local, 1, 0, &pending);
    while (!err) {
        err = port->ops->evtchn_notify(port, local);
        if (!err)
            err = port->ops->wait(port, &local, 1, UINT64_MAX, &pending);
    }
    fprintf(stderr, "vm_echo: %s\n", strerror(-err));
    return 1;
}
