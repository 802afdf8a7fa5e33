/* SPDX-License-Identifier: MIT
 *
 * One setter for each key of weir.cfg(5).
 */
#include "driverdomains/config_keys.h"
#include "driverdomains/restart_policy.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int get_text(struct weir_config_loader *l, const char *key,
                    const char **out)
{
    if (xlu_cfg_get_string(l->xlu, key, out, 1))
        return weir_config_fail(l->f, key, -1, "a list: give one value");
    return 0;
}

static int set_name(struct weir_config_loader *l, const char *key,
                    const char *v)
{
    if (!weir_cfg_name_ok(v))
        return weir_config_fail(
            l->f, key, -1,
            "bad name \"%.80s\": use 1 to 63 letters, digits, '-', "
            "'_', '.' or '+', starting with a letter",
            v);
    snprintf(l->f->cfg.name, WEIR_CFG_NAME, "%s", v);
    return 0;
}

static int set_type(struct weir_config_loader *l, const char *key,
                    const char *v)
{
    if (!strcmp(v, "process"))
        l->f->cfg.type = WEIR_TYPE_PROCESS;
    else if (!strcmp(v, "pvh"))
        l->f->cfg.type = WEIR_TYPE_PVH;
    else
        return weir_config_fail(l->f, key, -1,
                                "\"%.40s\" domains do not exist here: "
                                "use \"process\" or \"pvh\"",
                                v);
    return 0;
}

int weir_config_path(struct weir_config_loader *l, const char *key,
                     const char *path, const char *remedy,
                     char out[WEIR_CFG_PATH])
{
    char real[PATH_MAX];

    if (!realpath(path, real))
        return weir_config_fail(l->f, key, -1, "%.200s: %s: %s", path,
                                strerror(errno), remedy);
    if (strlen(real) >= WEIR_CFG_PATH)
        return weir_config_fail(l->f, key, -1, "the path is too long");
    memcpy(out, real, strlen(real) + 1);
    return 0;
}

static int set_kernel(struct weir_config_loader *l, const char *key,
                      const char *v)
{
    bool vm = l->f->cfg.type == WEIR_TYPE_PVH;
    char path[PATH_MAX];

    if (vm || strchr(v, '/'))
        snprintf(path, sizeof(path), "%s", v);
    else
        snprintf(path, sizeof(path), "%s/%s", l->bin_dir, v);
    return weir_config_path(l, key, path,
                            vm ? "give the path of a kernel"
                               : "give the path of the domain's program, or "
                                 "the name of one beside weir",
                            l->f->cfg.kernel);
}

int weir_config_action(struct weir_config_loader *l, const char *key,
                       const char *v, uint32_t *out)
{
    static const char *const names[] = {
        [WEIR_ACTION_DESTROY] = "destroy",
        [WEIR_ACTION_PRESERVE] = "preserve",
        [WEIR_ACTION_RESTART] = "restart",
    };
    const char *why = "";

    for (uint32_t i = 0; i < COUNT(names); i++)
        if (!strcmp(v, names[i])) {
            *out = i;
            return 0;
        }
    if (!strncmp(v, "coredump-", 9))
        why = "no core is written: ";
    else if (!strcmp(v, "rename-restart"))
        why = "domains are not renamed: ";
    else if (!strcmp(v, "soft-reset"))
        why = "domains are not reset in place: ";
    return weir_config_fail(
        l->f, key, -1,
        "\"%.40s\": %suse \"destroy\", \"preserve\" or \"restart\"", v, why);
}

static int set_on_crash(struct weir_config_loader *l, const char *key,
                        const char *v)
{
    return weir_config_action(l, key, v, &l->f->cfg.on_crash);
}

static int set_driver_domain(struct weir_config_loader *l, const char *key,
                             const char *v)
{
    if (strcmp(v, "0") && strcmp(v, "1"))
        return weir_config_fail(l->f, key, -1, "\"%.40s\": use 0 or 1", v);
    l->f->cfg.driver_domain = v[0] == '1';
    return 0;
}

struct number_key {
    const char *key;
    size_t offset;
    uint32_t min, max;
};

#define NUMBER(key_, member_, min_, max_)                                      \
    {                                                                          \
        (key_), offsetof(struct weir_domain_config, member_), (min_), (max_)   \
    }

static const struct number_key numbers[] = {
    NUMBER("memory", memory_mib, 1, 1u << 20),
    NUMBER("maxmem", maxmem_mib, 1, 1u << 20),
    NUMBER("vcpus", vcpus, 1, WEIR_CFG_VCPUS),
    NUMBER("private_memory", private_mib, 8, 1u << 20),
    NUMBER("cap", cap, 0, 100000),
    NUMBER("cpu_weight", cpu_weight, 1, 10000),
    NUMBER("max_pids", max_pids, 2, 4096),
    NUMBER("max_grants", max_grants, 1, 1024),
    NUMBER("max_ports", max_ports, 8, 4096),
    NUMBER("max_maps", max_maps, 1, 1u << 20),
    NUMBER("restart_limit", restart_limit, 0, WEIR_RESTART_LIMIT_MAX),
    NUMBER("restart_period", restart_period, 1, 86400),
    NUMBER("restart_delay", restart_delay, 0, 10000),
    NUMBER("heartbeat", heartbeat, 0, 3600),
};

static int set_number(struct weir_config_loader *l, const struct number_key *n)
{
    const char *text;
    uint64_t v;
    uint32_t v32;
    int rc = get_text(l, n->key, &text);

    if (rc)
        return rc;
    if (weir_cfg_u64(text, n->min, n->max, &v))
        return weir_config_fail(l->f, n->key, -1,
                                "\"%.40s\": give a whole number from %u to %u",
                                text, n->min, n->max);
    v32 = (uint32_t)v;
    memcpy((char *)&l->f->cfg + n->offset, &v32, sizeof(v32));
    return 0;
}

static const struct {
    const char *key;
    int (*set)(struct weir_config_loader *l, const char *key,
               const char *value);
} texts[] = {
    {"name", set_name},
    {"type", set_type},
    {"kernel", set_kernel},
    {"on_crash", set_on_crash},
    {"driver_domain", set_driver_domain},
    {"restart_io", weir_config_restart_io},
    {"ramdisk", weir_config_vm_key},
    {"cmdline", weir_config_vm_key},
    {"root", weir_config_vm_key},
    {"extra", weir_config_vm_key},
    {"uuid", weir_config_vm_key},
    {"on_poweroff", weir_config_vm_key},
    {"on_reboot", weir_config_vm_key},
};

/* ---- lists ------------------------------------------------------------ */

static int add_arg(struct weir_config_loader *l, int i, const char *v)
{
    if (strlen(v) >= WEIR_CFG_ARG)
        return weir_config_fail(l->f, "args", i, "longer than %d bytes",
                                WEIR_CFG_ARG - 1);
    memcpy(l->f->cfg.args[i], v, strlen(v) + 1);
    l->f->cfg.nargs = (uint32_t)i + 1;
    return 0;
}

static int add_offer(struct weir_config_loader *l, int i, const char *v)
{
    if (!strcmp(v, "vbd"))
        l->f->cfg.offers |= WEIR_OFFERS_VBD;
    else if (!strcmp(v, "vif"))
        l->f->cfg.offers |= WEIR_OFFERS_VIF;
    else
        return weir_config_fail(l->f, "offers", i,
                                "\"%.40s\": use \"vbd\" or \"vif\"", v);
    return 0;
}

static int add_disk(struct weir_config_loader *l, int i, const char *v)
{
    struct weir_cfg_error e = {""};

    if (weir_config_disk(v, &l->f->cfg.disks[i], &e))
        return weir_config_fail(l->f, "disk", i, "%s", e.text);
    l->f->cfg.ndisks = (uint32_t)i + 1;
    for (int k = 0; k < i; k++)
        if (l->f->cfg.disks[k].devid == l->f->cfg.disks[i].devid)
            return weir_config_fail(
                l->f, "disk", i, "vdev %s is used by disk %d: choose another",
                l->f->cfg.disks[i].vdev, k + 1);
    return 0;
}

static int add_vif(struct weir_config_loader *l, int i, const char *v)
{
    struct weir_domain_config *c = &l->f->cfg;
    struct weir_cfg_error e = {""};

    if (weir_cfg_vif(v, &c->vifs[i], &e))
        return weir_config_fail(l->f, "vif", i, "%s", e.text);
    c->nvifs = (uint32_t)i + 1;
    for (int k = 0; k < i; k++)
        if (c->vifs[i].has_mac && c->vifs[k].has_mac &&
            !memcmp(c->vifs[i].mac, c->vifs[k].mac, 6))
            return weir_config_fail(
                l->f, "vif", i,
                "the MAC address is that of vif %d: choose another", k + 1);
    return 0;
}

static const struct list_key {
    const char *key;
    int max;
    int (*add)(struct weir_config_loader *l, int i, const char *value);
} lists[] = {
    {"args", WEIR_CFG_ARGS, add_arg},
    {"offers", 2, add_offer},
    {"disk", WEIR_CFG_DISKS, add_disk},
    {"vif", WEIR_CFG_VIFS, add_vif},
};

static int set_list(struct weir_config_loader *l, const struct list_key *k)
{
    XLU_ConfigList *list;
    int n = 0;
    int rc = xlu_cfg_get_list(l->xlu, k->key, &list, &n, 1);

    if (rc == EINVAL)
        return weir_config_fail(l->f, k->key, -1,
                                "not a list: write %s=[ '...' ]", k->key);
    if (n > k->max)
        return weir_config_fail(l->f, k->key, k->max, "more than %d entries",
                                k->max);
    for (int i = 0; rc == 0 && i < n; i++) {
        const char *v = xlu_cfg_get_listitem(list, i);

        rc = v ? k->add(l, i, v)
               : weir_config_fail(l->f, k->key, i,
                                  "a list in a list: give a string");
    }
    return rc;
}

int weir_config_key(struct weir_config_loader *l, const char *key)
{
    const char *v, *why = weir_config_xl_key(key);

    for (size_t i = 0; i < COUNT(texts); i++)
        if (!strcmp(key, texts[i].key))
            return get_text(l, key, &v) ? -EINVAL : texts[i].set(l, key, v);
    for (size_t i = 0; i < COUNT(numbers); i++)
        if (!strcmp(key, numbers[i].key))
            return set_number(l, &numbers[i]);
    for (size_t i = 0; i < COUNT(lists); i++)
        if (!strcmp(key, lists[i].key))
            return set_list(l, &lists[i]);
    if (why)
        return weir_config_fail(l->f, key, -1, "%s", why);
    return weir_config_fail(
        l->f, key, -1,
        "unknown key: correct it or take it out; weir.cfg(5) lists "
        "the keys");
}
