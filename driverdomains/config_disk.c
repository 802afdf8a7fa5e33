/* SPDX-License-Identifier: MIT
 *
 * One disk string: Weir's own keys are taken out, the rest is xl's syntax and
 * is parsed by libxlutil.
 */
#include "driverdomains/config_load.h"

#include <errno.h>
#include <limits.h>
#include <libxlutil.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* libxlutil says "FILE: config parsing error in disk specification: WHY". */
static void explain(char *report, struct weir_cfg_error *e)
{
    const char *why = strstr(report, "specification: ");

    report[strcspn(report, "\n")] = '\0';
    snprintf(e->text, sizeof(e->text),
             "%.180s: see xl-disk-configuration(5) and weir.cfg(5)",
             why ? why + strlen("specification: ") : report);
}

static int parse(const char *rest, libxl_device_disk *disk,
                 struct weir_cfg_error *e)
{
    const char *const specs[1] = {rest};
    char *report = NULL;
    size_t size = 0;
    FILE *to = open_memstream(&report, &size);
    XLU_Config *xlu = to ? xlu_cfg_init(to, "disk") : NULL;
    int rc = xlu ? xlu_disk_parse(xlu, 1, specs, disk) : ENOMEM;

    if (to)
        fflush(to);
    if (rc && report)
        explain(report, e);
    if (xlu)
        xlu_cfg_destroy(xlu);
    if (to)
        fclose(to);
    free(report);
    return rc ? -EINVAL : 0;
}

static int refuse(struct weir_cfg_error *e, const char *text)
{
    snprintf(e->text, sizeof(e->text), "%s", text);
    return -EINVAL;
}

/* What xl knows and Weir does not serve. */
static int check(const libxl_device_disk *x, struct weir_cfg_error *e)
{
    if (!x->pdev_path || !*x->pdev_path)
        return refuse(e, "no image: add target=PATH");
    if (!x->vdev || !*x->vdev)
        return refuse(e, "no device name: add vdev=xvda");
    if (x->format != LIBXL_DISK_FORMAT_RAW &&
        x->format != LIBXL_DISK_FORMAT_UNKNOWN)
        return refuse(e, "only format=raw is served: convert the image "
                         "(qemu-img convert -O raw)");
    if (x->script)
        return refuse(e, "script= is not supported: prepare the device and "
                         "give its path");
    if (x->backend == LIBXL_DISK_BACKEND_TAP ||
        x->backend == LIBXL_DISK_BACKEND_QDISK)
        return refuse(e, "backendtype= must be phy or left out");
    return 0;
}

/* Absolute, as the manager runs elsewhere.  What does not exist is left to
 * the manager to refuse. */
static int set_target(const char *path, struct weir_disk_config *d,
                      struct weir_cfg_error *e)
{
    char real[PATH_MAX], cwd[PATH_MAX];
    int n;

    if (realpath(path, real))
        n = snprintf(d->target, sizeof(d->target), "%s", real);
    else if (path[0] == '/' || !getcwd(cwd, sizeof(cwd)))
        n = snprintf(d->target, sizeof(d->target), "%s", path);
    else
        n = snprintf(d->target, sizeof(d->target), "%s/%s", cwd, path);
    if (n < 0 || (size_t)n >= sizeof(d->target) ||
        strlen(path) >= sizeof(d->given))
        return refuse(e, "target: the path is too long");
    if (strcmp(path, d->target))
        strcpy(d->given, path);
    return 0;
}

static int convert(const libxl_device_disk *x, struct weir_disk_config *d,
                   struct weir_cfg_error *e)
{
    libxl_defbool discard = x->discard_enable;

    if (strlen(x->vdev) >= sizeof(d->vdev) ||
        weir_vdev_to_devid(x->vdev, &d->devid)) {
        snprintf(e->text, sizeof(e->text),
                 "bad vdev \"%.40s\": use xvda, xvdb1, sda, hda or a number",
                 x->vdev);
        return -EINVAL;
    }
    strcpy(d->vdev, x->vdev);
    if (x->backend_domname) {
        if (!weir_cfg_name_ok(x->backend_domname))
            return refuse(e, "backend= must be the name of a driver domain");
        strcpy(d->backend, x->backend_domname);
    }
    d->cdrom = x->is_cdrom;
    d->readonly = !x->readwrite || x->is_cdrom;
    d->no_discard =
        !libxl_defbool_is_default(discard) && !libxl_defbool_val(discard);
    return set_target(x->pdev_path, d, e);
}

int weir_config_disk(const char *spec, struct weir_disk_config *out,
                     struct weir_cfg_error *e)
{
    char rest[WEIR_CFG_PATH + 256];
    libxl_device_disk disk;
    int rc = weir_cfg_disk_extras(spec, out, rest, sizeof(rest), e);

    if (rc)
        return rc;
    libxl_device_disk_init(&disk);
    rc = parse(rest, &disk, e);
    if (rc == 0)
        rc = check(&disk, e);
    if (rc == 0)
        rc = convert(&disk, out, e);
    libxl_device_disk_dispose(&disk);
    return rc;
}
