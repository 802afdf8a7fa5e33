/* SPDX-License-Identifier: MIT
 *
 * What weir-hv asks of the machine it runs on.
 */
#ifndef WEIR_HYPERVISOR_HOST_H
#define WEIR_HYPERVISOR_HOST_H

#include <stdio.h>

/* One line to `to` for each feature that is missing, with the remedy: how
 * many. */
int hv_host_check(FILE *to);
/* Frames could not be locked: warn when they could be swapped out. */
void hv_host_no_swap(void);
/* After everything is acquired: not dumpable, no new privileges, only the
 * capabilities the loop needs. */
void hv_host_drop(void);
/* A datagram to systemd's NOTIFY_SOCKET, if there is one. */
void hv_host_notify(const char *state);

#endif
