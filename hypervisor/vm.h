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
 * entries).  No mmap or munmap under the machine's lock, and no ioctl but
 * those that raise an interrupt.
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

#include <linux/kvm.h>

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

#define HV_P2M_CHUNK 512 /* entries */

struct hv_p2m_entry {
    uint32_t frame; /* mfn */
    uint32_t handle : 29;
    uint32_t type : 2; /* enum hv_p2m_type */
    uint32_t readonly : 1;
};

/* vm_p2m.c, vm_mem.c.  gfn: guest frame number, gpa >> 12. */

/* With either lock.  A HOLE entry when gfn is outside the address space. */
struct hv_p2m_entry hv_p2m_get(const struct hv_vm *vm, uint64_t gfn);
/* The machine frame of an own page, or 0: with the machine's lock; for grants,
 * whose entries name gfns.  (The frame's type says whether it may be granted.)
 */
mfn_t hv_vm_own_frame(const struct hv_vm *vm, uint64_t gfn);
/* With vm->lock, without the machine's.  Put one page at gfn; what was there
 * is replaced (an own RAM frame there is given back, a foreign one refused:
 * -EBUSY).  -EINVAL: gfn outside the address space, or where the APICs are;
 * -ENOSPC: too many places or mappings; -ENOMEM. */
int hv_vm_put(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what);
/* With vm->lock.  A hole at gfn; the frame's own bookkeeping is the caller's.
 * When this fails (-ENOSPC, -ENOMEM) the page is still there. */
int hv_vm_clear(struct hv_vm *vm, uint64_t gfn);
/* Fresh zeroed RAM at gfn, which is a hole (-EBUSY), of the quota
 * (populate_physmap).  With vm->lock. */
int hv_vm_populate(struct hv_vm *vm, uint64_t gfn);
/* Give the RAM page at gfn back (decrease_reservation); -EINVAL when there is
 * none.  With vm->lock. */
int hv_vm_give_back(struct hv_vm *vm, uint64_t gfn);

/* Bytes of guest memory; vCPU thread, no lock held (they take the machine's a
 * page at a time).  Linear addresses go through the vCPU's page tables.
 * -EFAULT: not all of it is there, or writable. */
int hv_vm_read_gpa(struct hv_vm *vm, uint64_t gpa, void *to, size_t len);
int hv_vm_write_gpa(struct hv_vm *vm, uint64_t gpa, const void *from,
                    size_t len);
int hv_vcpu_read(struct hv_vcpu *v, uint64_t linear, void *to, size_t len);
/* Where the vCPU's page tables have that address; -EFAULT. */
int hv_vcpu_gpa(struct hv_vcpu *v, uint64_t linear, uint64_t *gpa);
int hv_vcpu_write(struct hv_vcpu *v, uint64_t linear, const void *from,
                  size_t len);

/* A page that weir-hv itself writes for as long as the domain lives (vcpu
 * info, runstate, time): the own frame at gfn stays allocated though the guest
 * may give it back.  Returns weir-hv's own mapping of the byte, NULL when gfn
 * is no own page.  hv_vm_unhold when replaced and at the end.  Both take the
 * machine's lock. */
void *hv_vm_hold(struct hv_vm *vm, uint64_t gpa, mfn_t *frame);
void hv_vm_unhold(struct hv_vm *vm, mfn_t frame);

/* vCPU 0 is up from the start; others when they run first (their local APIC
 * got a SIPI) or by hv_vcpu_up. */
enum hv_vcpu_state { HV_VCPU_DOWN = 0, HV_VCPU_UP };

struct hv_vcpu {
    struct hv_vm *vm;
    unsigned id;
    int fd;
    struct kvm_run *run; /* registers in s.regs: valid on every exit */
    pthread_t thread;
    bool started;   /* thread exists; domain's thread */
    uint32_t tid;   /* of its thread, 0 when that is not there */
    int wake;       /* eventfd: hv_vcpu_kick adds to it */
    uint32_t state; /* enum hv_vcpu_state; atomic */
    /* Own thread, during one exit: the linear page translated last, plus 1,
     * and where it is. */
    uint64_t linear, gpa;
    uint64_t seen_rip;       /* own thread: of the exit before */
    struct hv_vcpu_boot *up; /* vm->lock: registers to start with */
    uint64_t exits, calls;   /* own thread; read by main */
    uint64_t refused;        /* accesses to devices that are not there */
    struct hv_vcpu_xen xen;  /* vm_xen.h */
};

struct hv_vm {
    struct hv_domain *d;
    int fd;   /* KVM's VM */
    bool xen; /* mode k */
    pthread_mutex_t lock;
    uint8_t *base;      /* weir-hv's address of gpa 0 */
    uint64_t gfns;      /* size of the address space, pages */
    uint64_t ram_pages; /* at start: the memory map shows this */
    struct hv_p2m_entry *
        *p2m; /* chunks of HV_P2M_CHUNK entries, NULL: all holes */
    unsigned nvcpus;
    struct hv_vcpu vcpu[HV_VCPUS_MAX];
    uint32_t stop;              /* set: vCPU threads leave their loops */
    uint32_t pause;             /* set: they wait */
    uint32_t ended;             /* set: it ended itself, in state end */
    enum weir_dom_state end;    /* (L) CRASHED or SHUTDOWN */
    uint32_t shutdown;          /* (L) Xen's code */
    uint32_t go;                /* VM_START came; (L) the two that follow */
    uint32_t entry, start_info; /* what vCPU 0 starts with */
    uint64_t populated;         /* pages of RAM; domain's thread */
    bool running;               /* likewise: vCPUs were started */
    struct hv_vm_xen xen_state; /* vm_xen.h */
    struct hv_vm_slots *slots;  /* vm_mem.c's */
};

/* vm_new.c.  hv_vm_new: main thread, while the domain is in no table (its first
 * frames exist).  All vCPUs exist when it calls hv_vm_xen_init, none runs.
 * -ENODEV: no /dev/kvm. */
int hv_vm_new(struct hv_domain *d, const struct weir_hv_create *how);
/* vm.c. */
/* The domain's thread: a step of its building, or its start; true when there
 * is more to do at once.  Tells when it has ended. */
bool hv_vm_turn(struct hv_vm *vm);
/* Likewise: no vCPU runs any more, nothing is mapped.  Before hv_domain_drop;
 * also for a domain that never ran. */
void hv_vm_end(struct hv_vm *vm);
void hv_vm_free(struct hv_vm *vm);
/* Main thread; once. */
void hv_vm_start(struct hv_vm *vm, uint32_t entry, uint32_t start_info);
/* Main thread, with the machine's lock. */
void hv_vm_pause(struct hv_vm *vm, bool pause);
void hv_vm_info(const struct hv_vm *vm, struct weir_hv_dominfo *out);
/* Main thread: weir_hvctl_vm_load, for at most WEIR_HVCTL_LOAD_MAX bytes. */
int hv_vm_load(struct hv_vm *vm, int memfd, uint64_t offset, uint64_t length,
               uint64_t gpa);
/* A thread of the domain, or any with the machine's lock: make vCPU v leave
 * guest mode and hv_vcpu_wait soon. */
void hv_vcpu_kick(struct hv_vcpu *v);
/* Own thread: sleep until kicked, at most timeout_ns (negative: no limit).
 * What is waited for, and vm->stop and vm->pause, are looked at after. */
void hv_vcpu_wait(struct hv_vcpu *v, int64_t timeout_ns);
/* A thread of the domain: the guest did something that ends it: state CRASHED,
 * reason. */
void hv_vm_crash(struct hv_vm *vm, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* The guest shut itself down: state SHUTDOWN with Xen's SHUTDOWN_* code (crash
 * is CRASHED with a reason). */
void hv_vm_shutdown(struct hv_vm *vm, unsigned code);

/* vm_run.c.  A vCPU's thread. */
void *hv_vcpu_run(void *vcpu);
/* vm_start.c.  Own thread: the first vCPU's registers; registers that somebody
 * left for a secondary one. */
void hv_vcpu_first(struct hv_vcpu *v);
void hv_vcpu_look(struct hv_vcpu *v);
/* Any vCPU thread: start secondary vCPU v (VCPUOP_initialise, then _up) with
 * these registers instead of by SIPI; it is down until hv_vcpu_up.  -EEXIST:
 * it is up.  hv_vcpu_up: -EINVAL without registers. */
struct hv_vcpu_boot {
    struct kvm_regs regs;
    struct kvm_sregs sregs; /* APIC base is kept */
    bool go;
};
int hv_vcpu_init(struct hv_vcpu *v, const struct hv_vcpu_boot *how);
int hv_vcpu_up(struct hv_vcpu *v);
/* Flat 32-bit protected mode, as PVH starts (start_abi.h). */
void hv_vcpu_flat(struct hv_vcpu_boot *b, uint32_t entry, uint32_t ebx);

/* vm_cpuid.c: before its first run. */
int hv_vcpu_cpuid(struct hv_vcpu *v);
/* MSR accesses that KVM leaves to weir-hv; false: the guest gets #GP. */
bool hv_vcpu_msr(struct hv_vcpu *v, bool write, uint32_t msr, uint64_t *value);

/* vm_seccomp.c: from now on the calling thread makes only the calls that a
 * VM's threads need. */
int hv_vm_seccomp(void);

/* vm_p2m.c; vm->lock, writes with the machine's too. */
int hv_p2m_init(struct hv_vm *vm, uint64_t gfns);
void hv_p2m_fini(struct hv_vm *vm);
int hv_p2m_set(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what);
/* A chunk for gfn, so that hv_p2m_set can't fail. */
int hv_p2m_room(struct hv_vm *vm, uint64_t gfn);
/* Mappings of the process that begin at gfn or gfn + 1: how many more there
 * would be with what at gfn. */
int hv_p2m_seams(const struct hv_vm *vm, uint64_t gfn,
                 struct hv_p2m_entry what);
/* The slot that page gfn belongs into, for so many pages of RAM; -EINVAL: no
 * place for pages. */
int hv_p2m_slot(uint64_t ram_pages, uint64_t gfns, uint64_t gfn,
                uint64_t *first, uint64_t *count);

/* vm_mem.c's part of hv_vm_new and hv_vm_end. */
int hv_vm_mem_init(struct hv_vm *vm);
void hv_vm_unmap(struct hv_vm *vm);
void hv_vm_mem_fini(struct hv_vm *vm);
/* vm->lock: guest memory could be at gfn (a KVM slot covers it). */
bool hv_vm_in_slot(const struct hv_vm *vm, uint64_t gfn);

#endif
