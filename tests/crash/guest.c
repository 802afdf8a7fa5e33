/* SPDX-License-Identifier: MIT */
#include "tests/crash/guest.h"

#include <stdlib.h>
#include <string.h>

#include "hypervisor/client/process.h"

uint64_t crash_option(int argc, char **argv, const char *name, uint64_t dflt)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return strtoull(argv[i + 1], NULL, 10);
    return dflt;
}

int crash_start(struct weir_port **port)
{
    struct weir_process *d;
    int err = weir_process_open(WEIR_FD_HV, &d);

    if (err == 0)
        err = weir_process_seal(
            d, 0, (unsigned)strtoul(getenv("WEIR_UID") ?: "0", NULL, 10),
            (unsigned)strtoul(getenv("WEIR_GID") ?: "0", NULL, 10));
    if (err == 0)
        *port = weir_process_port(d);
    return err;
}
