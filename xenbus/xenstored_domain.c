/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>

#include "hypervisor/client/process.h"
#include "xenbus/xenstored.h"

int weir_xsd_become_domain(struct weir_xsd *x, unsigned uid, unsigned gid)
{
    struct weir_process *d;
    int flags = fcntl(WEIR_XSD_LISTEN_FD, F_GETFL), r;

    if (flags < 0 ||
        fcntl(WEIR_XSD_LISTEN_FD, F_SETFL, flags | O_NONBLOCK) < 0) {
        fprintf(stderr,
                "weir-xenstored: no listening socket as descriptor %d; "
                "use --standalone to run without weir-devd\n",
                WEIR_XSD_LISTEN_FD);
        return -errno;
    }
    /* The seal forbids mremap, which realloc of a mapped block would call. */
    mallopt(M_MMAP_MAX, 0);
    mallopt(M_ARENA_MAX, 1);
    r = weir_process_open(WEIR_FD_HV, &d);
    if (r) {
        fprintf(stderr, "weir-xenstored: weir-hv does not take us: error %d\n",
                -r);
        return r;
    }
    r = weir_xsd_owner_of(x, WEIR_XSD_LISTEN_FD);
    if (!r)
        r = weir_xsd_init(x, WEIR_XSD_LISTEN_FD);
    if (!r)
        r = weir_process_seal(d, WEIR_SEAL_FD_RECV | WEIR_SEAL_ACCEPT, uid,
                              gid);
    if (r)
        fprintf(stderr, "weir-xenstored: cannot seal: error %d\n", -r);
    x->port = weir_process_port(d);
    return r;
}
