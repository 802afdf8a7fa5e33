/* SPDX-License-Identifier: MIT
 *
 * What weir-load --check prints, to descriptor 1.
 */
#ifndef WEIR_HYPERVISOR_LOADER_CHECK_H
#define WEIR_HYPERVISOR_LOADER_CHECK_H

#include "hypervisor/loader/build.h"

/* One line to a descriptor, with nothing but write. */
__attribute__((format(printf, 2, 3))) void weir_ld_say(int fd, const char *fmt,
                                                       ...);
void weir_ld_print(const struct weir_ld_job *job,
                   const struct weir_ld_built *built, const char *kernel,
                   const char *ramdisk);

#endif
