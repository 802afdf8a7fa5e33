/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private.  One thread, one epoll set; a domain that is slow or
 * hostile is waited for in a state with a deadline, never in a call.  The
 * registry and weir-hv are called synchronously: both are part of what the
 * manager trusts for its own progress, with a deadline each; a registry that
 * dies is waited for in the call that met it (devd_store.h).
 *
 * What the manager knows of a device is in its own memory (struct weir_dev);
 * nothing read from the registry decides what is opened or removed.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_H
#define WEIR_DRIVERDOMAINS_DEVD_H

#include "backends/common/resource_abi.h"
#include "driverdomains/cgroup.h"
#include "driverdomains/config.h"
#include "driverdomains/devctl.h"
#include "driverdomains/devd_record.h"
#include "driverdomains/devd_revive.h"
#include "driverdomains/devd_store.h"
#include "driverdomains/image.h"
#include "driverdomains/instance.h"
#include "driverdomains/logsink.h"
#include "hypervisor/client/control.h"
#include "xenbus/client.h"
#include "xenbus/state.h"

#define WEIR_DEVD_DOMS    512
#define WEIR_DEVD_CLIENTS 64
#define WEIR_STORE_DOMID  1

#define WEIR_START_MS   10000 /* create to running, ready, attached */
#define WEIR_DETACH_MS  10000 /* a frontend's time to close */
#define WEIR_FORCE_MS   3000  /* a backend's time to release */
#define WEIR_STOP_MS    5000  /* a guest's time to power off */
#define WEIR_VM_STOP_MS 60000
/* A driver VM's time to take a device: it may be booting. */
#define WEIR_VM_ATTACH_MS 60000

struct weir_devd;
struct weir_vmload;

/* Something polled.  ready may free anything: the loop takes one event at a
 * time from the kernel. */
struct weir_source {
    int fd; /* -1: not polled */
    void (*ready)(struct weir_source *s, uint32_t events);
};

#define weir_container(ptr, type, member)                                      \
    ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

enum weir_dom_phase {
    WEIR_PHASE_STARTING, /* program runs, not yet sealed, ready, attached */
    WEIR_PHASE_RUNNING,
    WEIR_PHASE_STOPPING,   /* asked to power off */
    WEIR_PHASE_KILLED,     /* SIGKILL sent, not dead yet */
    WEIR_PHASE_DYING,      /* dead; its devices are being removed */
    WEIR_PHASE_CRASHED,    /* dead and kept (on_crash=preserve) */
    WEIR_PHASE_SHUTDOWN,   /* a VM that ended well, and is kept */
    WEIR_PHASE_RESTARTING, /* a driver domain between two programs */
};

struct weir_dom {
    struct weir_dom *next;
    struct weir_devd *devd;
    struct weir_domain_config cfg;
    domid_t domid;
    enum weir_dom_phase phase;
    bool sealed, ready; /* weir-hv saw the seal; READY came */
    bool failed;        /* creation failed: starter gets reason */
    bool restart;       /* build it again once it is gone */
    bool rebooting;     /* the stopper waits for its successor */
    bool paused;
    bool watched;             /* its backends' nodes, by the manager */
    struct weir_vmload *load; /* a VM's kernel is being unpacked */
    bool loaded;              /* it is in the VM's memory */
    uint32_t entry, start_info;
    uint64_t target_kib;
    pid_t pid;
    struct weir_source exit_src; /* pidfd */
    struct weir_source res_src;  /* resource channel */
    struct weir_source log_src;
    struct weir_source load_src;
    struct weir_logsink log;
    uint64_t created_ns, deadline_ns; /* 0: no deadline */
    uint64_t start_us;
    uint32_t restarts; /* in all */
    uint32_t streak;   /* without a calm time between */
    uint32_t tries;    /* restarts before this one that did not work */
    char where[32];
    char reason[640];
    struct weir_waiter starter, stopper;
    struct weir_revival revival; /* of a driver domain that is a process */
    struct weir_recorded rec;
    struct weir_record_dom saved;
};

enum weir_dev_phase {
    WEIR_DEV_ATTACHING, /* given to the backend, not acknowledged */
    WEIR_DEV_ATTACHED,
    WEIR_DEV_CLOSING,   /* DETACH sent: the frontend has to let go */
    WEIR_DEV_RELEASING, /* registry gone: the backend has to release */
};

struct weir_dev {
    struct weir_dev *next;
    struct weir_dom *frontend, *backend; /* backend NULL: it died */
    domid_t backend_domid;
    uint32_t cls, devid; /* enum weir_res_class */
    enum weir_dev_phase phase;
    bool at_boot;    /* part of the domain's creation */
    bool vm_backend; /* no resource channel: states in the registry tell */
    bool in_registry;
    struct weir_disk_config disk;
    struct weir_vif_config vif;
    struct weir_image image;
    char tap[WEIR_CFG_IF]; /* "": none */
    bool filtered;         /* the tap's rules are in place */
    bool resuming;         /* RESUME sent, not answered */
    bool unresumed;        /* answered with an error */
    int fds[WEIR_RES_MAX_FDS];
    unsigned nfds;
    uint32_t back_state;
    char error[160]; /* the backend's words */
    uint64_t deadline_ns;
    uint32_t order_seq; /* of DETACH: an order that may have been sent, sent
                           again with its number, is one order */
    struct weir_waiter attacher, detacher;
    struct weir_recorded rec;
    struct weir_record_dev saved;
};

struct weir_client {
    struct weir_client *next;
    struct weir_devd *devd;
    struct weir_source src;
    uint64_t id;
};

/* A domain to be built again. */
struct weir_restart {
    struct weir_restart *next;
    struct weir_domain_config cfg;
    uint64_t at_ns;
    uint32_t count, streak;    /* restarts so far, with this one */
    uint32_t failed;           /* attempts to build it that were refused */
    struct weir_waiter waiter; /* of a reboot */
    struct weir_recorded rec;
    struct weir_record_restart saved;
};

struct weir_devd {
    struct weir_instance in;
    char bin_dir[512];
    struct weir_cgroups cgroups;
    int epoll_fd, lock_fd;
    struct weir_source listen_src, signal_src, hv_src, xs_src;
    struct weir_hvctl *hv, *hv_events;
    struct weir_xs xs;
    struct weir_xs_transport xs_line; /* its way to the registry */
    bool xs_open;
    bool xs_stale;          /* events were lost: all states are to be read */
    bool greeted;           /* the registry has the manager's own nodes */
    int xs_listen;          /* the registry's socket */
    uint32_t xs_restarts;   /* of the registry in 60 s; 0: no limit */
    struct weir_dom *store; /* also in doms */
    struct weir_dom *doms;
    struct weir_dev *devs;
    struct weir_restart *restarts;
    struct weir_client *clients;
    int spare_fd; /* to end connections by that there is no room for */
    uint64_t next_client;
    uint32_t next_seq;
    bool stopping, done;
    uint64_t heart_ns;    /* next heartbeat */
    uint64_t xs_beat_ns;  /* and look at the registry */
    bool taken_over;      /* from a manager that was killed */
    uint64_t last_serial; /* of records */
    uint64_t synced_ns;   /* when all were as they are */
    bool unrecorded;      /* weir-hv took the last one not */
    int exit_code;
    struct weir_waiter downer;
};

/* devd_loop.c */
uint64_t weir_devd_now(void);
__attribute__((format(printf, 1, 2))) void weir_devd_log(const char *fmt, ...);
int weir_source_add(struct weir_devd *d, struct weir_source *s, int fd,
                    void (*ready)(struct weir_source *, uint32_t));
/* Takes it out of the loop and closes the descriptor. */
void weir_source_close(struct weir_devd *d, struct weir_source *s);
void weir_devd_loop(struct weir_devd *d);
/* Everything in order, then out of the loop. */
void weir_devd_stop(struct weir_devd *d);

/* devd_groups.c: 0 or -errno, which is logged */
int weir_devd_groups(struct weir_devd *d);

/* devd_client.c */
int weir_devd_listen(struct weir_devd *d);
void weir_devd_unlisten(struct weir_devd *d);
struct weir_client *weir_client_find(struct weir_devd *d, uint64_t id);
void weir_client_send(struct weir_client *c, const void *buf, size_t len);
/* Answers and clears w; error 0 or an errno value; NULL where and text ok. */
void weir_devd_answer(struct weir_devd *d, struct weir_waiter *w, int error,
                      uint32_t domid, const char *where, const char *text);

/* devd_request.c: one request of a client */
void weir_devd_request(struct weir_client *c, const void *buf, size_t len);
/* devd_list.c */
void weir_devd_list_domains(struct weir_client *c, uint32_t seq);
void weir_devd_list_devices(struct weir_client *c, uint32_t seq,
                            const struct weir_devctl_target *t);

/* What refused an operation, for the client: key and message. */
struct weir_refusal {
    char where[32];
    char text[640];
};
__attribute__((format(printf, 4, 5))) int weir_refuse(struct weir_refusal *r,
                                                      int rc, const char *where,
                                                      const char *fmt, ...);

/* devd_dom.c: creation */
/* again: NULL, or the restart this is. */
int weir_dom_create(struct weir_devd *d, const struct weir_domain_config *cfg,
                    struct weir_waiter w, const struct weir_restart *again,
                    struct weir_refusal *why);
/* In the list, without anything yet; NULL: out of memory. */
struct weir_dom *weir_dom_new(struct weir_devd *d,
                              const struct weir_domain_config *c,
                              domid_t domid);
/* It has no program and no files. */
static inline void weir_dom_no_fds(struct weir_dom *dom)
{
    dom->exit_src.fd = dom->res_src.fd = -1;
    dom->log_src.fd = dom->load_src.fd = -1;
    dom->log.pipe_fd = dom->log.file_fd = -1;
}
/* Called whenever something it waits for may have come. */
void weir_dom_check_started(struct weir_dom *dom);
struct weir_dom *weir_dom_find(struct weir_devd *d, const char *name_or_id);
struct weir_dom *weir_dom_by_id(struct weir_devd *d, domid_t id);
const char *weir_dom_phase_name(const struct weir_dom *dom);
void weir_dom_running(struct weir_dom *dom);
/* devd_start.c: the program of a domain that weir-hv knows */
int weir_dom_start(struct weir_dom *dom, int hv_fd, int resource_fd,
                   struct weir_refusal *why);
int weir_dom_open_log(struct weir_dom *dom, int *write_end);
/* Resource channel of a driver domain, then weir_dom_start. */
int weir_dom_start_process(struct weir_dom *dom, int hv_fd,
                           struct weir_refusal *why);

/* devd_vm.c: domains that are VMs */
static inline bool weir_dom_is_vm(const struct weir_dom *dom)
{
    return dom->cfg.type == WEIR_TYPE_PVH;
}
/* What can be seen before anything is made. */
int weir_vm_check(const struct weir_domain_config *c, struct weir_refusal *why);
void weir_vm_uuid(char text[WEIR_CFG_UUID]);
/* Machine memory besides its RAM, pages. */
uint32_t weir_vm_overhead(const struct weir_domain_config *c);
/* Starts to unpack its kernel; weir_dom_check_started goes on. */
int weir_vm_load(struct weir_dom *dom, struct weir_refusal *why);
/* Its time is over, or it is not wanted any more. */
void weir_vm_load_timer(struct weir_dom *dom);
void weir_vm_unload(struct weir_dom *dom);
/* Everything is there: the first instruction. */
void weir_vm_start(struct weir_dom *dom);
/* weir-hv says CRASHED or SHUTDOWN. */
void weir_vm_ended(struct weir_dom *dom, const struct weir_hv_dominfo *i);

/* devd_end.c: events and the end of domains */
void weir_dom_exited(struct weir_source *s, uint32_t events);
/* Its program is gone, as status says. */
void weir_dom_program_gone(struct weir_dom *dom, const char *status,
                           bool clean);
/* Killed or dead: what is left of it goes. */
void weir_dom_bury(struct weir_dom *dom);
void weir_dom_log_ready(struct weir_source *s, uint32_t events);
void weir_dom_shutdown(struct weir_dom *dom, uint32_t timeout_ms);
/* "poweroff" or "reboot", whether the guest offers it or not; 0 or -errno. */
int weir_dom_ask(struct weir_dom *dom, const char *what, uint32_t timeout_ms);
/* Its program ended, as status says; what weir-hv knows of it goes first. */
void weir_dom_death_reason(struct weir_dom *dom, const char *status);
/* It ended by itself: dead in weir-hv, or its program is. */
void weir_dom_ended(struct weir_dom *dom, uint32_t action, bool crashed);
void weir_dom_kill(struct weir_dom *dom, const char *reason);
/* Creation did not work: reply, then take everything back. */
__attribute__((format(printf, 3, 4))) void
weir_dom_fail(struct weir_dom *dom, const char *where, const char *fmt, ...);
/* The last device may be gone now. */
void weir_dom_check_gone(struct weir_dom *dom);
void weir_dom_timer(struct weir_dom *dom, uint64_t now);
void weir_dom_hv_event(struct weir_devd *d, const struct weir_hv_dominfo *i);
/* devd_restart.c */
void weir_restart_plan(struct weir_dom *dom);
/* A restart that was begun and failed. */
void weir_restart_retry(struct weir_dom *dom);
void weir_restart_timer(struct weir_devd *d, uint64_t now);
void weir_restart_forget(struct weir_devd *d);
/* true: one of that name was waiting, and waits no more. */
bool weir_restart_cancel(struct weir_devd *d, const char *name);

/* devd_backend.c: which driver domain, and its resource channel */
int weir_backend_choose(struct weir_devd *d, uint32_t cls, const char *name,
                        const char *where, struct weir_dom **out,
                        struct weir_refusal *why);
void weir_backend_event(struct weir_source *s, uint32_t events);
int weir_backend_send(struct weir_dev *dev, uint32_t op);
/* false: it is between two programs, and the next will hear of it. */
bool weir_backend_listens(const struct weir_dom *backend);
/* An order that is not about a device. */
int weir_backend_say(struct weir_dom *dom, uint32_t op, uint32_t seq);
/* What a dead one still said about its devices. */
void weir_backend_drain(struct weir_dom *dom);
/* Its driver domain took it, or refused it. */
void weir_backend_attached(struct weir_dev *dev);
void weir_backend_error(struct weir_dev *dev, const char *text);

/* devd_prepare.c: opens and checks what a device needs; changes nothing */
int weir_dev_prepare_disk(struct weir_devd *d,
                          const struct weir_disk_config *disk,
                          const char *where, struct weir_dev **out,
                          struct weir_refusal *why);
int weir_dev_prepare_vif(struct weir_devd *d, const char *domain,
                         const struct weir_vif_config *vif, uint32_t index,
                         const char *where, struct weir_dev **out,
                         struct weir_refusal *why);
void weir_dev_free(struct weir_dev *dev);

/* devd_dev.c: devices */
/* Takes dev over, also on failure (then it is freed). */
int weir_dev_attach(struct weir_dom *frontend, struct weir_dev *dev,
                    const char *where, struct weir_refusal *why);
struct weir_dev *weir_dev_find(struct weir_devd *d,
                               const struct weir_dom *frontend, uint32_t cls,
                               uint32_t devid);
struct weir_dev *weir_dev_by_text(struct weir_devd *d,
                                  const struct weir_dom *frontend, uint32_t cls,
                                  const char *text);
void weir_dev_detach(struct weir_dev *dev, bool force, uint32_t timeout_ms);
/* The backend is dead, or has released it. */
void weir_dev_finish(struct weir_dev *dev, const char *trouble);
void weir_dev_timer(struct weir_dev *dev, uint64_t now);
/* In the hands of a new manager: what was begun is done again, or taken back.
 * May free it and others. */
void weir_dev_go_on(struct weir_dev *dev);
const char *weir_dev_phase_name(const struct weir_dev *dev);
const char *weir_dev_class_name(uint32_t cls); /* "vbd", "vif" */
void weir_dev_label(const struct weir_dev *dev, char *buf, size_t size);

/* devd_vmback.c: devices of driver domains that are VMs */
int weir_vmback_check_disk(const struct weir_dom *backend,
                           const struct weir_disk_config *disk,
                           const char *where, struct weir_refusal *why);
int weir_vmback_check_vif(const struct weir_dom *backend,
                          const struct weir_vif_config *vif, const char *where,
                          struct weir_refusal *why);
/* It changed its state; true: look again, the list of devices may be another.
 */
bool weir_dev_back_changed(struct weir_dev *dev);
/* By force: the frontend is out, the backend is waited for. */
void weir_vmback_release(struct weir_dev *dev);

/* devd_regcall.c: XS_INTRODUCE, 0 or -errno */
int weir_reg_introduce(struct weir_dom *dom, const struct weir_hv_dominfo *i);

/* devd_regdom.c: 0 or -errno */
int weir_reg_domain(struct weir_dom *dom, const struct weir_hv_dominfo *info);
void weir_reg_remove_domain(struct weir_dom *dom);
/* The watch on a driver domain's backends, on a new connection: not repeated.
 */
int weir_reg_watch(struct weir_dom *dom);
/* "poweroff" or "reboot": control/shutdown, which a guest may ignore. */
int weir_reg_ask(struct weir_dom *dom, const char *what);
/* The guest has said that it does not. */
bool weir_reg_offers(struct weir_dom *dom, const char *what);
int weir_reg_target(struct weir_dom *dom, uint64_t kib);

/* devd_registry.c: 0 or -errno */
int weir_reg_device(struct weir_dev *dev);
void weir_reg_remove_device(struct weir_dev *dev, bool last_of_pair);
void weir_reg_device_offline(struct weir_dev *dev);
/* The frontend's half alone: it counts as out. */
void weir_reg_remove_front(struct weir_dev *dev);
uint32_t weir_reg_front_state(struct weir_dev *dev);
/* The backend's state, looked at now. */
uint32_t weir_reg_back_state(struct weir_dev *dev);
/* What the driver domain says is wrong with it; "" if nothing. */
void weir_reg_back_error(struct weir_dev *dev, char *text, size_t size);
/* Some of the events that came; true: there may be more already. */
bool weir_reg_events(struct weir_devd *d);

#endif
