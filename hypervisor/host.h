/* SPDX-License-Identifier: MIT
 *
 * What weir-hv asks of the machine it runs on.
 */
#ifndef WEIR_HYPERVISOR_HOST_H
#define WEIR_HYPERVISOR_HOST_H

#include <stdint.h>
#include <stdio.h>

/* One line to `to` for each feature that is missing, with the remedy: how
 * many. */
int hv_host_check(FILE *to);
/* /dev/kvm, if it can do what VM domains need: *fd, else -1.  One line to `to`
 * (unless NULL) about it. */
void hv_host_kvm(FILE *to, int *fd);
/* How many mappings VM domains may have together; the kernel's limit is for
 * all of weir-hv. */
uint64_t hv_host_mappings(void);
/* Frames could not be locked: warn when they could be swapped out. */
void hv_host_no_swap(void);
/* After everything is acquired: not dumpable, no new privileges, only the
 * capabilities the loop needs. */
void hv_host_drop(void);
/* A datagram to systemd's NOTIFY_SOCKET, if there is one. */
void hv_host_notify(const char *state);

#endif
