/* SPDX-License-Identifier: MIT
 *
 * Devices of a driver domain that is a VM.  There is no resource channel: what
 * it exports is inside it, the registry says what it shall do, and the states
 * its backends write say how far they are.  As xl does with its driver
 * domains; what a script has to do (losetup, bridges) is for an agent there.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static int not_here(const struct weir_dom *backend, const char *key,
                    const char *where, struct weir_refusal *why)
{
    return weir_refuse(why, -EINVAL, where,
                       "%s= is for backends of Weir on this host; %s is a VM "
                       "and decides itself: take it out",
                       key, backend->cfg.name);
}

int weir_vmback_check_disk(const struct weir_dom *backend,
                           const struct weir_disk_config *disk,
                           const char *where, struct weir_refusal *why)
{
    const char *key = disk->iops          ? "iops"
                      : disk->bps         ? "bps"
                      : disk->queues      ? "queues"
                      : disk->sector_size ? "sector-size"
                      : disk->engine      ? "engine"
                                          : NULL;

    return key ? not_here(backend, key, where, why) : 0;
}

int weir_vmback_check_vif(const struct weir_dom *backend,
                          const struct weir_vif_config *vif, const char *where,
                          struct weir_refusal *why)
{
    struct weir_cfg_ips ips;

    if (vif->sink != WEIR_VIF_TAP || vif->queues)
        return not_here(backend, vif->queues ? "queues" : "sink", where, why);
    if (vif->ip[0] && weir_cfg_ips(vif->ip, &ips))
        return weir_refuse(why, -EINVAL, where,
                           "ip: \"%.80s\" is not a list of host addresses",
                           vif->ip);
    if (vif->bridge[0] && !weir_cfg_ifname_ok(vif->bridge))
        return weir_refuse(why, -EINVAL, where, "bridge: not a name");
    return 0;
}

static bool closed(const struct weir_dev *dev)
{
    return dev->back_state == WEIR_XENBUS_CLOSED ||
           dev->back_state == WEIR_XENBUS_UNKNOWN;
}

static bool attaching(struct weir_dev *dev)
{
    char text[120], why[240];

    switch (dev->back_state) {
    case WEIR_XENBUS_INIT_WAIT:
    case WEIR_XENBUS_INITIALISED:
    case WEIR_XENBUS_CONNECTED:
        weir_backend_attached(dev);
        return true;
    case WEIR_XENBUS_CLOSING:
    case WEIR_XENBUS_CLOSED:
    case WEIR_XENBUS_UNKNOWN:
        weir_reg_back_error(dev, text, sizeof(text));
        snprintf(why, sizeof(why), "driver domain %.40s refused it%s%s",
                 dev->backend ? dev->backend->cfg.name : "?",
                 text[0] ? ": " : "", text);
        weir_backend_error(dev, why);
        return true;
    default:
        return false;
    }
}

bool weir_dev_back_changed(struct weir_dev *dev)
{
    switch (dev->phase) {
    case WEIR_DEV_ATTACHING:
        return attaching(dev);
    case WEIR_DEV_ATTACHED:
        if (dev->back_state >= WEIR_XENBUS_CLOSING)
            weir_reg_back_error(dev, dev->error, sizeof(dev->error));
        return false;
    default:
        if (!closed(dev))
            return false;
        weir_dev_finish(dev, NULL);
        return true;
    }
}

void weir_vmback_release(struct weir_dev *dev)
{
    /* Linux unregisters a device whose frontend is gone, and writes Closed
     * when it was told to close. */
    weir_reg_device_offline(dev);
    weir_reg_remove_front(dev);
    if (!dev->backend || closed(dev))
        weir_dev_finish(dev, NULL);
}
