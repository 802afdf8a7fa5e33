/* SPDX-License-Identifier: MIT
 *
 * weir-devd, private: what a successor must know.  A record is plain data in a
 * sealed memfd, and descriptors; weir-hv keeps it (weir_hvctl_stash).  There is
 * one for the registry, for each domain, each device and each domain that is to
 * be built again.
 *
 * A record is written before an effect that must be neither lost nor doubled,
 * and at the latest before an answer or the next event (weir_record_sync).
 * So at any kill the records say what was begun; devd_recover.c does it again
 * or takes it back, and all of that is harmless when it was done before.
 */
#ifndef WEIR_DRIVERDOMAINS_DEVD_RECORD_H
#define WEIR_DRIVERDOMAINS_DEVD_RECORD_H

#include "backends/common/resource_abi.h"
#include "driverdomains/config.h"
#include "driverdomains/restart_policy.h"

struct weir_devd;
struct weir_dom;
struct weir_dev;
struct weir_restart;

#define WEIR_RECORD_VERSION 1
#define WEIR_RECORD_BYTES   65536 /* at most */

/* Also their order: whoever is named comes first. */
enum weir_record_class {
    WEIR_RECORD_STORE = 1,
    WEIR_RECORD_DOM = 2,
    WEIR_RECORD_DEV = 3,
    WEIR_RECORD_RESTART = 4,
};

/* Which descriptors follow the data, in this order. */
#define WEIR_RECORD_PIDFD    1u
#define WEIR_RECORD_CHANNEL  2u /* a driver domain's */
#define WEIR_RECORD_LOG      4u /* read end */
#define WEIR_RECORD_LISTENER 8u /* the registry's */
#define WEIR_RECORD_DOM_FDS  4

struct weir_record_dom {
    uint32_t domid, phase, fds;
    bool sealed, ready, failed, restart, rebooting, paused, asked_stop;
    uint32_t pid, restarts, streak, tries;
    uint64_t target_kib, created_ns, stop_ns, start_us;
    char where[32], reason[640];
    /* struct weir_revival */
    bool asked, uncounted;
    uint32_t step, generation, disks, vifs, unresumed;
    uint64_t died_ns, at_ns, down_ns, served_ns, last_us, max_us, time_s;
    char why[200];
    struct weir_restart_history history;
};

struct weir_record_dev {
    uint64_t frontend, backend; /* serial numbers; 0: it died */
    uint32_t backend_domid, cls, devid, phase, order_seq, nfds;
    bool at_boot, vm_backend, in_registry, filtered, resuming, unresumed;
    bool block, direct;
    uint64_t size;
    uint32_t sector_size;
    char tap[WEIR_CFG_IF], error[160];
};

struct weir_record_restart {
    uint64_t at_ns;
    uint32_t count, streak, failed;
};

/* ---- codec (devd_record.c; pure) ---------------------------------------- */

/* 0 or -errno: the bytes written. */
int weir_record_put_dom(const struct weir_record_dom *r,
                        const struct weir_domain_config *cfg, uint8_t *buf,
                        size_t size);
int weir_record_put_dev(const struct weir_record_dev *r,
                        const struct weir_disk_config *disk,
                        const struct weir_vif_config *vif, uint8_t *buf,
                        size_t size);
int weir_record_put_restart(const struct weir_record_restart *r,
                            const struct weir_domain_config *cfg, uint8_t *buf,
                            size_t size);
/* 0 with everything in its range; -EPROTO; -EPROTONOSUPPORT: of another
 * version. */
int weir_record_get_dom(const uint8_t *buf, size_t len,
                        struct weir_record_dom *r,
                        struct weir_domain_config *cfg);
int weir_record_get_dev(const uint8_t *buf, size_t len,
                        struct weir_record_dev *r,
                        struct weir_disk_config *disk,
                        struct weir_vif_config *vif);
int weir_record_get_restart(const uint8_t *buf, size_t len,
                            struct weir_record_restart *r,
                            struct weir_domain_config *cfg);

/* Key: the class, a domid (of a device its frontend's), a number. */
static inline uint64_t weir_record_key(enum weir_record_class cls,
                                       uint32_t domid, uint64_t serial)
{
    return (uint64_t)cls << 60 | (uint64_t)(domid & 0xffff) << 44 |
           (serial & ((1ull << 44) - 1));
}

static inline uint32_t weir_record_class_of(uint64_t key)
{
    return (uint32_t)(key >> 60);
}

static inline uint32_t weir_record_domid_of(uint64_t key)
{
    return key >> 44 & 0xffff;
}

static inline uint64_t weir_record_serial_of(uint64_t key)
{
    return key & ((1ull << 44) - 1);
}

/* ---- keeping them (devd_stash.c) ----------------------------------------- */

/* What weir-hv has of an object. */
struct weir_recorded {
    uint64_t key; /* 0: no number yet */
    bool there;
    unsigned nfds;
    int fds[WEIR_RES_MAX_FDS];
};

/* Nothing is done when nothing changed.  0 or -errno, which is logged: what
 * weir-hv has is older then. */
int weir_record_dom(struct weir_dom *dom);
int weir_record_dev(struct weir_dev *dev);
int weir_record_restart(struct weir_devd *d, struct weir_restart *r);
/* Everything that changed since. */
void weir_record_sync(struct weir_devd *d);
void weir_record_drop(struct weir_devd *d, struct weir_recorded *rec);

/* ---- the successor (devd_recover.c) -------------------------------------- */

/* Is there anything to go on with, or may there be? */
bool weir_recover_wanted(struct weir_devd *d);
/* 0: everything goes on; -errno: nothing does, and nothing was changed. */
int weir_recover(struct weir_devd *d);

#endif
