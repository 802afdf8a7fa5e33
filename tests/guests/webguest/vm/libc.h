/* SPDX-License-Identifier: MIT
 *
 * glibc in a kernel: libext2fs wants a C library, and the static one of the
 * system is asked to believe that this is Linux.  What it gets: memory, a
 * clock, standard output to the console.  Everything else does not exist
 * (ENOSYS), so a function that needs files fails.
 */
#ifndef WEBGUEST_VM_LIBC_H
#define WEBGUEST_VM_LIBC_H

#include "frontends/guest/guest.h"

/* Starts the library, which calls main; what that returns ends the domain: 0
 * powers off. */
__attribute__((noreturn)) void weir_libc_run(struct weir_guest *g, int argc,
                                             char **argv);

#endif
