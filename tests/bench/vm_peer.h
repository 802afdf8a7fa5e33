/* SPDX-License-Identifier: MIT
 *
 * What bench_vm compares with: the least that KVM itself takes, without any
 * hypervisor program around it.  A few real-mode instructions in a VM of some
 * pages; interrupts are messages to its local APIC, KVM's quickest way.  Each
 * returns a value, or -1 where it can't be had.
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

/* One way, by time stamps of both sides.  Nanoseconds from before the guest's
 * port write (ioeventfd) to after the read of a thread that slept in poll. */
double peer_to_host_ns(void);
/* From before a thread's write to an irqfd to the guest's handler; the guest
 * sleeps in hlt. */
double peer_to_guest_ns(void);
/* Nanoseconds of such a write, one after the other to a guest that runs. */
double peer_write_ns(void);

#endif
