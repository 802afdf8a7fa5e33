/* SPDX-License-Identifier: MIT
 *
 * For fuzzers of weir-hv: a machine whose domains' windows are only believed
 * in.  The first bytes of an input decide what the "kernel" answers.
 */
#ifndef WEIR_TESTS_FUZZ_HV_FAKE_H
#define WEIR_TESTS_FUZZ_HV_FAKE_H

#include "hypervisor/machine.h"

/* Made at the first call. */
struct hv_machine *fake_machine(void);
/* A domain with domid, in the table, sealed, with a socket: the other end is
 * *fd.  Two small quotas keep each input short. */
struct hv_domain *fake_domain(domid_t domid, int *fd);
struct hv_domain *fake_domain_like(const struct weir_hv_create *how,
                                   domid_t domid, int *fd);
/* Its program dies, and there is another; false: not yet (-EBUSY), and it stays
 * dead. */
bool fake_revive(struct hv_domain *d, int *fd);
/* Checks that nothing is left over when all are gone. */
void fake_end(struct hv_domain *d, int fd);
void fake_check_empty(void);
/* What pagewin calls say from now on: bits. */
enum { FAKE_STILL_MAPPED = 1, FAKE_TWO_WINDOWS = 2, FAKE_NO_MEMORY = 4 };
extern unsigned fake_kernel;
/* Aborts when the machine's lock is held: in calls that a domain, or a host
 * short of memory, can make slow. */
void fake_unlocked(void);
/* Aborts when the domain's page table shows more than it may touch. */
void fake_check_access(struct hv_domain *d);

#endif
