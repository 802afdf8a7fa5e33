/* SPDX-License-Identifier: MIT
 *
 * What a vif's guest may send, as rules at the ingress of its tap: its MAC
 * address, and with ip= these addresses alone.  The backend checks the MAC
 * address too; the rules hold even when the backend is hostile.
 */
#include "backends/net/host/filter.h"
#include "driverdomains/devd.h"
#include "driverdomains/devd_filter.h"

#include <errno.h>
#include <string.h>

_Static_assert(WEIR_CFG_IPS <= WEIR_FILTER_IPS, "a list fits into a filter");

int weir_filter_dev(struct weir_dev *dev, const char *where,
                    struct weir_refusal *why)
{
    const struct weir_vif_config *v = &dev->vif;
    struct weir_filter f = {.table = dev->frontend->devd->in.tag,
                            .vif = dev->tap};
    struct weir_hostif_err e = {""};
    struct weir_cfg_ips ips = {0};
    int rc;

    if (!v->antispoof)
        return 0;
    if (v->ip[0] && weir_cfg_ips(v->ip, &ips)) /* prepare looked */
        return weir_refuse(why, -EINVAL, where, "ip: bad list of addresses");
    memcpy(f.mac, v->mac, sizeof(f.mac));
    f.nips = ips.n4;
    f.nip6s = ips.n6;
    memcpy(f.ip, ips.ip4, sizeof(ips.ip4));
    memcpy(f.ip6, ips.ip6, sizeof(ips.ip6));
    dev->filtered = true;
    weir_record_dev(dev); /* a chain outlives its tap and the manager */
    rc = weir_filter_set(&f, &e);
    dev->filtered = rc == 0;
    if (rc == -EOPNOTSUPP && !v->ip[0]) {
        weir_devd_log("%s; the driver domain alone checks its MAC address",
                      e.text);
        return 0;
    }
    return rc ? weir_refuse(why, rc, where,
                            "%s; or set antispoof=0: nothing is checked then",
                            e.text)
              : 0;
}

void weir_filter_forget(struct weir_dev *dev)
{
    struct weir_hostif_err e;

    if (dev->filtered &&
        weir_filter_remove(dev->frontend->devd->in.tag, dev->tap, &e))
        weir_devd_log("%s", e.text);
    dev->filtered = false;
}

void weir_filter_clear(struct weir_devd *d)
{
    struct weir_hostif_err e;
    int rc = weir_filter_remove_table(d->in.tag, &e);

    if (rc && rc != -EOPNOTSUPP)
        weir_devd_log("table %s", e.text);
}

const char *weir_filter_name(const struct weir_dev *dev)
{
    if (!dev->tap[0])
        return "";
    if (!dev->filtered)
        return "none";
    return dev->vif.ip[0] ? "mac,ip" : "mac";
}
