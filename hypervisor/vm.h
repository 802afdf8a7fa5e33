/* SPDX-License-Identifier: MIT
 *
 * A VM domain: KVM vCPUs over machine memory, with Xen's HVM/PVH ABI towards
 * the guest.  The second platform beside process domains (pagewin.h): frames,
 * grants, ports and quotas are the same tables in struct hv_domain.
 *
 * Guest-physical address space.  weir-hv reserves an address range of its own
 * for it, vm->base + gpa, whose pages are
 *   - own frames (RAM, from machine memory, several runs),
 *   - special frames (shared info, grant table, store and console ring),
 *   - foreign frames (grants mapped here: exactly that frame, by MAP_FIXED),
 *   - holes: private zero pages, read-only; a write to one ends the domain.
 * KVM's slots lie over that range, so its MMU notifiers carry every change
 * into the guest's translations before mmap returns.
 *
 * RAM: the first 3 GiB from 0, the rest from 4 GiB (vm_map.h).  Special pages
 * and hole below 4 GiB.
 *
 * Threads: one a domain (domain_run.c: building, console, ports, death) and
 * one a vCPU, which runs the guest and its hypercalls.
 *
 * Locks, outer first: vm->lock (changes of the address space: the p2m and the
 * mmap that goes with it; one change at a time), then the machine's lock
 * (tables, and every write to a p2m entry; who holds either lock may read
 * entries).  No mmap, munmap or ioctl under the machine's lock.
 *
 * Hypercalls come in one of two ways (hv_vm_xen):
 *   mode k  KVM has Xen support (KVM_CAP_XEN_HVM): KVM_EXIT_XEN, in-kernel
 *           EVTCHNOP_send and delivery, shared info and vcpu info attributes
 *   mode s  it has not: `out HV_PORT_CALL, eax` with eax = the number and the
 *           arguments in rdi rsi rdx r10 r8 (32-bit: ebx ecx edx esi edi),
 *           result in rax.  The hypercall page's stubs do that, and the loader
 *           puts it in place of Linux's vmcall.  weir-hv sets pending bits and
 *           injects the upcall vector.
 */
#ifndef WEIR_HYPERVISOR_VM_H
#define WEIR_HYPERVISOR_VM_H

#include "hypervisor/machine.h"
#include "hypervisor/vm_xen.h"
#include "ring/event_abi.h"

struct kvm_run;
struct hv_vm_slots;

#define HV_VCPUS_MAX 8
#define HV_PORT_CALL 0xe0 /* a hypercall; number in eax */
/* An EVTCHNOP_send of the hypercall page: eax = port.  Ports with a peer have
 * an ioeventfd here (datamatch eax) and never leave the kernel; for others
 * weir-hv does the send and adds a negative result to eax. */
#define HV_PORT_SEND  0xe1
#define HV_PORT_DEBUG 0xe9 /* a byte for the console's backlog, as on Xen */

/* What a guest-physical page is. */
enum hv_p2m_type {
    HV_P2M_HOLE = 0,
    HV_P2M_RAM,     /* own frame: may be granted, given back */
    HV_P2M_SPECIAL, /* own frame: neither */
    HV_P2M_FOREIGN, /* a grant; entry->handle names it */
};

struct hv_p2m_entry {
    uint32_t frame; /* mfn */
    uint32_t handle : 29;
    uint32_t type : 2; /* enum hv_p2m_type */
    uint32_t readonly : 1;
};

/* vm_mem.c.  gfn: guest frame number, gpa >> 12. */

/* With either lock.  A HOLE entry when gfn is outside the address space. */
struct hv_p2m_entry hv_p2m_get(const struct hv_vm *vm, uint64_t gfn);
/* The machine frame of an own RAM page, or 0: with the machine's lock; for
 * grants, whose entries name gfns. */
mfn_t hv_vm_own_frame(const struct hv_vm *vm, uint64_t gfn);
/* With vm->lock, without the machine's.  Put one page at gfn; what was there
 * is replaced (an own RAM frame there is given back, a foreign one refused:
 * -EBUSY).  -EINVAL: gfn outside the address space; -ENOMEM. */
int hv_vm_put(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what);
/* With vm->lock.  A hole at gfn; the frame's own bookkeeping is the caller's.
 */
int hv_vm_clear(struct hv_vm *vm, uint64_t gfn);
/* Fresh zeroed RAM at gfn, of the quota (populate_physmap).  With vm->lock. */
int hv_vm_populate(struct hv_vm *vm, uint64_t gfn);
/* Give the RAM page at gfn back (decrease_reservation).  With vm->lock. */
int hv_vm_give_back(struct hv_vm *vm, uint64_t gfn);

/* Bytes of guest memory; vCPU thread, no lock.  Linear addresses go through
 * the vCPU's page tables.  -EFAULT.  Short-lived copies: a page a guest gives
 * back meanwhile is harmless to others. */
int hv_vm_read_gpa(struct hv_vm *vm, uint64_t gpa, void *to, size_t len);
int hv_vm_write_gpa(struct hv_vm *vm, uint64_t gpa, const void *from,
                    size_t len);
int hv_vcpu_read(struct hv_vcpu *v, uint64_t linear, void *to, size_t len);
int hv_vcpu_write(struct hv_vcpu *v, uint64_t linear, const void *from,
                  size_t len);

/* A page that weir-hv itself writes for as long as the domain lives (vcpu
 * info, runstate, time): the own frame at gfn stays allocated though the guest
 * may give it back.  Returns weir-hv's own mapping of the byte, NULL when gfn
 * is no own page.  hv_vm_unhold when replaced and at the end. */
void *hv_vm_hold(struct hv_vm *vm, uint64_t gpa, mfn_t *frame);
void hv_vm_unhold(struct hv_vm *vm, mfn_t frame);

enum hv_vcpu_state { HV_VCPU_DOWN = 0, HV_VCPU_UP };

struct hv_vcpu {
    struct hv_vm *vm;
    unsigned id;
    int fd;
    struct kvm_run *run;
    pthread_t thread;
    bool started;           /* thread exists */
    uint32_t state;         /* enum hv_vcpu_state; vm->lock */
    uint64_t exits;         /* own thread; read by main */
    struct hv_vcpu_xen xen; /* vm_xen.h */
};

struct hv_vm {
    struct hv_domain *d;
    int fd;   /* KVM's VM */
    bool xen; /* mode k */
    pthread_mutex_t lock;
    uint8_t *base;             /* weir-hv's address of gpa 0 */
    uint64_t gfns;             /* size of the address space, pages */
    uint64_t ram_pages;        /* at start: the memory map shows this */
    struct hv_p2m_entry **p2m; /* chunks of 512 entries, NULL: all holes */
    unsigned nvcpus;
    struct hv_vcpu vcpu[HV_VCPUS_MAX];
    uint32_t stop;              /* set: vCPU threads leave their loops */
    uint32_t pause;             /* set: they wait */
    struct hv_vm_xen xen_state; /* vm_xen.h */
    struct hv_vm_slots *slots;  /* vm_mem.c's */
};

/* vm.c.  hv_vm_new: main thread, while the domain is in no table (its first
 * frames exist); hv_vm_free: when all its threads are joined. */
int hv_vm_new(struct hv_domain *d, const struct weir_hv_create *how);
void hv_vm_free(struct hv_vm *vm);
/* Any thread: make vCPU v leave guest mode (and any wait of a hypercall) soon.
 */
void hv_vcpu_kick(struct hv_vcpu *v);
/* Any thread; the guest did something that ends it: state CRASHED, reason. */
void hv_vm_crash(struct hv_vm *vm, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The guest shut itself down: state SHUTDOWN with Xen's SHUTDOWN_* code (crash
 * is CRASHED with a reason). */
void hv_vm_shutdown(struct hv_vm *vm, unsigned code);
/* Start (or stop) a secondary vCPU; its registers were set before. */
int hv_vcpu_up(struct hv_vcpu *v);

#endif
