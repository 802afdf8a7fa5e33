/* SPDX-License-Identifier: MIT
 *
 * Codec of devctl_abi.h: records to and from plain structures.  Pure.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVCTL_H
#define WEIR_DRIVERDOMAINS_DEVCTL_H

#include "driverdomains/config.h"
#include "driverdomains/devctl_abi.h"

struct weir_devctl_target {
    char domain[WEIR_CFG_NAME]; /* name or number */
    char device[64];            /* vdev, device number or MAC */
    uint32_t cls;               /* enum weir_res_class; 0: any */
    uint32_t timeout_ms;        /* 0: the default */
    bool force;
    uint64_t kib; /* MEMSET: memory the guest shall have */
};

struct weir_devctl_status {
    uint32_t error; /* errno value, 0: done */
    uint32_t domid; /* of what was created */
    char where[32]; /* key the error is about: "disk[1]", "name" */
    char text[640]; /* message with remedy, or the version */
};

struct weir_devctl_dominfo {
    uint32_t domid;
    char name[WEIR_CFG_NAME];
    char kernel[WEIR_CFG_PATH];
    char state[16]; /* starting, running, stopping, dying, crashed, shutdown,
                       restarting */
    char reason[640];
    char log[WEIR_CFG_PATH];
    char cgroup[WEIR_CFG_PATH];
    bool driver_domain, ready;
    uint32_t offers, on_crash, pid, memory_mib, devices, restarts;
    uint64_t start_us; /* create request to running (ready) */
    uint32_t type;     /* enum weir_dom_type; the rest is a VM's */
    char ramdisk[WEIR_CFG_PATH];
    char cmdline[WEIR_CFG_LINE];
    char uuid[WEIR_CFG_UUID];
    uint32_t maxmem_mib, on_poweroff, on_reboot;
    uint64_t target_kib; /* memory it was last asked to have */
    /* Driver domains that are processes */
    uint64_t outage_us, outage_max_us; /* from an end to service */
    uint64_t ended_s;                  /* last end, since 1970; 0: none */
    char ended_why[200];
    uint32_t heartbeat, restart_limit, restart_period, restart_io;
};

struct weir_devctl_devinfo {
    uint32_t cls, devid;
    uint32_t frontend, backend; /* domids */
    char frontend_name[WEIR_CFG_NAME], backend_name[WEIR_CFG_NAME];
    char state[16]; /* the manager's view: attaching, attached, ... */
    uint32_t front_state, back_state; /* enum weir_xenbus_state */
    char error[200];
    char target[WEIR_CFG_PATH]; /* image; or tap */
    char vdev[32];
    char bridge[WEIR_CFG_IF], ip[WEIR_CFG_IP];
    uint8_t mac[6];
    bool readonly;
    uint64_t size; /* bytes of a disk */
    uint32_t sector_size;
    char filter[16]; /* of a tap: "mac", "mac,ip", "none"; "": no tap */
};

/* One message being built in buf; errors stick until weir_devctl_end. */
struct weir_devctl_out {
    uint8_t *buf;
    size_t size, used;
    int error;
};

void weir_devctl_begin(struct weir_devctl_out *o, void *buf, size_t size,
                       unsigned op, uint32_t seq);
/* obj is the structure that belongs to the record type. */
void weir_devctl_put(struct weir_devctl_out *o, unsigned record,
                     const void *obj);
/* The same for records of other protocols: whatever table. */
struct weir_devctl_table;
void weir_devctl_put_as(struct weir_devctl_out *o, unsigned record,
                        const struct weir_devctl_table *t, const void *obj);
/* A whole domain: DOMAIN, ARG*, DISK*, VIF*. */
void weir_devctl_put_domain(struct weir_devctl_out *o,
                            const struct weir_domain_config *c);
/* Bytes of the finished message or -E2BIG. */
int weir_devctl_end(struct weir_devctl_out *o);

struct weir_devctl_in {
    const uint8_t *p, *end;
    unsigned op;
    uint32_t seq;
};

/* -EPROTO: not a message; -EPROTONOSUPPORT: another version. */
int weir_devctl_open(struct weir_devctl_in *in, const void *buf, size_t len);
/* Type of the next record, 0 at the end, -EPROTO. */
int weir_devctl_peek(const struct weir_devctl_in *in);
/* Takes the next record, which must be of that type, into a zeroed *obj. */
int weir_devctl_get(struct weir_devctl_in *in, unsigned record, void *obj);
int weir_devctl_get_as(struct weir_devctl_in *in, unsigned record,
                       const struct weir_devctl_table *t, void *obj);
int weir_devctl_get_domain(struct weir_devctl_in *in,
                           struct weir_domain_config *c);

#endif
