/* SPDX-License-Identifier: MIT
 *
 * Which fields each record of devctl_abi.h has.  Tags are part of the
 * protocol: never reuse one, add at the end.
 */
#include "driverdomains/devctl_fields.h"
#include "driverdomains/devctl.h"

#define FIELD WEIR_DEVCTL_FIELD

static const struct weir_devctl_field domain_fields[] = {
    FIELD(STR, 1, weir_domain_config, name),
    FIELD(STR, 2, weir_domain_config, kernel),
    FIELD(BOOL, 3, weir_domain_config, driver_domain),
    FIELD(U32, 4, weir_domain_config, offers),
    FIELD(U32, 5, weir_domain_config, on_crash),
    FIELD(U32, 6, weir_domain_config, memory_mib),
    FIELD(U32, 7, weir_domain_config, private_mib),
    FIELD(U32, 8, weir_domain_config, cap),
    FIELD(U32, 9, weir_domain_config, cpu_weight),
    FIELD(U32, 10, weir_domain_config, max_pids),
    FIELD(U32, 11, weir_domain_config, max_grants),
    FIELD(U32, 12, weir_domain_config, max_ports),
    FIELD(U32, 13, weir_domain_config, max_maps),
    FIELD(U32, 14, weir_domain_config, type),
    FIELD(STR, 15, weir_domain_config, ramdisk),
    FIELD(STR, 16, weir_domain_config, cmdline),
    FIELD(STR, 17, weir_domain_config, uuid),
    FIELD(U32, 18, weir_domain_config, vcpus),
    FIELD(U32, 19, weir_domain_config, maxmem_mib),
    FIELD(U32, 20, weir_domain_config, on_poweroff),
    FIELD(U32, 21, weir_domain_config, on_reboot),
    FIELD(U32, 22, weir_domain_config, restart_limit),
    FIELD(U32, 23, weir_domain_config, restart_period),
    FIELD(U32, 24, weir_domain_config, restart_delay),
    FIELD(U32, 25, weir_domain_config, restart_io),
    FIELD(U32, 26, weir_domain_config, heartbeat),
};

static const struct weir_devctl_field arg_fields[] = {
    {.tag = 1, .kind = WEIR_FIELD_STR, .offset = 0, .size = WEIR_CFG_ARG},
};

static const struct weir_devctl_field disk_fields[] = {
    FIELD(STR, 1, weir_disk_config, target),
    FIELD(STR, 2, weir_disk_config, vdev),
    FIELD(STR, 3, weir_disk_config, backend),
    FIELD(U32, 4, weir_disk_config, devid),
    FIELD(BOOL, 5, weir_disk_config, readonly),
    FIELD(BOOL, 6, weir_disk_config, cdrom),
    FIELD(BOOL, 7, weir_disk_config, no_discard),
    FIELD(U32, 8, weir_disk_config, engine),
    FIELD(U32, 9, weir_disk_config, sector_size),
    FIELD(U32, 10, weir_disk_config, queues),
    FIELD(U64, 11, weir_disk_config, iops),
    FIELD(U64, 12, weir_disk_config, bps),
    FIELD(STR, 13, weir_disk_config, given),
};

static const struct weir_devctl_field vif_fields[] = {
    FIELD(U32, 1, weir_vif_config, devid),
    FIELD(BOOL, 2, weir_vif_config, has_mac),
    FIELD(BYTES, 3, weir_vif_config, mac),
    FIELD(STR, 4, weir_vif_config, bridge),
    FIELD(STR, 5, weir_vif_config, vifname),
    FIELD(STR, 6, weir_vif_config, ip),
    FIELD(STR, 7, weir_vif_config, backend),
    FIELD(U32, 8, weir_vif_config, sink),
    FIELD(U32, 9, weir_vif_config, queues),
    FIELD(U32, 10, weir_vif_config, mtu),
    FIELD(U64, 11, weir_vif_config, rate_bps),
    FIELD(U32, 12, weir_vif_config, rate_window_us),
    FIELD(BOOL, 13, weir_vif_config, antispoof),
};

static const struct weir_devctl_field target_fields[] = {
    FIELD(STR, 1, weir_devctl_target, domain),
    FIELD(STR, 2, weir_devctl_target, device),
    FIELD(U32, 3, weir_devctl_target, cls),
    FIELD(U32, 4, weir_devctl_target, timeout_ms),
    FIELD(BOOL, 5, weir_devctl_target, force),
    FIELD(U64, 6, weir_devctl_target, kib),
};

static const struct weir_devctl_field status_fields[] = {
    FIELD(U32, 1, weir_devctl_status, error),
    FIELD(U32, 2, weir_devctl_status, domid),
    FIELD(STR, 3, weir_devctl_status, where),
    FIELD(STR, 4, weir_devctl_status, text),
};

static const struct weir_devctl_field dominfo_fields[] = {
    FIELD(U32, 1, weir_devctl_dominfo, domid),
    FIELD(STR, 2, weir_devctl_dominfo, name),
    FIELD(STR, 3, weir_devctl_dominfo, kernel),
    FIELD(STR, 4, weir_devctl_dominfo, state),
    FIELD(STR, 5, weir_devctl_dominfo, reason),
    FIELD(STR, 6, weir_devctl_dominfo, log),
    FIELD(STR, 7, weir_devctl_dominfo, cgroup),
    FIELD(BOOL, 8, weir_devctl_dominfo, driver_domain),
    FIELD(BOOL, 9, weir_devctl_dominfo, ready),
    FIELD(U32, 10, weir_devctl_dominfo, offers),
    FIELD(U32, 11, weir_devctl_dominfo, on_crash),
    FIELD(U32, 12, weir_devctl_dominfo, pid),
    FIELD(U32, 13, weir_devctl_dominfo, memory_mib),
    FIELD(U32, 14, weir_devctl_dominfo, devices),
    FIELD(U32, 15, weir_devctl_dominfo, restarts),
    FIELD(U64, 16, weir_devctl_dominfo, start_us),
    FIELD(U32, 17, weir_devctl_dominfo, type),
    FIELD(STR, 18, weir_devctl_dominfo, ramdisk),
    FIELD(STR, 19, weir_devctl_dominfo, cmdline),
    FIELD(STR, 20, weir_devctl_dominfo, uuid),
    FIELD(U32, 21, weir_devctl_dominfo, maxmem_mib),
    FIELD(U32, 22, weir_devctl_dominfo, on_poweroff),
    FIELD(U32, 23, weir_devctl_dominfo, on_reboot),
    FIELD(U64, 24, weir_devctl_dominfo, target_kib),
    FIELD(U64, 25, weir_devctl_dominfo, outage_us),
    FIELD(U64, 26, weir_devctl_dominfo, outage_max_us),
    FIELD(U64, 27, weir_devctl_dominfo, ended_s),
    FIELD(STR, 28, weir_devctl_dominfo, ended_why),
    FIELD(U32, 29, weir_devctl_dominfo, heartbeat),
    FIELD(U32, 30, weir_devctl_dominfo, restart_limit),
    FIELD(U32, 31, weir_devctl_dominfo, restart_period),
    FIELD(U32, 32, weir_devctl_dominfo, restart_io),
};

static const struct weir_devctl_field devinfo_fields[] = {
    FIELD(U32, 1, weir_devctl_devinfo, cls),
    FIELD(U32, 2, weir_devctl_devinfo, devid),
    FIELD(U32, 3, weir_devctl_devinfo, frontend),
    FIELD(U32, 4, weir_devctl_devinfo, backend),
    FIELD(STR, 5, weir_devctl_devinfo, frontend_name),
    FIELD(STR, 6, weir_devctl_devinfo, backend_name),
    FIELD(STR, 7, weir_devctl_devinfo, state),
    FIELD(U32, 8, weir_devctl_devinfo, front_state),
    FIELD(U32, 9, weir_devctl_devinfo, back_state),
    FIELD(STR, 10, weir_devctl_devinfo, error),
    FIELD(STR, 11, weir_devctl_devinfo, target),
    FIELD(STR, 12, weir_devctl_devinfo, vdev),
    FIELD(STR, 13, weir_devctl_devinfo, bridge),
    FIELD(STR, 14, weir_devctl_devinfo, ip),
    FIELD(BYTES, 15, weir_devctl_devinfo, mac),
    FIELD(BOOL, 16, weir_devctl_devinfo, readonly),
    FIELD(U64, 17, weir_devctl_devinfo, size),
    FIELD(U32, 18, weir_devctl_devinfo, sector_size),
    FIELD(STR, 19, weir_devctl_devinfo, filter),
};

#define TABLE WEIR_DEVCTL_TABLE

const struct weir_devctl_table *weir_devctl_table(unsigned record)
{
    static const struct weir_devctl_table tables[] = {
        [WEIR_REC_DOMAIN] =
            TABLE(domain_fields, sizeof(struct weir_domain_config)),
        [WEIR_REC_ARG] = TABLE(arg_fields, WEIR_CFG_ARG),
        [WEIR_REC_DISK] = TABLE(disk_fields, sizeof(struct weir_disk_config)),
        [WEIR_REC_VIF] = TABLE(vif_fields, sizeof(struct weir_vif_config)),
        [WEIR_REC_TARGET] =
            TABLE(target_fields, sizeof(struct weir_devctl_target)),
        [WEIR_REC_STATUS] =
            TABLE(status_fields, sizeof(struct weir_devctl_status)),
        [WEIR_REC_DOMINFO] =
            TABLE(dominfo_fields, sizeof(struct weir_devctl_dominfo)),
        [WEIR_REC_DEVINFO] =
            TABLE(devinfo_fields, sizeof(struct weir_devctl_devinfo)),
    };

    return record < sizeof(tables) / sizeof(tables[0]) && tables[record].fields
               ? &tables[record]
               : NULL;
}
