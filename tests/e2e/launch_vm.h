/* SPDX-License-Identifier: MIT
 *
 * A VM in the small machine of launch.h.
 *
 *     launch_vm_load("bench.elf", "blk r 0 4096 32 1000", 32, &image);
 *     vm = launch_vm_create(&l, "bench", 32);
 *     launch_device(&l, vm, back, &res, fds);
 *     console = launch_vm_start(&l, vm, &image);
 *     launch_vm_says(console, "IOPS ", 20000, line, sizeof(line));
 *
 * 0 or -errno; what went wrong is also on stderr.
 */
#ifndef WEIR_TESTS_E2E_LAUNCH_VM_H
#define WEIR_TESTS_E2E_LAUNCH_VM_H

#include "hypervisor/loader/load.h"
#include "tests/e2e/launch.h"

/* kernel is a file of $B/guests.  The image can start any number of VMs with
 * so much memory; weir_vm_image_close ends it. */
int launch_vm_load(const char *kernel, const char *cmdline, unsigned mib,
                   struct weir_vm_image *image);
/* One vCPU.  NULL on failure. */
struct launch_dom *launch_vm_create(struct launch *l, const char *name,
                                    unsigned mib);
/* The console's descriptor, or -errno. */
int launch_vm_start(struct launch *l, struct launch_dom *d,
                    const struct weir_vm_image *image);
/* The next line of the console that begins with prefix; what follows prefix
 * goes to rest.  -ETIMEDOUT, -EPIPE: the console has ended. */
int launch_vm_says(int console, const char *prefix, int timeout_ms, char *rest,
                   size_t size);

#endif
