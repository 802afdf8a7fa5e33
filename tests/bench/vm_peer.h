/* SPDX-License-Identifier: MIT
 *
 * What bench_vm compares with: the least that KVM itself takes, without any
 * hypervisor program around it.  A few real-mode instructions in a VM of one
 * page.  Each returns 0, or -1 where it can't be had.
 */
#ifndef WEIR_TESTS_BENCH_VM_PEER_H
#define WEIR_TESTS_BENCH_VM_PEER_H

/* Milliseconds from opening /dev/kvm to the first instruction, a port write. */
double peer_first_ms(void);
/* Nanoseconds of a port write that user space handles: an exit. */
double peer_exit_ns(void);
/* Nanoseconds of a port write that an ioeventfd takes. */
double peer_send_ns(void);
/* Nanoseconds from a port write (ioeventfd, a thread sleeps on it) to the
 * interrupt that this thread sends back (irqfd; the guest sleeps in hlt). */
double peer_trip_ns(void);

#endif
