/* SPDX-License-Identifier: MIT
 *
 * The instance's control groups: the ones its last manager had, or new ones.
 */
#include "driverdomains/devd.h"

#include <errno.h>
#include <string.h>

static int find_groups(struct weir_devd *d)
{
    char file[128];

    weir_instance_path(&d->in, WEIR_CGROUPS_FILE, file, sizeof(file));
    return weir_cgroups_find(&d->cgroups, d->in.tag, file);
}

/* What is left of an instance that ended goes, wherever it was. */
static int clear_groups(struct weir_devd *d)
{
    pid_t left = weir_cgroups_kill(&d->cgroups);

    if (left) /* stopped programs do not end with weir-hv */
        weir_devd_log("process %d of an instance that ended does not end",
                      (int)left);
    weir_cgroups_remove(&d->cgroups);
    return find_groups(d);
}

int weir_devd_groups(struct weir_devd *d)
{
    char missing[64];
    int rc = find_groups(d);

    if (rc == 0 && !d->taken_over)
        rc = clear_groups(d);
    if (rc == -EIO) {
        weir_devd_log("%s cannot be read: mend it, or remove it when no domain "
                      "is left",
                      d->cgroups.file);
        return rc;
    }
    if (rc) {
        weir_devd_log("control groups: %s: mount cgroup2 on /sys/fs/cgroup",
                      strerror(-rc));
        return rc;
    }
    rc = weir_cgroups_make(&d->cgroups, missing);
    if (rc)
        weir_devd_log(
            "control groups (%s) can't be made: %s: make room there, or "
            "start weir-devd where they may be",
            d->cgroups.v2 ? d->cgroups.base[0] : d->cgroups.file,
            strerror(-rc));
    else if (missing[0])
        weir_devd_log("this host has no control group controller %s: such "
                      "limits do not hold",
                      missing);
    return rc;
}
