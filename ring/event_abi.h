/* SPDX-License-Identifier: MIT
 *
 * Manual of event channels, two-level ABI, x86-64.  WEIR_EVENT_ABI_VERSION 1
 *
 * An event channel is a one-bit notification between two domains, or from the
 * hypervisor to a domain.  Each end is a port, a small number of its domain.
 * A notification carries no data and does not count: several sent before one
 * is seen are one.
 *
 *   states of a port
 *
 *     closed --alloc_unbound--> unbound (reserved for one remote domain)
 *     unbound --the remote's bind_interdomain--> interdomain
 *     closed --bind_interdomain--> interdomain (the binder's own new port,
 *                                  which starts pending)
 *     closed --bind_virq, bind_ipi--> virq, ipi
 *     any --close--> closed; an interdomain peer goes back to unbound, still
 *                    reserved for the same domain
 *
 * Port 0 is never valid.
 *
 * Delivery in a VM: struct weir_shared_info is one page shared with the
 * hypervisor.  To deliver port p the hypervisor sets bit p of evtchn_pending;
 * when that changed the bit and bit p of evtchn_mask is clear, it sets the bit
 * of p's word (p / 64) in evtchn_pending_sel of the port's vCPU, and when that
 * changed, evtchn_upcall_pending, and interrupts the vCPU.
 *
 * The guest: clear evtchn_upcall_pending; exchange evtchn_pending_sel with 0;
 * for each word named there handle pending & ~mask, clearing each pending bit
 * before the work it stands for is looked for.  After clearing a mask bit the
 * guest must look whether the port became pending meanwhile (or use unmask).
 *
 * Operations: hypercall 32, command and pointer to its struct.
 */
#ifndef WEIR_RING_EVENT_ABI_H
#define WEIR_RING_EVENT_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_EVENT_ABI_VERSION 1

enum weir_evtchn_op {
    WEIR_EVTCHNOP_BIND_INTERDOMAIN = 0,
    WEIR_EVTCHNOP_BIND_VIRQ = 1,
    WEIR_EVTCHNOP_BIND_PIRQ = 2,
    WEIR_EVTCHNOP_CLOSE = 3,
    WEIR_EVTCHNOP_SEND = 4,
    WEIR_EVTCHNOP_STATUS = 5,
    WEIR_EVTCHNOP_ALLOC_UNBOUND = 6,
    WEIR_EVTCHNOP_BIND_IPI = 7,
    WEIR_EVTCHNOP_BIND_VCPU = 8,
    WEIR_EVTCHNOP_UNMASK = 9,
    WEIR_EVTCHNOP_RESET = 10,
    WEIR_EVTCHNOP_INIT_CONTROL = 11, /* FIFO ABI: not offered */
    WEIR_EVTCHNOP_EXPAND_ARRAY = 12,
    WEIR_EVTCHNOP_SET_PRIORITY = 13,
};

struct weir_evtchn_alloc_unbound {
    uint16_t dom;        /* IN: WEIR_DOMID_SELF, or privileged */
    uint16_t remote_dom; /* IN: who may bind */
    uint32_t port;       /* OUT */
};

struct weir_evtchn_bind_interdomain {
    uint16_t remote_dom;  /* IN */
    uint32_t remote_port; /* IN: unbound, reserved for the caller */
    uint32_t local_port;  /* OUT */
};

struct weir_evtchn_bind_virq {
    uint32_t virq; /* IN: WEIR_VIRQ_* */
    uint32_t vcpu; /* IN */
    uint32_t port; /* OUT */
};

struct weir_evtchn_bind_pirq {
    uint32_t pirq;  /* IN */
    uint32_t flags; /* IN: 1 will share */
    uint32_t port;  /* OUT */
};

struct weir_evtchn_bind_ipi {
    uint32_t vcpu; /* IN */
    uint32_t port; /* OUT */
};

struct weir_evtchn_close {
    uint32_t port; /* IN */
};

struct weir_evtchn_send {
    uint32_t port; /* IN: a local port */
};

enum weir_evtchn_status_value {
    WEIR_EVTCHNSTAT_CLOSED = 0,
    WEIR_EVTCHNSTAT_UNBOUND = 1,
    WEIR_EVTCHNSTAT_INTERDOMAIN = 2,
    WEIR_EVTCHNSTAT_PIRQ = 3,
    WEIR_EVTCHNSTAT_VIRQ = 4,
    WEIR_EVTCHNSTAT_IPI = 5,
};

struct weir_evtchn_status {
    uint16_t dom;    /* IN */
    uint32_t port;   /* IN */
    uint32_t status; /* OUT: enum weir_evtchn_status_value */
    uint32_t vcpu;   /* OUT: which vCPU it interrupts */
    union {
        struct {
            uint16_t dom;
        } unbound; /* who may bind */
        struct {
            uint16_t dom;
            uint32_t port;
        } interdomain; /* the other end */
        uint32_t pirq;
        uint32_t virq;
    } u; /* OUT */
};

struct weir_evtchn_bind_vcpu {
    uint32_t port; /* IN */
    uint32_t vcpu; /* IN */
};

struct weir_evtchn_unmask {
    uint32_t port; /* IN */
};

struct weir_evtchn_reset {
    uint16_t dom; /* IN */
};

/* Virtual interrupts: 0, 1, 7, 13 one for each vCPU, the others one a
 * domain. */
#define WEIR_VIRQ_TIMER   0u
#define WEIR_VIRQ_DEBUG   1u
#define WEIR_VIRQ_CONSOLE 2u
#define WEIR_VIRQ_DOM_EXC 3u /* a domain changed state */
#define WEIR_VIRQ_ARGO    11u
#define WEIR_NR_VIRQS     24u

/* Two levels: 64 selector bits by 64 pending bits. */
#define WEIR_EVTCHN_2L_CHANNELS 4096u
#define WEIR_LEGACY_MAX_VCPUS   32u

/* A clock page of one vCPU.  Odd version: being written.  Nanoseconds now =
 * system_time + (((tsc - tsc_timestamp) << tsc_shift) * tsc_to_system_mul)
 * >> 32, where a negative shift shifts right. */
struct weir_vcpu_time_info {
    uint32_t version;
    uint32_t pad0;
    uint64_t tsc_timestamp;
    uint64_t system_time; /* ns since the domain's start */
    uint32_t tsc_to_system_mul;
    int8_t tsc_shift;
    uint8_t flags; /* WEIR_PVCLOCK_* */
    uint8_t pad1[2];
};
#define WEIR_PVCLOCK_TSC_STABLE    1u
#define WEIR_PVCLOCK_GUEST_STOPPED 2u

struct weir_vcpu_info {
    uint8_t evtchn_upcall_pending; /* set by hypervisor, cleared by guest */
    uint8_t evtchn_upcall_mask;    /* PV guests only */
    uint8_t pad[6];
    uint64_t evtchn_pending_sel; /* set by hypervisor, taken by guest */
    uint64_t arch_cr2;
    uint64_t arch_pad;
    struct weir_vcpu_time_info time;
};

struct weir_arch_shared_info {
    uint64_t max_pfn;
    uint64_t pfn_to_mfn_frame_list_list;
    uint64_t nmi_reason;
    uint64_t p2m_cr3;
    uint64_t p2m_vaddr;
    uint64_t p2m_generation;
};

struct weir_shared_info {
    struct weir_vcpu_info vcpu_info[WEIR_LEGACY_MAX_VCPUS];
    uint64_t evtchn_pending[64];
    uint64_t evtchn_mask[64]; /* guest */
    uint32_t wc_version;      /* wall clock at the domain's start; as version */
    uint32_t wc_sec;
    uint32_t wc_nsec;
    uint32_t wc_sec_hi;
    struct weir_arch_shared_info arch;
};

_Static_assert(sizeof(struct weir_evtchn_alloc_unbound) == 8, "ABI");
_Static_assert(sizeof(struct weir_evtchn_bind_interdomain) == 12, "ABI");
_Static_assert(sizeof(struct weir_evtchn_status) == 24, "ABI");
_Static_assert(sizeof(struct weir_vcpu_time_info) == 32, "ABI");
_Static_assert(sizeof(struct weir_vcpu_info) == 64, "ABI");
_Static_assert(offsetof(struct weir_shared_info, evtchn_pending) == 2048,
               "ABI");
_Static_assert(offsetof(struct weir_shared_info, evtchn_mask) == 2560, "ABI");
_Static_assert(offsetof(struct weir_shared_info, wc_version) == 3072, "ABI");

#endif
