/* SPDX-License-Identifier: MIT
 *
 * One load from start to end, as an event loop does it; what fails here fails
 * the test (cmocka).
 */
#ifndef WEIR_TESTS_UNIT_VMLOAD_RIG_H
#define WEIR_TESTS_UNIT_VMLOAD_RIG_H

#include "hypervisor/loader/load.h"

struct vmload_run {
    char program[512]; /* B/bin/weir-load */
    struct weir_vm_image image;
    char why[WEIR_VMLOAD_WHY];
};

void vmload_run_init(struct vmload_run *r);
/* 32 MiB, 2 vCPUs, mode s; names vmlinuz-test and initrd-test. */
struct weir_vmload_config vmload_config(const struct vmload_run *r, int kernel,
                                        int ramdisk);
int vmload_run(struct vmload_run *r, const struct weir_vmload_config *c);
/* why has this text, and is one line. */
void vmload_said(const struct vmload_run *r, const char *text);
unsigned vmload_open_fds(void);

#endif
