/* SPDX-License-Identifier: MIT
 *
 * Control client: what the device manager and the tools ask of weir-hv, over
 * its control socket (STATE/hv.sock, root or its owner only).  Calls return 0
 * or -errno, block for one round trip and may be used by one thread at a time
 * per handle.
 */
#ifndef WEIR_HYPERVISOR_CLIENT_CONTROL_H
#define WEIR_HYPERVISOR_CLIENT_CONTROL_H

#include "ring/hypercall_abi.h"
#include "ring/port.h"

struct weir_hvctl;

enum weir_dom_state {
    WEIR_DOM_BUILDING = 0,
    WEIR_DOM_RUNNING,
    WEIR_DOM_PAUSED,
    WEIR_DOM_DYING,
    WEIR_DOM_CRASHED,
    WEIR_DOM_SHUTDOWN, /* a VM ended itself; shutdown (WEIR_SHUTDOWN_*) says
                          how */
};

enum weir_dom_kind { WEIR_DOM_PROCESS = 0, WEIR_DOM_VM };

struct weir_hv_create {
    const char *name; /* at most 63 bytes; unique among live domains */
    enum weir_dom_kind kind;
    domid_t domid;       /* 0: weir-hv chooses (1..32751) */
    uint32_t max_frames; /* machine memory quota, 4096-byte pages */
    uint32_t max_grants; /* grant-table frames; 0: the default, 64 */
    uint32_t max_ports;  /* event channels; 0: the default, 1024 */
    uint32_t max_maps;   /* foreign frames mapped; 0: the default, 65536 */
    bool has_store;      /* give it a xenstore ring page and port, granted
                            and reserved to domain store_domid */
    domid_t store_domid;
    uint32_t vcpus; /* VM: 1..8 */
    uint64_t ram;   /* VM: 4096-byte pages at start, <= max_frames */
};

struct weir_hv_dominfo {
    domid_t domid;
    char name[64];
    enum weir_dom_kind kind;
    enum weir_dom_state state;
    char reason[160]; /* why it crashed or is dying, "" otherwise */
    int32_t pid;      /* of a process domain, in weir-hv's pid namespace;
                         0 before HELLO */
    uint32_t frames, max_frames;
    uint32_t grants_active, grants_mapped; /* own grants in use by others;
                                              foreign frames mapped here */
    uint32_t ports, max_ports, max_maps;
    uint64_t store_frame;       /* for XS_INTRODUCE */
    evtchn_port_t store_evtchn; /* the domain's own end */
    evtchn_port_t console_evtchn;
    uint64_t faults, hypercalls, io_refused;
    uint64_t uptime_ns;
    uint32_t vcpus;      /* VM: vCPUs, 0 for a process domain */
    uint32_t shutdown;   /* enum weir_shutdown, in state SHUTDOWN */
    bool xen_hvm;        /* VM: KVM's own Xen support is used */
    uint32_t generation; /* of its program: times it was revived */
};

int weir_hvctl_open(const char *socket_path, struct weir_hvctl **out);
void weir_hvctl_close(struct weir_hvctl *c);
int weir_hvctl_fd(struct weir_hvctl *c);

/* Process: *domain_fd is the socket to hand to the domain's program as
 * WEIR_FD_HV; the domain is BUILDING until that program is sealed and verified.
 * VM: *domain_fd is -1; the domain is BUILDING until weir_hvctl_vm_start.
 * -ENODEV: there is no usable /dev/kvm. */
int weir_hvctl_create(struct weir_hvctl *c, const struct weir_hv_create *how,
                      domid_t *domid, int *domain_fd);
/* VM, while BUILDING: copy length bytes at offset of a memfd (nothing else is
 * taken: it can't make weir-hv wait) to guest-physical address gpa.  -ERANGE:
 * not all of that is RAM; -ENOTTY: no memfd. */
int weir_hvctl_vm_load(struct weir_hvctl *c, domid_t domid, int memfd,
                       uint64_t offset, uint64_t length, uint64_t gpa);
/* VM: vCPU 0 starts at entry in 32-bit protected mode, flat, paging off, ebx =
 * start_info (start_abi.h), as soon as all its memory is there. */
int weir_hvctl_vm_start(struct weir_hvctl *c, domid_t domid, uint32_t entry,
                        uint32_t start_info);
/* Kills the program and frees what nobody maps.  Returns when it is dead;
 * frames still mapped by others are freed with their last mapping. */
int weir_hvctl_destroy(struct weir_hvctl *c, domid_t domid);
/* A process domain that is CRASHED is BUILDING again, with its domid, name,
 * quotas and kept frames; *domain_fd as of create.  Its predecessor is gone for
 * good: no thread of it, no mapping, no device I/O in flight.  Introduce
 * it to the registry again after (XS_INTRODUCE: its nodes stay; RELEASE would
 * remove them).  -EBUSY: others map frames of it, beside its store page. */
int weir_hvctl_revive(struct weir_hvctl *c, domid_t domid, int *domain_fd);
int weir_hvctl_pause(struct weir_hvctl *c, domid_t domid);
int weir_hvctl_unpause(struct weir_hvctl *c, domid_t domid);
int weir_hvctl_info(struct weir_hvctl *c, domid_t domid,
                    struct weir_hv_dominfo *out);
/* Domains with a domid >= first, ascending: up to max; *n is what was found. */
int weir_hvctl_list(struct weir_hvctl *c, domid_t first,
                    struct weir_hv_dominfo *out, unsigned max, unsigned *n);
/* Copy of the domain's statistics page; -ENODATA when it published none. */
int weir_hvctl_stats(struct weir_hvctl *c, domid_t domid,
                     uint8_t page[WEIR_PAGE_SIZE]);
/* Console: *fd is a stream socket; reads give the domain's output from the
 * retained backlog (64 KiB) on, writes become its input. */
int weir_hvctl_console(struct weir_hvctl *c, domid_t domid, int *fd);
/* From now on c is an event stream: fd polls readable and
 * weir_hvctl_next_event gives each domain that changed state. */
int weir_hvctl_subscribe(struct weir_hvctl *c);
int weir_hvctl_next_event(struct weir_hvctl *c, struct weir_hv_dominfo *out);

/* What the device manager leaves with weir-hv so that a successor can go on:
 * descriptors under a key.  weir-hv looks at none of them.  Records live as
 * long as weir-hv; one is replaced as a whole, so it is the old or the new one
 * at a kill.  Close one's own copy last: the last close of a file may take
 * long. */
#define WEIR_STASH_FDS     16
#define WEIR_STASH_RECORDS 4096
/* Copies of fds[0..n), n from 1, in the place of what key had.  -ENOSPC: too
 * many records; -EMFILE: too many descriptors are kept (an eighth of weir-hv's
 * limit).  What key had stays then. */
int weir_hvctl_stash(struct weir_hvctl *c, uint64_t key, const int *fds,
                     unsigned n);
/* -ENOENT: nothing under key. */
int weir_hvctl_unstash(struct weir_hvctl *c, uint64_t key);
/* The record with the lowest key >= first, copies of its descriptors
 * (close-on-exec) for the caller to close; -ENOENT: no more; -EMFILE: the
 * caller has no room for them. */
int weir_hvctl_stashed(struct weir_hvctl *c, uint64_t first, uint64_t *key,
                       int fds[WEIR_STASH_FDS], unsigned *n);

enum weir_io_kind { WEIR_IO_PORT, WEIR_IO_MEM, WEIR_IO_IRQ, WEIR_IO_PCI };
struct weir_io_range {
    enum weir_io_kind kind;
    uint64_t first, last; /* inclusive: ports; machine frames; interrupts;
                             PCI segment << 16 | bus << 8 | devfn */
};
int weir_hvctl_io_permit(struct weir_hvctl *c, domid_t domid,
                         const struct weir_io_range *r);
int weir_hvctl_io_deny(struct weir_hvctl *c, domid_t domid,
                       const struct weir_io_range *r);
int weir_hvctl_io_list(struct weir_hvctl *c, domid_t domid,
                       struct weir_io_range *out, unsigned max, unsigned *n);

/* Machine totals. */
struct weir_hv_machine {
    uint64_t frames_total, frames_used; /* 4096-byte pages */
    uint32_t domains;
    uint64_t rss_bytes; /* resident memory of weir-hv beside frames */
    char version[32];
};
int weir_hvctl_machine(struct weir_hvctl *c, struct weir_hv_machine *out);

#endif
