/* SPDX-License-Identifier: MIT
 *
 * A backend in a Linux domain on Xen's ABI: two processes.  The manager keeps
 * the rights to open devices and make taps, and reads what the toolstack
 * writes; the backend is sealed as a process domain is, with a user id of its
 * own, and reads what guests write.  Between them is the resource channel.
 */
#ifndef WEIR_BACKENDS_XEN_XEN_RUN_H
#define WEIR_BACKENDS_XEN_XEN_RUN_H

#include "backends/common/domain_main.h"

/* For struct weir_backend_program.  Returns the exit status. */
int weir_xen_run(const struct weir_backend_program *prog,
                 const struct weir_backend_options *o);

#endif
