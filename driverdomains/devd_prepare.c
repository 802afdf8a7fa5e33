/* SPDX-License-Identifier: MIT
 *
 * Before a device exists: its backend is chosen, its image opened, its
 * address and bridge checked.  Nothing is changed on the host.
 */
#include "backends/net/host/hostif.h"
#include "driverdomains/devd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct weir_dev *new_dev(uint32_t cls, struct weir_dom *backend)
{
    struct weir_dev *dev = calloc(1, sizeof(*dev));

    if (!dev)
        return NULL;
    dev->cls = cls;
    dev->backend = backend;
    dev->backend_domid = backend->domid;
    dev->image.fd = -1;
    dev->vm_backend = weir_dom_is_vm(backend);
    dev->back_state = WEIR_XENBUS_INITIALISING;
    return dev;
}

void weir_dev_free(struct weir_dev *dev)
{
    for (unsigned i = 0; i < dev->nfds; i++)
        close(dev->fds[i]);
    free(dev);
}

int weir_dev_prepare_disk(struct weir_devd *d,
                          const struct weir_disk_config *disk,
                          const char *where, struct weir_dev **out,
                          struct weir_refusal *why)
{
    struct weir_cfg_error e;
    struct weir_dom *backend;
    struct weir_dev *dev;
    uint32_t devid;
    int rc = weir_backend_choose(d, WEIR_RES_VBD, disk->backend, where,
                                 &backend, why);

    if (rc)
        return rc;
    if (weir_vdev_to_devid(disk->vdev, &devid))
        return weir_refuse(why, -EINVAL, where,
                           "bad vdev \"%s\": use xvda, xvdb1, sda, hda or a "
                           "number",
                           disk->vdev);
    if (weir_dom_is_vm(backend))
        rc = weir_vmback_check_disk(backend, disk, where, why);
    if (rc)
        return rc;
    if (disk->sector_size && disk->sector_size != 512 &&
        disk->sector_size != 4096)
        return weir_refuse(why, -EINVAL, where,
                           "sector size %u: use 512 or "
                           "4096",
                           disk->sector_size);
    dev = new_dev(WEIR_RES_VBD, backend);
    if (!dev)
        return weir_refuse(why, -ENOMEM, where, "out of memory");
    dev->disk = *disk;
    dev->devid = devid;
    *out = dev;
    if (dev->vm_backend) {
        /* A path inside that VM, so as it was written. */
        if (disk->given[0])
            memcpy(dev->disk.target, disk->given, sizeof(disk->given));
        return 0;
    }
    rc = weir_image_open(disk, &dev->image, &e);
    if (rc) {
        weir_dev_free(dev);
        return weir_refuse(why, rc, where, "%s", e.text);
    }
    dev->fds[dev->nfds++] = dev->image.fd;
    return 0;
}

static bool mac_used(struct weir_devd *d, const uint8_t mac[6])
{
    for (struct weir_dev *v = d->devs; v; v = v->next)
        if (v->cls == WEIR_RES_VIF && !memcmp(v->vif.mac, mac, 6))
            return true;
    return false;
}

static int choose_mac(struct weir_devd *d, const char *domain, uint32_t index,
                      struct weir_vif_config *vif, const char *where,
                      struct weir_refusal *why)
{
    if (vif->has_mac) {
        if ((vif->mac[0] & 1) || !memcmp(vif->mac, "\0\0\0\0\0", 6))
            return weir_refuse(why, -EINVAL, where,
                               "bad MAC address: a group address, or zero");
        if (mac_used(d, vif->mac))
            return weir_refuse(why, -EEXIST, where,
                               "the MAC address is in use by another vif: "
                               "choose another, or leave mac= out");
        return 0;
    }
    for (uint32_t attempt = 0; attempt < 256; attempt++) {
        weir_cfg_mac_generate(domain, index, attempt, vif->mac);
        if (!mac_used(d, vif->mac))
            return 0;
    }
    return weir_refuse(why, -EEXIST, where, "no free MAC address: give mac=");
}

static int check_vif(const struct weir_vif_config *vif, const char *where,
                     struct weir_refusal *why)
{
    struct weir_hostif_err e = {""};
    struct weir_cfg_ips ips;

    if (vif->sink > WEIR_VIF_MEMORY || vif->queues > WEIR_TAP_QUEUES)
        return weir_refuse(why, -EINVAL, where, "bad sink or queues");
    if (vif->ip[0] && weir_cfg_ips(vif->ip, &ips))
        return weir_refuse(why, -EINVAL, where,
                           "ip: \"%.80s\" is not a list of host addresses",
                           vif->ip);
    if (vif->sink != WEIR_VIF_TAP)
        return 0;
    if (!weir_cfg_ifname_ok(vif->bridge))
        return weir_refuse(why, -EINVAL, where,
                           "no bridge: add bridge=NAME, or sink=switch");
    if (weir_bridge_check(vif->bridge, &e))
        return weir_refuse(why, -ENODEV, where, "%s", e.text);
    if (vif->vifname[0] && weir_hostif_exists(vif->vifname))
        return weir_refuse(why, -EEXIST, where,
                           "vifname %s: that interface exists: choose "
                           "another name",
                           vif->vifname);
    return 0;
}

int weir_dev_prepare_vif(struct weir_devd *d, const char *domain,
                         const struct weir_vif_config *vif, uint32_t index,
                         const char *where, struct weir_dev **out,
                         struct weir_refusal *why)
{
    struct weir_dom *backend;
    struct weir_dev *dev;
    int rc = weir_backend_choose(d, WEIR_RES_VIF, vif->backend, where, &backend,
                                 why);

    if (rc == 0)
        rc = weir_dom_is_vm(backend)
                 ? weir_vmback_check_vif(backend, vif, where, why)
                 : check_vif(vif, where, why);
    if (rc)
        return rc;
    dev = new_dev(WEIR_RES_VIF, backend);
    if (!dev)
        return weir_refuse(why, -ENOMEM, where, "out of memory");
    dev->vif = *vif;
    dev->devid = vif->devid != UINT32_MAX ? vif->devid : index;
    rc = choose_mac(d, domain, dev->devid, &dev->vif, where, why);
    if (rc == 0 && dev->devid > 255)
        rc = weir_refuse(why, -EINVAL, where, "devid %u: use 0 to 255",
                         dev->devid);
    if (rc) {
        weir_dev_free(dev);
        return rc;
    }
    *out = dev;
    return 0;
}
