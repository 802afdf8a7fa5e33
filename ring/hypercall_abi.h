/* SPDX-License-Identifier: MIT
 *
 * Manual of the hypercalls of a VM domain, x86-64.
 *                                               WEIR_HYPERCALL_ABI_VERSION 1
 *
 * A hypercall is a call of entry nr * 32 of the hypercall page (the guest has
 * the page written by putting its guest-physical address into the MSR that
 * CPUID names) or, on Xen itself, the vmcall or vmmcall that is in it.
 *
 *   number          the entry; eax
 *   arguments 1-5   rdi rsi rdx r10 r8; pointers are linear addresses
 *   result          rax: 0 or a count, or the negative of a weir_error
 *   kept            every other register
 *
 * The caller is a 64-bit kernel.  32-bit callers have
 * ebx ecx edx esi edi and other structs: not offered, -WEIR_ENOSYS.
 *
 * Unknown number or command: -WEIR_ENOSYS.  A pointer to nothing: -WEIR_EFAULT,
 * and what was done before it stays done.  Domid fields: WEIR_DOMID_SELF, or
 * the caller's own.
 *
 * Not offered (-WEIR_ENOSYS): multicalls, stopping a vCPU, periodic timers,
 * non-maskable and physical interrupts.
 *
 * What each command takes: below, with its struct.  Grant operations (20) are
 * in grant_abi.h, event-channel operations (32) in event_abi.h.
 */
#ifndef WEIR_RING_HYPERCALL_ABI_H
#define WEIR_RING_HYPERCALL_ABI_H

#include <stddef.h>
#include <stdint.h>

#define WEIR_HYPERCALL_ABI_VERSION 1

/* Bytes of an entry of the hypercall page, and how many are there. */
#define WEIR_HYPERCALL_STUB  32u
#define WEIR_HYPERCALL_STUBS 128u

enum weir_hypercall {
    WEIR_HYPERCALL_SET_TRAP_TABLE = 0,  /* the PV guest's are not offered */
    WEIR_HYPERCALL_MEMORY_OP = 12,      /* command, struct */
    WEIR_HYPERCALL_MULTICALL = 13,      /* struct weir_multicall_entry, count */
    WEIR_HYPERCALL_SET_TIMER_OP = 15,   /* ns of system time; 0: none */
    WEIR_HYPERCALL_XEN_VERSION = 17,    /* command, buffer */
    WEIR_HYPERCALL_CONSOLE_IO = 18,     /* command, count, buffer */
    WEIR_HYPERCALL_GRANT_TABLE_OP = 20, /* command, array, count */
    WEIR_HYPERCALL_VM_ASSIST = 21,      /* command, type */
    WEIR_HYPERCALL_VCPU_OP = 24,        /* command, vCPU, struct */
    WEIR_HYPERCALL_XSM_OP = 27,
    WEIR_HYPERCALL_SCHED_OP = 29,         /* command, struct */
    WEIR_HYPERCALL_EVENT_CHANNEL_OP = 32, /* command, struct */
    WEIR_HYPERCALL_PHYSDEV_OP = 33,       /* command, struct */
    WEIR_HYPERCALL_HVM_OP = 34,           /* command, struct */
    WEIR_HYPERCALL_SYSCTL = 35,
    WEIR_HYPERCALL_DOMCTL = 36,
    WEIR_HYPERCALL_XENPMU_OP = 40,
};

/* A hypercall of a list; result is written. */
struct weir_multicall_entry {
    uint64_t op;
    uint64_t result;
    uint64_t args[6];
};

/* Where Xen has the MSR that makes a page the hypercall page; CPUID tells it
 * (start_abi.h). */
#define WEIR_XEN_HYPERCALL_MSR 0x40000000u

/* ---- xen_version ---- */
enum weir_xenver {
    WEIR_XENVER_VERSION = 0,             /* returns major << 16 | minor */
    WEIR_XENVER_EXTRAVERSION = 1,        /* 16 bytes, text */
    WEIR_XENVER_COMPILE_INFO = 2,        /* struct weir_xen_compile_info */
    WEIR_XENVER_CAPABILITIES = 3,        /* 1024 bytes, text */
    WEIR_XENVER_CHANGESET = 4,           /* 64 bytes, text */
    WEIR_XENVER_PLATFORM_PARAMETERS = 5, /* uint64_t */
    WEIR_XENVER_GET_FEATURES = 6,        /* struct weir_xen_feature_info */
    WEIR_XENVER_PAGESIZE = 7,            /* returns 4096 */
    WEIR_XENVER_GUEST_HANDLE = 8,        /* 16 bytes */
    WEIR_XENVER_COMMANDLINE = 9,         /* 1024 bytes, text */
    WEIR_XENVER_BUILD_ID = 10,
};
#define WEIR_XENVER_EXTRAVERSION_LEN 16u
#define WEIR_XENVER_CAPABILITIES_LEN 1024u
#define WEIR_XENVER_CHANGESET_LEN    64u
#define WEIR_XENVER_HANDLE_LEN       16u

struct weir_xen_compile_info {
    char compiler[64];
    char compile_by[16];
    char compile_domain[32];
    char compile_date[32];
};

struct weir_xen_feature_info {
    uint32_t submap_idx; /* IN */
    uint32_t submap;     /* OUT: 1 << WEIR_XENFEAT_* */
};

enum weir_xenfeat {
    WEIR_XENFEAT_WRITABLE_PAGE_TABLES = 0,
    WEIR_XENFEAT_WRITABLE_DESCRIPTOR_TABLES = 1,
    WEIR_XENFEAT_AUTO_TRANSLATED_PHYSMAP = 2, /* frame numbers are guest's */
    WEIR_XENFEAT_SUPERVISOR_MODE_KERNEL = 3,
    WEIR_XENFEAT_PAE_PGDIR_ABOVE_4GB = 4,
    WEIR_XENFEAT_MMU_PT_UPDATE_PRESERVE_AD = 5,
    WEIR_XENFEAT_HIGHMEM_ASSIST = 6,
    WEIR_XENFEAT_GNTTAB_MAP_AVAIL_BITS = 7,
    WEIR_XENFEAT_HVM_CALLBACK_VECTOR = 8,
    WEIR_XENFEAT_HVM_SAFE_PVCLOCK = 9,
    WEIR_XENFEAT_HVM_PIRQS = 10,
    WEIR_XENFEAT_DOM0 = 11,
    WEIR_XENFEAT_MEMORY_OP_VNODE_SUPPORTED = 13,
};

/* ---- memory_op ---- */
enum weir_xenmem {
    WEIR_XENMEM_INCREASE_RESERVATION = 0, /* struct weir_xen_memory_ */
    WEIR_XENMEM_DECREASE_RESERVATION = 1, /* reservation; returns the */
    WEIR_XENMEM_POPULATE_PHYSMAP = 6,     /* number of extents done */
    WEIR_XENMEM_MAXIMUM_RAM_PAGE = 2,     /* returns a frame number */
    WEIR_XENMEM_CURRENT_RESERVATION = 3,  /* struct weir_xen_memory_domain; */
    WEIR_XENMEM_MAXIMUM_RESERVATION = 4,  /* returns pages */
    WEIR_XENMEM_MAXIMUM_GPFN = 14,        /* the same; a frame number */
    WEIR_XENMEM_ADD_TO_PHYSMAP = 7,
    WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH = 23,
    WEIR_XENMEM_REMOVE_FROM_PHYSMAP = 15,
    WEIR_XENMEM_MEMORY_MAP = 9,
    WEIR_XENMEM_MACHINE_MEMORY_MAP = 10, /* privileged: -WEIR_EPERM */
    WEIR_XENMEM_EXCHANGE = 11,
};

struct weir_xen_memory_reservation {
    uint64_t extent_start; /* IN: address of nr_extents uint64_t: the first
                              frame of each; increase: OUT */
    uint64_t nr_extents;   /* IN */
    uint32_t extent_order; /* IN: 2^n pages each */
    uint32_t mem_flags;    /* IN: ignored */
    uint16_t domid;        /* IN */
};

struct weir_xen_memory_domain {
    uint16_t domid; /* IN */
};

enum weir_xenmapspace {
    WEIR_XENMAPSPACE_SHARED_INFO = 0,
    WEIR_XENMAPSPACE_GRANT_TABLE = 1, /* idx: frame of the table */
    WEIR_XENMAPSPACE_GMFN = 2,        /* idx: own frame to move; -WEIR_EINVAL */
    WEIR_XENMAPSPACE_GMFN_RANGE = 3,
    WEIR_XENMAPSPACE_GMFN_FOREIGN = 4, /* privileged */
    WEIR_XENMAPSPACE_DEV_MMIO = 5,
};
#define WEIR_XENMAPIDX_GRANT_TABLE_STATUS 0x80000000u

struct weir_xen_add_to_physmap {
    uint16_t domid; /* IN */
    uint16_t size;  /* IN: pages of GMFN_RANGE */
    uint32_t space; /* IN: enum weir_xenmapspace */
    uint64_t idx;   /* IN */
    uint64_t gpfn;  /* IN: where it appears; RAM there is given back */
};

struct weir_xen_add_to_physmap_batch {
    uint16_t domid; /* IN */
    uint16_t space; /* IN */
    uint16_t size;  /* IN: elements */
    uint16_t extra; /* IN: 0, or the foreign domid */
    uint64_t idxs;  /* IN: address of size uint64_t */
    uint64_t gpfns; /* IN: the same */
    uint64_t errs;  /* IN: address of size int32_t, filled */
};

struct weir_xen_remove_from_physmap {
    uint16_t domid; /* IN */
    uint64_t gpfn;  /* IN */
};

struct weir_xen_memory_map {
    uint32_t nr_entries; /* IN: room; OUT: written */
    uint64_t buffer;     /* IN: address of struct weir_e820entry */
};

struct weir_e820entry {
    uint64_t addr, size; /* bytes */
    uint32_t type;       /* 1 RAM, 2 reserved, 3 ACPI */
} __attribute__((packed));

/* ---- sched_op ---- */
enum weir_schedop {
    WEIR_SCHEDOP_YIELD = 0,
    WEIR_SCHEDOP_BLOCK = 1,    /* until an event is pending */
    WEIR_SCHEDOP_SHUTDOWN = 2, /* struct weir_sched_shutdown */
    WEIR_SCHEDOP_POLL = 3,     /* struct weir_sched_poll */
    WEIR_SCHEDOP_REMOTE_SHUTDOWN = 4,
    WEIR_SCHEDOP_SHUTDOWN_CODE = 5, /* struct weir_sched_shutdown: only the
                                       code that a later shutdown tells */
    WEIR_SCHEDOP_WATCHDOG = 6,
    WEIR_SCHEDOP_PIN_OVERRIDE = 7,
};

struct weir_sched_shutdown {
    uint32_t reason; /* IN: enum weir_shutdown */
};

enum weir_shutdown {
    WEIR_SHUTDOWN_POWEROFF = 0,
    WEIR_SHUTDOWN_REBOOT = 1,
    WEIR_SHUTDOWN_SUSPEND = 2,
    WEIR_SHUTDOWN_CRASH = 3,
    WEIR_SHUTDOWN_WATCHDOG = 4,
    WEIR_SHUTDOWN_SOFT_RESET = 5,
};

/* Sleep until one of the ports is pending, or the time has come; masked ports
 * count too.  At most WEIR_SCHED_POLL_MAX ports. */
struct weir_sched_poll {
    uint64_t ports; /* IN: address of nr_ports uint32_t */
    uint32_t nr_ports;
    uint64_t timeout; /* IN: ns of system time; 0: none */
};
#define WEIR_SCHED_POLL_MAX 128u

/* ---- vcpu_op ---- */
enum weir_vcpuop {
    WEIR_VCPUOP_INITIALISE = 0,        /* struct weir_vcpu_hvm_context */
    WEIR_VCPUOP_UP = 1,                /* none */
    WEIR_VCPUOP_DOWN = 2,              /* none */
    WEIR_VCPUOP_IS_UP = 3,             /* none; returns 0 or 1 */
    WEIR_VCPUOP_GET_RUNSTATE_INFO = 4, /* struct weir_vcpu_runstate_info */
    WEIR_VCPUOP_REGISTER_RUNSTATE_MEMORY_AREA = 5, /* struct weir_vcpu_area */
    WEIR_VCPUOP_SET_PERIODIC_TIMER = 6,
    WEIR_VCPUOP_STOP_PERIODIC_TIMER = 7,   /* none */
    WEIR_VCPUOP_SET_SINGLESHOT_TIMER = 8,  /* own vCPU only, as all timers */
    WEIR_VCPUOP_STOP_SINGLESHOT_TIMER = 9, /* none */
    WEIR_VCPUOP_REGISTER_VCPU_INFO = 10,   /* once for each vCPU */
    WEIR_VCPUOP_SEND_NMI = 11,
    WEIR_VCPUOP_GET_PHYSID = 12,
    WEIR_VCPUOP_REGISTER_VCPU_TIME_MEMORY_AREA = 13, /* struct weir_vcpu_area */
};

struct weir_vcpu_runstate_info {
    int32_t state;             /* WEIR_RUNSTATE_* */
    uint64_t state_entry_time; /* ns of system time */
    uint64_t time[4];          /* ns spent in each state */
};
#define WEIR_RUNSTATE_RUNNING  0
#define WEIR_RUNSTATE_RUNNABLE 1
#define WEIR_RUNSTATE_BLOCKED  2
#define WEIR_RUNSTATE_OFFLINE  3
/* In state_entry_time while the rest is written (vm_assist 5). */
#define WEIR_RUNSTATE_UPDATE (UINT64_C(1) << 63)

/* Where the guest wants a copy kept; 0: nowhere any more. */
struct weir_vcpu_area {
    uint64_t addr; /* IN: linear address, within one page */
};

struct weir_vcpu_set_periodic_timer {
    uint64_t period_ns; /* IN */
};

struct weir_vcpu_set_singleshot_timer {
    uint64_t timeout_abs_ns; /* IN: of system time */
    uint32_t flags;          /* IN: WEIR_VCPU_SSHOTTMR_FUTURE */
};
#define WEIR_VCPU_SSHOTTMR_FUTURE                                              \
    1u /* past: -62 (ETIME) instead of an event                                \
        */

struct weir_vcpu_register_vcpu_info {
    uint64_t mfn;    /* IN: frame, guest physical */
    uint32_t offset; /* IN: struct weir_vcpu_info lies within the page */
    uint32_t rsvd;
};

struct weir_vcpu_get_physid {
    uint64_t phys_id; /* OUT: ACPI id << 32 | APIC id */
};

/* Registers of a vCPU to be started. */
struct weir_vcpu_hvm_context {
    uint32_t mode; /* IN: 0 32-bit, 1 64-bit */
    uint32_t pad;
    union {
        struct {
            uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi, eip, eflags;
            uint32_t cr0, cr3, cr4;
            uint32_t pad1;
            uint64_t efer;
            uint32_t cs_base, ds_base, ss_base, es_base, tr_base;
            uint32_t cs_limit, ds_limit, ss_limit, es_limit, tr_limit;
            uint16_t cs_ar, ds_ar, ss_ar, es_ar, tr_ar, pad2[3];
        } x86_32;
        struct {
            uint64_t rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi, rip, rflags;
            uint64_t cr0, cr3, cr4, efer;
        } x86_64;
    } u;
};
#define WEIR_VCPU_HVM_MODE_32B 0u
#define WEIR_VCPU_HVM_MODE_64B 1u

/* ---- hvm_op ---- */
enum weir_hvmop {
    WEIR_HVMOP_SET_PARAM = 0,
    WEIR_HVMOP_GET_PARAM = 1,
    WEIR_HVMOP_FLUSH_TLBS = 5,
    WEIR_HVMOP_PAGETABLE_DYING = 9, /* -WEIR_ENOSYS */
    WEIR_HVMOP_GET_TIME = 10,       /* struct weir_xen_hvm_get_time */
    WEIR_HVMOP_GET_MEM_TYPE = 15,
    WEIR_HVMOP_SET_EVTCHN_UPCALL_VECTOR = 23,
};

struct weir_xen_hvm_param {
    uint16_t domid; /* IN */
    uint16_t pad;
    uint32_t index; /* IN: WEIR_HVM_PARAM_* */
    uint64_t value; /* IN or OUT */
};

/* type << 56 | vector: interrupts the vCPU as long as its upcall is pending.
 * Without WEIR_XENFEAT_HVM_CALLBACK_VECTOR it comes by the vCPU's local APIC,
 * where the guest has to end it, as with an upcall vector of the vCPU. */
#define WEIR_HVM_PARAM_CALLBACK_IRQ   0u
#define WEIR_HVM_PARAM_STORE_PFN      1u /* this and the next: read only */
#define WEIR_HVM_PARAM_STORE_EVTCHN   2u
#define WEIR_HVM_PARAM_CONSOLE_PFN    17u
#define WEIR_HVM_PARAM_CONSOLE_EVTCHN 18u
#define WEIR_HVM_NR_PARAMS            39u
#define WEIR_HVM_CALLBACK_TYPE_VECTOR 2u

struct weir_xen_hvm_get_time {
    uint64_t now; /* OUT: ns of system time */
};

struct weir_xen_hvm_get_mem_type {
    uint16_t domid;    /* IN */
    uint16_t mem_type; /* OUT: WEIR_HVMMEM_* */
    uint16_t pad[2];
    uint64_t pfn; /* IN */
};
#define WEIR_HVMMEM_RAM_RW  0u
#define WEIR_HVMMEM_RAM_RO  1u
#define WEIR_HVMMEM_MMIO_DM 2u

/* Events of the vCPU interrupt it by this vector of its local APIC. */
struct weir_xen_hvm_evtchn_upcall_vector {
    uint32_t vcpu;  /* IN */
    uint8_t vector; /* IN: at least 16 */
};

/* ---- console_io ---- */
#define WEIR_CONSOLEIO_WRITE 0u
#define WEIR_CONSOLEIO_READ  1u

/* ---- vm_assist ---- */
#define WEIR_VMASST_CMD_ENABLE                0u
#define WEIR_VMASST_CMD_DISABLE               1u
#define WEIR_VMASST_TYPE_RUNSTATE_UPDATE_FLAG 5u

/* ---- physdev_op: a domain without devices has none of this ---- */
enum weir_physdevop {
    WEIR_PHYSDEVOP_IRQ_STATUS_QUERY = 5,
    WEIR_PHYSDEVOP_EOI = 12,
    WEIR_PHYSDEVOP_MAP_PIRQ = 13,
    WEIR_PHYSDEVOP_UNMAP_PIRQ = 14,
    WEIR_PHYSDEVOP_GET_FREE_PIRQ = 23,
    WEIR_PHYSDEVOP_PIRQ_EOI_GMFN_V2 = 28,
};

_Static_assert(sizeof(struct weir_multicall_entry) == 64, "ABI");
_Static_assert(sizeof(struct weir_xen_compile_info) == 144, "ABI");
_Static_assert(sizeof(struct weir_xen_memory_reservation) == 32, "ABI");
_Static_assert(sizeof(struct weir_xen_add_to_physmap) == 24, "ABI");
_Static_assert(sizeof(struct weir_xen_add_to_physmap_batch) == 32, "ABI");
_Static_assert(sizeof(struct weir_xen_memory_map) == 16, "ABI");
_Static_assert(sizeof(struct weir_e820entry) == 20, "ABI");
_Static_assert(sizeof(struct weir_sched_poll) == 24, "ABI");
_Static_assert(sizeof(struct weir_vcpu_runstate_info) == 48, "ABI");
_Static_assert(sizeof(struct weir_vcpu_register_vcpu_info) == 16, "ABI");
_Static_assert(sizeof(struct weir_xen_hvm_param) == 16, "ABI");

#endif
