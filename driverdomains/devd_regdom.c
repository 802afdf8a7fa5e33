/* SPDX-License-Identifier: MIT
 *
 * A domain's home in the registry, with Xen's paths and permissions: it reads
 * all of it, and owns what it has to write.  VMs get what libxl writes for a
 * PVH guest, as stock kernels and agents look for it.
 */
#include "driverdomains/devd_reg.h"
#include "hypervisor/vm_map.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define CONSOLE_LIMIT 1048576 /* bytes, what xenconsoled is told */

void weir_reg_put(struct weir_reg *w, const char *key, const char *value)
{
    if (w->rc == 0)
        w->rc = weir_xs_write_key(w->xs, w->tx, w->dir, key, value);
}

void weir_reg_num(struct weir_reg *w, const char *key, uint64_t value)
{
    if (w->rc == 0)
        w->rc = weir_xs_write_u64(w->xs, w->tx, w->dir, key, value);
}

void weir_reg_make(struct weir_reg *w, const char *path, domid_t owner,
                   domid_t reader)
{
    char perms[32];
    int n = snprintf(perms, sizeof(perms), "n%u", owner) + 1;

    if (reader != owner)
        n += snprintf(perms + n, sizeof(perms) - (size_t)n, "r%u", reader) + 1;
    if (w->rc == 0)
        w->rc = weir_xs_mkdir(w->xs, w->tx, path);
    if (w->rc == 0)
        w->rc = weir_xs_set_perms(w->xs, w->tx, path, perms, (size_t)n);
}

void weir_reg_make_sub(struct weir_reg *w, const char *home, const char *sub,
                       domid_t owner, domid_t reader)
{
    char path[WEIR_REG_PATH];

    snprintf(path, sizeof(path), "%.100s/%.40s", home, sub);
    weir_reg_make(w, path, owner, reader);
}

static void home_of(domid_t domid, char path[WEIR_REG_PATH])
{
    snprintf(path, WEIR_REG_PATH, "/local/domain/%u", domid);
}

static void vm_home_of(const struct weir_dom *dom, char path[WEIR_REG_PATH])
{
    snprintf(path, WEIR_REG_PATH, "/vm/%s", dom->cfg.uuid);
}

struct newcomer {
    struct weir_dom *dom;
    const struct weir_hv_dominfo *info;
};

/* What the guest owns below its home. */
static void own(struct weir_reg *w, const char *home, domid_t domid,
                const char *const *subs)
{
    for (; *subs; subs++)
        weir_reg_make_sub(w, home, *subs, domid, domid);
}

static void write_vcpus(struct weir_reg *w, uint32_t n)
{
    char key[32];

    for (uint32_t i = 0; i < n; i++) {
        snprintf(key, sizeof(key), "cpu/%u/availability", i);
        weir_reg_put(w, key, "online");
    }
}

/* The kernel finds rings and ports of console and store by hypercall; tools
 * look here. */
static void write_rings(struct weir_reg *w, const struct weir_hv_dominfo *info)
{
    weir_reg_num(w, "store/ring-ref", WEIR_VM_PFN_STORE);
    weir_reg_num(w, "store/port", info->store_evtchn);
    weir_reg_num(w, "console/ring-ref", WEIR_VM_PFN_CONSOLE);
    weir_reg_num(w, "console/port", info->console_evtchn);
    weir_reg_put(w, "console/type", "xenconsoled");
    weir_reg_num(w, "console/limit", CONSOLE_LIMIT);
    weir_reg_put(w, "console/output", "pty");
    weir_reg_put(w, "console/tty", "");
}

static void write_vm_home(struct weir_reg *w, const struct weir_dom *dom)
{
    char path[WEIR_REG_PATH];

    vm_home_of(dom, path);
    weir_reg_put(w, "vm", path);
    weir_reg_make(w, path, 0, dom->domid);
    w->dir = path;
    weir_reg_put(w, "uuid", dom->cfg.uuid);
    weir_reg_put(w, "name", dom->cfg.name);
    weir_reg_num(w, "start_time", (uint64_t)time(NULL));
    weir_reg_put(w, "image/ostype", "linux");
    weir_reg_put(w, "image/kernel", dom->cfg.kernel);
    if (dom->cfg.ramdisk[0])
        weir_reg_put(w, "image/ramdisk", dom->cfg.ramdisk);
    if (dom->cfg.cmdline[0])
        weir_reg_put(w, "image/cmdline", dom->cfg.cmdline);
}

static void write_vm(struct weir_reg *w, const char *home,
                     const struct newcomer *n)
{
    static const char *const owned[] = {
        "control/feature-reboot",
        "control/feature-suspend",
        "control/sysrq",
        "drivers",
        "feature",
        "attr",
        NULL,
    };
    /* xl devd, inside a driver VM, keeps its books there. */
    static const char *const driver[] = {"libxl", "device-model", NULL};
    const struct weir_dom *dom = n->dom;

    own(w, home, dom->domid, owned);
    if (dom->cfg.driver_domain)
        own(w, home, dom->domid, driver);
    weir_reg_num(w, "control/platform-feature-multiprocessor-suspend", 1);
    weir_reg_num(w, "control/platform-feature-xs_reset_watches", 1);
    write_vcpus(w, dom->cfg.vcpus);
    write_rings(w, n->info);
    write_vm_home(w, dom);
}

/* static-max is what the guest's memory map shows, and not how far it may
 * balloon up: Linux takes the difference to what it has for pages that do not
 * count. */
static void write_domain(struct weir_reg *w, void *what)
{
    static const char *const owned[] = {
        "control/shutdown", "control/feature-poweroff", "data", "error", NULL,
    };
    const struct newcomer *n = what;
    struct weir_dom *dom = n->dom;
    domid_t id = dom->domid;
    bool vm = weir_dom_is_vm(dom);
    char home[WEIR_REG_PATH];

    home_of(id, home);
    w->dir = home;
    weir_reg_make(w, home, 0, id);
    weir_reg_put(w, "name", dom->cfg.name);
    weir_reg_num(w, "domid", id);
    weir_reg_put(w, "type", vm ? "pvh" : "process");
    weir_reg_make_sub(w, home, "memory", 0, id);
    weir_reg_num(w, "memory/static-max", dom->cfg.memory_mib * 1024ull);
    weir_reg_num(w, "memory/target", dom->cfg.memory_mib * 1024ull);
    weir_reg_make_sub(w, home, "device", vm ? 0 : id, id);
    if (dom->cfg.driver_domain)
        weir_reg_make_sub(w, home, "backend", id, id);
    weir_reg_make_sub(w, home, "control", 0, id);
    own(w, home, id, owned);
    if (vm)
        write_vm(w, home, n);
}

int weir_reg_watch(struct weir_dom *dom)
{
    char path[WEIR_REG_PATH], token[24];
    int rc;

    snprintf(path, sizeof(path), "/local/domain/%u/backend", dom->domid);
    snprintf(token, sizeof(token), "%u", dom->domid);
    rc = weir_xs_watch(&dom->devd->xs, path, token);
    return rc == -EEXIST ? 0 : rc;
}

static void unwatch(struct weir_dom *dom)
{
    char path[WEIR_REG_PATH], token[24];

    if (!dom->watched)
        return;
    dom->watched = false; /* a new connection begins without it */
    snprintf(path, sizeof(path), "/local/domain/%u/backend", dom->domid);
    snprintf(token, sizeof(token), "%u", dom->domid);
    weir_xs_unwatch(&dom->devd->xs, path, token);
}

int weir_reg_domain(struct weir_dom *dom, const struct weir_hv_dominfo *info)
{
    struct weir_devd *d = dom->devd;
    struct newcomer n = {.dom = dom, .info = info};
    int rc = weir_reg_transaction(d, &n, write_domain);

    if (rc || !dom->cfg.driver_domain)
        return rc;
    do
        rc = weir_reg_watch(dom);
    while (weir_store_again(d));
    dom->watched = rc == 0;
    return rc;
}

void weir_reg_remove_domain(struct weir_dom *dom)
{
    struct weir_devd *d = dom->devd;
    char path[WEIR_REG_PATH];

    if (!d->xs_open)
        return;
    unwatch(dom);
    weir_reg_release(d, dom->domid);
    home_of(dom->domid, path);
    weir_reg_rm(d, path);
    if (weir_dom_is_vm(dom)) {
        vm_home_of(dom, path);
        weir_reg_rm(d, path);
    }
}

int weir_reg_ask(struct weir_dom *dom, const char *what)
{
    char home[WEIR_REG_PATH];

    home_of(dom->domid, home);
    return weir_reg_write(dom->devd, home, "control/shutdown", what);
}

bool weir_reg_offers(struct weir_dom *dom, const char *what)
{
    char home[WEIR_REG_PATH], key[48];
    uint64_t offers;

    home_of(dom->domid, home);
    snprintf(key, sizeof(key), "control/feature-%.16s", what);
    return weir_reg_read_u64(dom->devd, home, key, &offers) == 0 && offers == 1;
}

int weir_reg_target(struct weir_dom *dom, uint64_t kib)
{
    char home[WEIR_REG_PATH], digits[24];

    home_of(dom->domid, home);
    snprintf(digits, sizeof(digits), "%" PRIu64, kib);
    return weir_reg_write(dom->devd, home, "memory/target", digits);
}
