/* SPDX-License-Identifier: MIT
 *
 * The xen port: struct weir_port for a backend in a Linux domain on Xen's
 * ABI (dom0 or a driver domain of Xen, a Linux VM of weir-hv), over
 * libxengnttab and libxenevtchn.  Library weir-xenport, built where pkg-config
 * knows both.
 *
 * Everything is opened at once, so that a program can seal itself afterwards:
 * from then on the port calls ioctl on its own descriptors, mmap of them,
 * munmap, read and write, no open.
 *
 * Facts of Linux' drivers:
 *  - A mapping of gntdev ends as a whole.  Elements of one batch end at
 *    different times, so each is a mapping of its own: an ioctl and an mmap,
 *    and one of vm.max_map_count (65530).  Mappings are kept (persistent
 *    grants), packets are copied, so this is off the data path.
 *  - /dev/xen/evtchn has one descriptor for all ports bound through it, and
 *    the port contract wants one each: so a handle is one port's.
 *  - A port is masked from its read to the write that unmasks it; an event
 *    between the two comes afterwards.
 *
 * A domain has no way to its own grant table here (the kernel owns it): frame
 * says 0 and grant_table -WEIR_EOPNOTSUPP.  Backends need neither.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_XEN_H
#define WEIR_HYPERVISOR_CLIENT_XEN_H

#include "ring/port.h"

#define WEIR_XEN_PORTS_MAX 512

struct weir_xen;

struct weir_xen_config {
    domid_t domid;    /* own: the registry's node "domid" */
    unsigned ports;   /* event channels at once: 1..WEIR_XEN_PORTS_MAX */
    const char *name; /* before each line of the log; stays the caller's */
};

/* 0 or -errno and in *what, when not NULL, a static text: what is missing and
 * the remedy. */
int weir_xen_open(const struct weir_xen_config *cfg, struct weir_xen **out,
                  const char **what);
struct weir_port *weir_xen_port(struct weir_xen *x);
/* All pages unmapped, all ports closed. */
void weir_xen_close(struct weir_xen *x);

#endif
