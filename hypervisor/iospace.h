/* SPDX-License-Identifier: MIT
 *
 * What a domain may reach of the machine's I/O: ranges of I/O ports, machine
 * frames of devices, interrupts and PCI functions.  Empty unless the device
 * manager says otherwise.  A function of a virtual PCI bus will be looked up
 * here too (WEIR_IO_PCI).
 */
#ifndef WEIR_HYPERVISOR_IOSPACE_H
#define WEIR_HYPERVISOR_IOSPACE_H

#include "hypervisor/client/control.h"

#define HV_IO_RANGES 128 /* of one domain, all kinds together */

struct hv_iospace {
    struct weir_io_range *range; /* sorted by kind, first; apart, merged */
    unsigned n;
};

void hv_iospace_fini(struct hv_iospace *io);
/* -ENOSPC: more than HV_IO_RANGES ranges would be left. */
int hv_iospace_permit(struct hv_iospace *io, const struct weir_io_range *r);
int hv_iospace_deny(struct hv_iospace *io, const struct weir_io_range *r);
/* All of r is permitted. */
bool hv_iospace_has(const struct hv_iospace *io, const struct weir_io_range *r);

#endif
