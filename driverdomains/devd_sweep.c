/* SPDX-License-Identifier: MIT
 *
 * What no record explains: domains whose creation was never recorded, and
 * nodes of domains and devices whose records could not be read.
 */
#include "backends/common/resource.h"
#include "driverdomains/devd_reg.h"
#include "driverdomains/devd_takeover.h"

#include <stdio.h>
#include <string.h>

void weir_sweep_domains(struct weir_devd *d)
{
    struct weir_hv_dominfo i;
    domid_t first = 0;
    unsigned n;

    while (weir_hvctl_list(d->hv, first, &i, 1, &n) == 0 && n == 1) {
        first = (domid_t)(i.domid + 1);
        if (weir_dom_by_id(d, i.domid))
            continue;
        weir_hvctl_destroy(d->hv, i.domid);
        weir_devd_log("domain %u (%s) was being made by a manager that died: "
                      "it is removed",
                      i.domid, i.name);
    }
}

/* Each child of dir that is a number. */
static void each_number(struct weir_devd *d, const char *dir,
                        void (*each)(struct weir_devd *, uint32_t, void *),
                        void *arg)
{
    char list[8192];
    int len;

    do
        len = weir_xs_ls(&d->xs, 0, dir, list, sizeof(list));
    while (weir_store_again(d));
    for (int at = 0; at < len; at += (int)strlen(list + at) + 1) {
        uint64_t n;

        if (weir_cfg_u64(list + at, 0, UINT32_MAX, &n) == 0)
            each(d, (uint32_t)n, arg);
    }
}

struct place {
    struct weir_dom *backend;
    uint32_t cls, frontend;
};

/* The backend lets go of it, whatever it is; and nobody is to find it. */
static void stray_device(struct weir_devd *d, uint32_t devid, void *arg)
{
    const struct place *at = arg;
    struct weir_resource r = {.op = WEIR_RES_DETACH,
                              .cls = at->cls,
                              .frontend = at->frontend,
                              .devid = devid};
    struct weir_dom *f = weir_dom_by_id(d, (domid_t)at->frontend);
    struct weir_dev *dev = f ? weir_dev_find(d, f, at->cls, devid) : NULL;
    const char *name = weir_dev_class_name(at->cls);
    char path[WEIR_REG_PATH];

    if (dev && dev->backend_domid == at->backend->domid)
        return;
    weir_devd_log("%s %u of domain %u at domain %s: no record of it: removed",
                  name, devid, at->frontend, at->backend->cfg.name);
    if (!dev) {
        snprintf(path, sizeof(path), "/local/domain/%u/device/%s/%u",
                 at->frontend, name, devid);
        weir_reg_rm(d, path);
    }
    snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%u/%u",
             at->backend->domid, name, at->frontend, devid);
    weir_reg_rm(d, path);
    if (at->frontend > UINT16_MAX || !weir_backend_listens(at->backend))
        return;
    for (int i = 0; i < 2; i++) {
        r.seq = ++d->next_seq;
        weir_resource_send(at->backend->res_src.fd, &r, NULL);
    }
}

static void frontend(struct weir_devd *d, uint32_t id, void *arg)
{
    struct place *at = arg;
    char path[WEIR_REG_PATH];

    at->frontend = id;
    snprintf(path, sizeof(path), "/local/domain/%u/backend/%s/%u",
             at->backend->domid, weir_dev_class_name(at->cls), id);
    each_number(d, path, stray_device, at);
}

static void stray_domain(struct weir_devd *d, uint32_t id, void *arg)
{
    char path[WEIR_REG_PATH];

    (void)arg;
    if (id == 0 || id > UINT16_MAX || weir_dom_by_id(d, (domid_t)id))
        return;
    weir_devd_log("domain %u: no record of it: its nodes are removed", id);
    weir_reg_release(d, (domid_t)id);
    snprintf(path, sizeof(path), "/local/domain/%u", id);
    weir_reg_rm(d, path);
}

void weir_sweep_registry(struct weir_devd *d)
{
    char path[WEIR_REG_PATH];
    struct weir_dom *m;

    if (!d->xs_open)
        return;
    each_number(d, "/local/domain", stray_domain, NULL);
    for (uint32_t id = 0; (m = weir_takeover_next(d, id));) {
        id = m->domid + 1u;
        if (!m->cfg.driver_domain)
            continue;
        for (uint32_t cls = WEIR_RES_VBD; cls <= WEIR_RES_VIF; cls++) {
            struct place at = {.backend = m, .cls = cls};

            snprintf(path, sizeof(path), "/local/domain/%u/backend/%s",
                     m->domid, weir_dev_class_name(cls));
            each_number(d, path, frontend, &at);
        }
    }
}
