/* SPDX-License-Identifier: MIT
 *
 * Records as bytes: the codec of the tools' protocol (devctl_abi.h) with
 * tables of their own.  What is read is checked as if a tool had sent it.
 */
#include "driverdomains/devd_record.h"
#include "driverdomains/devctl.h"
#include "driverdomains/devctl_fields.h"
#include "driverdomains/devd.h"

#include <errno.h>
#include <string.h>

/* Behind the tools' record types. */
#define REC_DOM_STATE     1001
#define REC_DEV_STATE     1002
#define REC_RESTART_STATE 1003

#define DOMID_LAST 32751u

#define FIELD WEIR_DEVCTL_FIELD

static const struct weir_devctl_field dom_fields[] = {
    FIELD(U32, 1, weir_record_dom, domid),
    FIELD(U32, 2, weir_record_dom, phase),
    FIELD(U32, 3, weir_record_dom, fds),
    FIELD(BOOL, 4, weir_record_dom, sealed),
    FIELD(BOOL, 5, weir_record_dom, ready),
    FIELD(BOOL, 6, weir_record_dom, failed),
    FIELD(BOOL, 7, weir_record_dom, restart),
    FIELD(BOOL, 8, weir_record_dom, rebooting),
    FIELD(BOOL, 9, weir_record_dom, paused),
    FIELD(BOOL, 10, weir_record_dom, asked_stop),
    FIELD(U32, 11, weir_record_dom, pid),
    FIELD(U32, 12, weir_record_dom, restarts),
    FIELD(U32, 13, weir_record_dom, streak),
    FIELD(U32, 14, weir_record_dom, tries),
    FIELD(U64, 15, weir_record_dom, target_kib),
    FIELD(U64, 16, weir_record_dom, created_ns),
    FIELD(U64, 17, weir_record_dom, stop_ns),
    FIELD(U64, 18, weir_record_dom, start_us),
    FIELD(STR, 19, weir_record_dom, where),
    FIELD(STR, 20, weir_record_dom, reason),
    FIELD(BOOL, 21, weir_record_dom, asked),
    FIELD(BOOL, 22, weir_record_dom, uncounted),
    FIELD(U32, 23, weir_record_dom, step),
    FIELD(U32, 24, weir_record_dom, generation),
    FIELD(U32, 25, weir_record_dom, disks),
    FIELD(U32, 26, weir_record_dom, vifs),
    FIELD(U32, 27, weir_record_dom, unresumed),
    FIELD(U64, 28, weir_record_dom, died_ns),
    FIELD(U64, 29, weir_record_dom, at_ns),
    FIELD(U64, 30, weir_record_dom, down_ns),
    FIELD(U64, 31, weir_record_dom, served_ns),
    FIELD(U64, 32, weir_record_dom, last_us),
    FIELD(U64, 33, weir_record_dom, max_us),
    FIELD(U64, 34, weir_record_dom, time_s),
    FIELD(STR, 35, weir_record_dom, why),
    FIELD(BYTES, 36, weir_record_dom, history.at_ns),
    FIELD(U32, 37, weir_record_dom, history.n),
    FIELD(U32, 38, weir_record_dom, history.streak),
};

static const struct weir_devctl_field dev_fields[] = {
    FIELD(U64, 1, weir_record_dev, frontend),
    FIELD(U64, 2, weir_record_dev, backend),
    FIELD(U32, 3, weir_record_dev, backend_domid),
    FIELD(U32, 4, weir_record_dev, cls),
    FIELD(U32, 5, weir_record_dev, devid),
    FIELD(U32, 6, weir_record_dev, phase),
    FIELD(U32, 7, weir_record_dev, order_seq),
    FIELD(U32, 8, weir_record_dev, nfds),
    FIELD(BOOL, 9, weir_record_dev, at_boot),
    FIELD(BOOL, 10, weir_record_dev, vm_backend),
    FIELD(BOOL, 11, weir_record_dev, in_registry),
    FIELD(BOOL, 12, weir_record_dev, filtered),
    FIELD(BOOL, 13, weir_record_dev, resuming),
    FIELD(BOOL, 14, weir_record_dev, unresumed),
    FIELD(BOOL, 15, weir_record_dev, block),
    FIELD(BOOL, 16, weir_record_dev, direct),
    FIELD(U64, 17, weir_record_dev, size),
    FIELD(U32, 18, weir_record_dev, sector_size),
    FIELD(STR, 19, weir_record_dev, tap),
    FIELD(STR, 20, weir_record_dev, error),
};

static const struct weir_devctl_field restart_fields[] = {
    FIELD(U64, 1, weir_record_restart, at_ns),
    FIELD(U32, 2, weir_record_restart, count),
    FIELD(U32, 3, weir_record_restart, streak),
    FIELD(U32, 4, weir_record_restart, failed),
};

static const struct weir_devctl_table dom_table =
    WEIR_DEVCTL_TABLE(dom_fields, sizeof(struct weir_record_dom));
static const struct weir_devctl_table dev_table =
    WEIR_DEVCTL_TABLE(dev_fields, sizeof(struct weir_record_dev));
static const struct weir_devctl_table restart_table =
    WEIR_DEVCTL_TABLE(restart_fields, sizeof(struct weir_record_restart));

static unsigned op_of(enum weir_record_class cls)
{
    return WEIR_RECORD_VERSION << 8 | cls;
}

int weir_record_put_dom(const struct weir_record_dom *r,
                        const struct weir_domain_config *cfg, uint8_t *buf,
                        size_t size)
{
    struct weir_devctl_out o;

    weir_devctl_begin(&o, buf, size, op_of(WEIR_RECORD_DOM), 0);
    weir_devctl_put_as(&o, REC_DOM_STATE, &dom_table, r);
    weir_devctl_put_domain(&o, cfg);
    return weir_devctl_end(&o);
}

int weir_record_put_dev(const struct weir_record_dev *r,
                        const struct weir_disk_config *disk,
                        const struct weir_vif_config *vif, uint8_t *buf,
                        size_t size)
{
    struct weir_devctl_out o;

    weir_devctl_begin(&o, buf, size, op_of(WEIR_RECORD_DEV), 0);
    weir_devctl_put_as(&o, REC_DEV_STATE, &dev_table, r);
    if (r->cls == WEIR_RES_VBD)
        weir_devctl_put(&o, WEIR_REC_DISK, disk);
    else
        weir_devctl_put(&o, WEIR_REC_VIF, vif);
    return weir_devctl_end(&o);
}

int weir_record_put_restart(const struct weir_record_restart *r,
                            const struct weir_domain_config *cfg, uint8_t *buf,
                            size_t size)
{
    struct weir_devctl_out o;

    weir_devctl_begin(&o, buf, size, op_of(WEIR_RECORD_RESTART), 0);
    weir_devctl_put_as(&o, REC_RESTART_STATE, &restart_table, r);
    weir_devctl_put_domain(&o, cfg);
    return weir_devctl_end(&o);
}

static int begin(struct weir_devctl_in *in, const uint8_t *buf, size_t len,
                 enum weir_record_class cls)
{
    int rc = weir_devctl_open(in, buf, len);

    if (rc)
        return rc;
    if (in->op >> 8 != WEIR_RECORD_VERSION)
        return -EPROTONOSUPPORT;
    return in->op == op_of(cls) ? 0 : -EPROTO;
}

/* The configuration is the last part.  Its name goes into paths. */
static int get_config(struct weir_devctl_in *in, struct weir_domain_config *cfg)
{
    int rc = weir_devctl_get_domain(in, cfg);

    if (rc)
        return rc;
    return weir_cfg_name_ok(cfg->name) && cfg->type <= WEIR_TYPE_PVH &&
                   cfg->on_crash <= WEIR_ACTION_RESTART
               ? 0
               : -EPROTO;
}

int weir_record_get_dom(const uint8_t *buf, size_t len,
                        struct weir_record_dom *r,
                        struct weir_domain_config *cfg)
{
    struct weir_devctl_in in;
    int rc = begin(&in, buf, len, WEIR_RECORD_DOM);

    if (rc == 0)
        rc = weir_devctl_get_as(&in, REC_DOM_STATE, &dom_table, r);
    if (rc == 0)
        rc = get_config(&in, cfg);
    if (rc)
        return rc;
    return r->domid <= DOMID_LAST && r->phase <= WEIR_PHASE_RESTARTING &&
                   r->step <= WEIR_REVIVE_RESUMING &&
                   r->fds < 1u << WEIR_RECORD_DOM_FDS
               ? 0
               : -EPROTO;
}

static bool in_range(const struct weir_record_dev *r)
{
    return (r->cls == WEIR_RES_VBD || r->cls == WEIR_RES_VIF) &&
           r->phase <= WEIR_DEV_RELEASING && r->nfds <= WEIR_RES_MAX_FDS &&
           r->backend_domid <= DOMID_LAST && r->frontend &&
           (!r->tap[0] || weir_cfg_ifname_ok(r->tap));
}

int weir_record_get_dev(const uint8_t *buf, size_t len,
                        struct weir_record_dev *r,
                        struct weir_disk_config *disk,
                        struct weir_vif_config *vif)
{
    struct weir_devctl_in in;
    int rc = begin(&in, buf, len, WEIR_RECORD_DEV);

    memset(disk, 0, sizeof(*disk));
    memset(vif, 0, sizeof(*vif));
    if (rc == 0)
        rc = weir_devctl_get_as(&in, REC_DEV_STATE, &dev_table, r);
    if (rc == 0 && !in_range(r))
        rc = -EPROTO;
    if (rc == 0)
        rc = r->cls == WEIR_RES_VBD ? weir_devctl_get(&in, WEIR_REC_DISK, disk)
                                    : weir_devctl_get(&in, WEIR_REC_VIF, vif);
    if (rc == 0 && weir_devctl_peek(&in) != 0)
        rc = -EPROTO;
    return rc;
}

int weir_record_get_restart(const uint8_t *buf, size_t len,
                            struct weir_record_restart *r,
                            struct weir_domain_config *cfg)
{
    struct weir_devctl_in in;
    int rc = begin(&in, buf, len, WEIR_RECORD_RESTART);

    if (rc == 0)
        rc = weir_devctl_get_as(&in, REC_RESTART_STATE, &restart_table, r);
    return rc ? rc : get_config(&in, cfg);
}
