/* SPDX-License-Identifier: MIT
 *
 * weir-hv's state.  One lock, the machine's, guards the frame table, the
 * domain table, every domain's grants, events, IO-space and the fields marked
 * (L).  It is held for bookkeeping and short copies only, never over a call
 * that a domain can make slow (userfaultfd, pagemap, a socket, a hole punch).
 *
 * Threads: main (control socket, creation, reaping) and one a domain, which
 * makes all calls on that domain's window, answers its hypercalls, waits for
 * its death and cleans up after it.  A VM domain has one a vCPU besides (vm.h).
 */
#ifndef WEIR_HYPERVISOR_MACHINE_H
#define WEIR_HYPERVISOR_MACHINE_H

#include "hypervisor/client/control.h"
#include "hypervisor/console.h"
#include "hypervisor/event.h"
#include "hypervisor/frames.h"
#include "hypervisor/grant.h"
#include "hypervisor/hv_abi.h"
#include "hypervisor/iospace.h"
#include "hypervisor/keep.h"
#include "hypervisor/memory.h"
#include "hypervisor/pagewin.h"
#include "hypervisor/track.h"

#include <pthread.h>
#include <sys/types.h>

#define HV_DOMAINS_MAX   512
#define HV_PORTS_MAX     4095 /* two-level event channels on x86-64 */
#define HV_MAPS_MAX      (1u << 20)
#define HV_DEFAULT_MAPS  65536
#define HV_DEFAULT_PORTS 1024
#define HV_DEFAULT_TABLE 64
#define HV_VMAS_OWN      256 /* mappings a VM domain is sure of */

struct hv_vm;

struct hv_domain {
    struct hv_machine *m;
    struct hv_vm *vm; /* NULL: a process domain */
    domid_t domid;
    char name[WEIR_HV_NAME];
    enum weir_dom_kind kind;
    uint64_t born_ns;

    enum weir_dom_state state;   /* (L) */
    char reason[WEIR_HV_REASON]; /* (L) */
    bool destroy;                /* (L) set by main: end it */
    bool fail;                   /* own thread: end it; reason says why */
    bool dead;                   /* (L) nothing of the process is left */
    bool done;                   /* (L) its thread touches it no more */
    bool changed;                /* (L) subscribers have not seen this state */
    uint32_t generation;         /* (L) times it was revived */
    bool revive;                 /* (L) set by main: it is to be revived */
    bool revived;                /* (L) set by its thread: how that went */
    int new_fd;                  /* (L) then: its program's socket, or -errno */

    uint32_t max_frames;
    uint32_t frames; /* (L) of the quota, orphans included */
    uint64_t held;   /* (L) frames of any kind not yet free again */
    mfn_t store, console_frame, stats; /* 0: none; stats (L) */
    evtchn_port_t store_port, console_port;
    domid_t store_domid;

    struct hv_grants grants; /* (L) */
    struct hv_events events; /* (L) */
    struct hv_iospace io;    /* (L) */
    struct hv_track track;   /* own thread; used (L) */
    struct hv_keeps keeps;   /* own thread */
    struct hv_console console;

    int sock;                 /* weir-hv's end; -1 when closed */
    int wake;                 /* eventfd: look at destroy, console viewers */
    int pidfd;                /* -1 before HELLO */
    pid_t pid;                /* (L) 0 before HELLO */
    struct weir_pagewin *win; /* NULL before WINDOW */
    uint64_t win_base, win_ro_base;
    bool sealed; /* verified: frames may appear */
    pthread_t thread;

    uint64_t faults, hypercalls, io_refused; /* own thread; read by main */
    uint8_t in[WEIR_HV_MSG_MAX], out[WEIR_HV_MSG_MAX];
};

struct hv_machine {
    pthread_mutex_t lock;
    struct hv_memory mem;
    struct hv_frames frames;   /* (L) */
    struct hv_domain **dom;    /* (L) by domid */
    uint32_t ndomains;         /* (L) */
    domid_t last_domid;        /* main: last one chosen */
    uint32_t ports, max_ports; /* (L) of all domains: two descriptors each */
    uint32_t max_stash;        /* descriptors (stash.h) */
    int wake;                  /* eventfd: a domain changed */
    int kvm;                   /* /dev/kvm, or -1 */
    /* (L) Mappings of this process, of which the kernel allows a number only:
     * VM domains, what they have beyond HV_VMAS_OWN each, and what all may
     * have. */
    uint32_t vms;
    int64_t vmas;
    uint64_t max_vmas;
    uint64_t marker; /* weir_pagewin_marker */
    dev_t mem_dev;
    ino_t mem_ino;
    bool unprivileged;
};

int hv_machine_init(struct hv_machine *m, uint64_t bytes);
void hv_machine_fini(struct hv_machine *m);

/* domain_new.c; main thread */
int hv_domain_create(struct hv_machine *m, const struct weir_hv_create *how,
                     domid_t *domid, int *domain_fd);
/* Its parts: a domain with its first frames, in no table, without a socket
 * and a thread; and the end of such a one. */
int hv_domain_build(struct hv_machine *m, const struct weir_hv_create *how,
                    domid_t domid, struct hv_domain **out);
void hv_domain_unmake(struct hv_domain *d);
/* With the lock: has one that is not dead, or about to be revived, this name?
 */
bool hv_domain_named(struct hv_machine *m, const char *name);
/* d->sock, and the program's end. */
int hv_domain_open_socket(struct hv_domain *d, int *domain_fd);
int hv_domain_add_port(struct hv_domain *d, domid_t remote,
                       enum hv_port_state state, evtchn_port_t *port);

/* domain.c */
/* Main thread.  Frees; the domain is done and holds no frame. */
void hv_domain_free(struct hv_domain *d);
/* With the lock: NULL when there is none. */
struct hv_domain *hv_domain_get(struct hv_machine *m, uint32_t domid);
void hv_domain_info(struct hv_domain *d, struct weir_hv_dominfo *out);
void hv_domain_wake(struct hv_domain *d);
/* With the lock: tell main that d's state is another. */
void hv_domain_changed(struct hv_domain *d);
void hv_main_wake(struct hv_machine *m);

/* A run of frame numbers for it; charge: of its quota.  -ENOMEM. */
int hv_domain_reserve(struct hv_domain *d, uint32_t count, bool charge,
                      mfn_t *first);
/* A populated frame beside its quota. */
int hv_domain_special(struct hv_domain *d, enum hv_frame_type type,
                      mfn_t *frame);

/* domain_run.c: the domain's thread */
void *hv_domain_run(void *domain);
/* End the domain: own thread only; the loop does it. */
void hv_domain_fail(struct hv_domain *d, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* A call on its window failed: likewise. */
void hv_window_failed(struct hv_domain *d, mfn_t first, uint64_t n, int rc);

/* domain_end.c: own thread.  Kill and wait until nothing is left, then drop
 * what it mapped and close its ports. */
void hv_domain_kill(struct hv_domain *d);
void hv_domain_drop(struct hv_domain *d);
/* With the lock: its peer, if there is one, becomes unbound. */
void hv_domain_close_port(struct hv_domain *d, evtchn_port_t port);
/* Give its frames back: all, and those still mapped stay orphans; or all but
 * what its next program finds (kept frames, grant table, rings). */
void hv_domain_give_back(struct hv_domain *d, bool all);

/* domain_revive.c: own thread of a dead domain.  True: it is BUILDING again;
 * main is told in either case. */
bool hv_domain_revive(struct hv_domain *d);

/* Frames put on the list under the lock are punched and freed, without it. */
struct hv_scrub {
    mfn_t frame[WEIR_HV_BATCH];
    unsigned n;
};
void hv_scrub(struct hv_machine *m, struct hv_scrub *s);

/* log.c: one line to descriptor 2 */
void hv_log(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
uint64_t hv_now_ns(void);

#endif
