/* SPDX-License-Identifier: MIT
 *
 * Configuration of one domain: what weir.cfg(5) says, after parsing, and what
 * the tools send to the device manager.  Plain data, no pointers; strings are
 * NUL-terminated.  The device manager checks everything again that depends on
 * the machine (files, names, backends).
 */
#ifndef WEIR_DRIVERDOMAINS_CONFIG_H
#define WEIR_DRIVERDOMAINS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEIR_CFG_NAME  64 /* with the NUL */
#define WEIR_CFG_PATH  1024
#define WEIR_CFG_ARG   256
#define WEIR_CFG_ARGS  16
#define WEIR_CFG_DISKS 16
#define WEIR_CFG_VIFS  8
#define WEIR_CFG_IF    16
#define WEIR_CFG_IP    384  /* a list */
#define WEIR_CFG_IPS   8    /* addresses in it */
#define WEIR_CFG_LINE  2048 /* a kernel's command line, as Linux takes it */
#define WEIR_CFG_UUID  37
#define WEIR_CFG_VCPUS 8

enum weir_dom_type {
    WEIR_TYPE_PROCESS = 0, /* kernel is a program */
    WEIR_TYPE_PVH = 1,     /* a VM; kernel is one */
};

/* What becomes of a domain that ended by itself. */
enum weir_dom_action {
    WEIR_ACTION_DESTROY = 0,
    WEIR_ACTION_PRESERVE = 1, /* keep it for inspection */
    WEIR_ACTION_RESTART = 2,  /* build it again, with back-off */
};

/* What guests have of a driver domain that is not restarted any more. */
enum weir_restart_io {
    WEIR_RESTART_HOLD = 0, /* their I/O waits for `weir restart` */
    WEIR_RESTART_FAIL = 1, /* their devices go */
};

/* Classes of devices a driver domain offers: bits. */
#define WEIR_OFFERS_VBD 1u
#define WEIR_OFFERS_VIF 2u

struct weir_disk_config {
    char target[WEIR_CFG_PATH];  /* absolute path of a file or block device */
    char given[WEIR_CFG_PATH];   /* as written, where that differs: for a
                                    driver domain that is a VM */
    char vdev[32];               /* as written: "xvda" */
    char backend[WEIR_CFG_NAME]; /* driver domain; "": the only one */
    uint32_t devid;              /* from vdev */
    bool readonly, cdrom, no_discard;
    uint32_t engine;      /* enum weir_vbd_engine */
    uint32_t sector_size; /* bytes; 0: the device's, or 512 */
    uint32_t queues;      /* 0: 1 */
    uint64_t iops, bps;   /* a second; 0: no limit */
};

struct weir_vif_config {
    uint32_t devid;
    bool has_mac;
    uint8_t mac[6];
    char bridge[WEIR_CFG_IF];
    char vifname[WEIR_CFG_IF];
    char ip[WEIR_CFG_IP]; /* list; shown to the guest, filtered on a tap */
    char backend[WEIR_CFG_NAME];
    uint32_t sink;           /* enum weir_vif_sink */
    uint32_t queues;         /* 0: 1 */
    uint32_t mtu;            /* 0: 1500 */
    uint64_t rate_bps;       /* bytes a second; 0: no limit */
    uint32_t rate_window_us; /* 0: 50 ms */
    bool antispoof;          /* false: no filter at all */
};

struct weir_domain_config {
    char name[WEIR_CFG_NAME];
    uint32_t type;              /* enum weir_dom_type */
    char kernel[WEIR_CFG_PATH]; /* absolute path of the program or kernel */
    uint32_t nargs, ndisks, nvifs;
    char args[WEIR_CFG_ARGS][WEIR_CFG_ARG];
    bool driver_domain;
    uint32_t offers;      /* WEIR_OFFERS_*; driver domains */
    uint32_t on_crash;    /* enum weir_dom_action */
    uint32_t memory_mib;  /* machine memory; of a VM at its start */
    uint32_t private_mib; /* limit of the process's own memory */
    uint32_t cap;         /* percent of one CPU; 0: no limit */
    uint32_t cpu_weight;  /* 1..10000, 100 is neutral; 0: 100 */
    uint32_t max_pids;    /* tasks */
    uint32_t max_grants, max_ports, max_maps; /* 0: weir-hv's defaults */
    /* Driver domains that are processes */
    uint32_t restart_limit;  /* restarts in restart_period s; 0: no limit */
    uint32_t restart_period; /* seconds */
    uint32_t restart_delay;  /* ms before the second in a row, then doubled */
    uint32_t restart_io;     /* enum weir_restart_io */
    uint32_t heartbeat; /* seconds without answer: it hangs; 0: not asked */
    /* VMs only */
    char ramdisk[WEIR_CFG_PATH]; /* absolute path; "": none */
    char cmdline[WEIR_CFG_LINE];
    char uuid[WEIR_CFG_UUID];        /* "": the manager makes one */
    uint32_t vcpus;                  /* 1..WEIR_CFG_VCPUS */
    uint32_t maxmem_mib;             /* most it may balloon up to */
    uint32_t on_poweroff, on_reboot; /* enum weir_dom_action */
    struct weir_disk_config disks[WEIR_CFG_DISKS];
    struct weir_vif_config vifs[WEIR_CFG_VIFS];
};

#define WEIR_CFG_DEFAULT_MEMORY  16
#define WEIR_CFG_DEFAULT_PRIVATE 256
#define WEIR_CFG_DEFAULT_PIDS    64
#define WEIR_CFG_DEFAULT_LIMIT   10
#define WEIR_CFG_DEFAULT_PERIOD  60
#define WEIR_CFG_DEFAULT_DELAY   100
#define WEIR_CFG_DEFAULT_HEART   5

void weir_domain_config_init(struct weir_domain_config *c);

/* ---- values (config_value.c; pure) ------------------------------------ */

/* Why a value was refused, with the remedy: for the user. */
struct weir_cfg_error {
    char text[256];
};

/* A domain or file name that is safe in paths, cgroups and logs: 1..63 of
 * letters, digits, '-', '_', '.', '+', not starting with '.' or a digit. */
bool weir_cfg_name_ok(const char *s);
/* Interface name as the kernel takes it. */
bool weir_cfg_ifname_ok(const char *s);
/* Digits only, min..max. 0, -EINVAL or -ERANGE. */
int weir_cfg_u64(const char *s, uint64_t min, uint64_t max, uint64_t *out);
/* The same with a suffix k, M, G or T of 1024. */
int weir_cfg_size(const char *s, uint64_t *out);
/* 8-4-4-4-12 hexadecimal digits. */
bool weir_cfg_uuid_ok(const char *s);
/* What can be wrong with a VM's numbers and texts: NULL, or the key, and the
 * reason in e. */
const char *weir_cfg_check_vm(const struct weir_domain_config *c,
                              struct weir_cfg_error *e);
/* "xvda1", "sdb", "hda", "d1p2", "51712": Xen's virtual device number. */
int weir_vdev_to_devid(const char *vdev, uint32_t *devid);
/* A unicast address. 0 or -EINVAL. */
int weir_cfg_mac(const char *s, uint8_t mac[6], struct weir_cfg_error *e);
/* "00:16:3e:..", the same for the same name, index and attempt always. */
void weir_cfg_mac_generate(const char *name, uint32_t index, uint32_t attempt,
                           uint8_t mac[6]);
/* xl's "10Mb/s", "250KB/s@20ms": bytes a second and the window. */
int weir_cfg_rate(const char *s, uint64_t *bytes_per_s, uint32_t *window_us);
/* A list of host addresses of both families, with blanks between and perhaps
 * /BITS behind: 0; -EINVAL: none or not an address; -E2BIG: too many. */
struct weir_cfg_ips {
    unsigned n4, n6;
    uint8_t ip4[WEIR_CFG_IPS][4], ip6[WEIR_CFG_IPS][16];
};
int weir_cfg_ips(const char *s, struct weir_cfg_ips *out);

/* One vif string, "mac=..,bridge=..": all keys, or -EINVAL and the reason. */
int weir_cfg_vif(const char *spec, struct weir_vif_config *out,
                 struct weir_cfg_error *e);
/* Takes Weir's own keys (sector-size, iops, bps, queues, engine) out of a disk
 * string and leaves in rest what libxlutil understands. */
int weir_cfg_disk_extras(const char *spec, struct weir_disk_config *out,
                         char *rest, size_t rest_size,
                         struct weir_cfg_error *e);

#endif
