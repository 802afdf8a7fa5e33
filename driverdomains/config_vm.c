/* SPDX-License-Identifier: MIT
 *
 * Keys of VM domains, and what each type of domain can't have.
 */
#include "driverdomains/config_keys.h"

#include <errno.h>
#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static int keep_text(struct weir_config_loader *l, const char *key,
                     const char *v, char *out)
{
    if (strlen(v) >= WEIR_CFG_LINE)
        return weir_config_fail(l->f, key, -1,
                                "longer than the %d bytes a kernel takes",
                                WEIR_CFG_LINE - 1);
    memcpy(out, v, strlen(v) + 1);
    return 0;
}

int weir_config_vm_key(struct weir_config_loader *l, const char *key,
                       const char *v)
{
    struct weir_domain_config *c = &l->f->cfg;

    if (!strcmp(key, "cmdline"))
        return keep_text(l, key, v, c->cmdline);
    if (!strcmp(key, "root"))
        return keep_text(l, key, v, l->root);
    if (!strcmp(key, "extra"))
        return keep_text(l, key, v, l->extra);
    if (!strcmp(key, "ramdisk"))
        return weir_config_path(l, key, v,
                                "give the path of an initial "
                                "ramdisk, or take it out",
                                c->ramdisk);
    if (!strcmp(key, "on_poweroff"))
        return weir_config_action(l, key, v, &c->on_poweroff);
    if (!strcmp(key, "on_reboot"))
        return weir_config_action(l, key, v, &c->on_reboot);
    if (!weir_cfg_uuid_ok(v))
        return weir_config_fail(l->f, key, -1,
                                "\"%.60s\" is not a UUID: write it as uuidgen "
                                "does, or take it out",
                                v);
    memcpy(c->uuid, v, WEIR_CFG_UUID);
    return 0;
}

/* xl's rule, but a line that would be ignored is a mistake here. */
static int compose_cmdline(struct weir_config_loader *l)
{
    char *line = l->f->cfg.cmdline;
    const char *loser = l->root[0] ? "root" : "extra";
    int n;

    if (!l->root[0] && !l->extra[0])
        return 0;
    if (line[0])
        return weir_config_fail(l->f, loser, -1,
                                "cmdline= is the whole line: add it there, or "
                                "take cmdline= out");
    n = snprintf(line, WEIR_CFG_LINE, "%s%s%s%s", l->root[0] ? "root=" : "",
                 l->root, l->root[0] && l->extra[0] ? " " : "", l->extra);
    if (n < 0 || n >= WEIR_CFG_LINE)
        return weir_config_fail(l->f, loser, -1,
                                "with the other one longer than the %d bytes "
                                "a kernel takes",
                                WEIR_CFG_LINE - 1);
    return 0;
}

static const char *const vm_only[] = {
    "ramdisk", "cmdline", "root",        "extra",     "vcpus",
    "maxmem",  "uuid",    "on_poweroff", "on_reboot",
};

static const struct {
    const char *key, *why;
} process_only[] = {
    {"args", "put it on the kernel's command line: extra=\"...\""},
    {"private_memory", "a VM has no memory but memory= and maxmem="},
    {"max_pids", "a VM has vCPUs: write vcpus="},
    {"cap", "its vCPUs are threads of weir-hv, which is not limited by "
            "domain: take it out, or lower vcpus="},
    {"cpu_weight", "its vCPUs are threads of weir-hv, which is not weighted "
                   "by domain: take it out"},
};

static int check_process(struct weir_config_loader *l)
{
    for (size_t i = 0; i < COUNT(vm_only); i++)
        if (weir_cfg_line(&l->f->scan, vm_only[i], -1))
            return weir_config_fail(l->f, vm_only[i], -1,
                                    "only a VM has that: add type=\"pvh\", or "
                                    "take it out");
    return 0;
}

int weir_config_type_check(struct weir_config_loader *l)
{
    struct weir_domain_config *c = &l->f->cfg;
    struct weir_cfg_error e;
    const char *key;
    int rc;

    if (c->type != WEIR_TYPE_PVH)
        return check_process(l);
    for (size_t i = 0; i < COUNT(process_only); i++)
        if (weir_cfg_line(&l->f->scan, process_only[i].key, -1))
            return weir_config_fail(l->f, process_only[i].key, -1, "%s",
                                    process_only[i].why);
    if (!weir_cfg_line(&l->f->scan, "memory", -1))
        return weir_config_fail(l->f, "memory", -1,
                                "missing: add memory=, the MiB the VM starts "
                                "with");
    if (!c->vcpus)
        c->vcpus = 1;
    if (!c->maxmem_mib)
        c->maxmem_mib = c->memory_mib;
    if (!weir_cfg_line(&l->f->scan, "on_reboot", -1))
        c->on_reboot = WEIR_ACTION_RESTART;
    c->private_mib = c->max_pids = 0;
    rc = compose_cmdline(l);
    key = rc ? NULL : weir_cfg_check_vm(c, &e);
    return key ? weir_config_fail(l->f, key, -1, "%s", e.text) : rc;
}

/* ---- what xl knows and Weir does not ----------------------------------- */

static const char no_firmware[] =
    "there is no firmware and no boot loader: give kernel= and ramdisk=";
static const char no_display[] =
    "a VM has no display: take it out; `weir console` shows its console";
static const char no_model[] =
    "there is no device model: take it out; give it disk= and vif=";
static const char no_passthrough[] =
    "devices of the host can't be given to a VM: take it out";
static const char no_pinning[] =
    "vCPUs are not pinned or scheduled by domain: take it out";

static const struct {
    const char *key, *why;
} xl_keys[] = {
    {"builder", "write type=\"pvh\" for a VM, type=\"process\" else"},
    {"pvh", "write type=\"pvh\""},
    {"bootloader", no_firmware},
    {"bootloader_args", no_firmware},
    {"firmware", no_firmware},
    {"firmware_override", no_firmware},
    {"bios", no_firmware},
    {"boot", no_firmware},
    {"vfb", no_display},
    {"vkb", no_display},
    {"vnc", no_display},
    {"vnclisten", no_display},
    {"sdl", no_display},
    {"spice", no_display},
    {"vga", no_display},
    {"stdvga", no_display},
    {"videoram", no_display},
    {"serial", "a VM has no serial port: take it out and add console=hvc0 to "
               "extra="},
    {"device_model_version", no_model},
    {"device_model_override", no_model},
    {"device_model_args", no_model},
    {"usb", no_model},
    {"usbdevice", no_model},
    {"soundhw", no_model},
    {"xen_platform_pci", no_model},
    {"hdtype", no_model},
    {"pci", no_passthrough},
    {"usbdev", no_passthrough},
    {"ioports", no_passthrough},
    {"iomem", no_passthrough},
    {"irqs", no_passthrough},
    {"cpus", no_pinning},
    {"cpus_soft", no_pinning},
    {"pool", no_pinning},
    {"maxvcpus", "vCPUs are not added later: write vcpus="},
    {"on_watchdog", "the watchdog's end is a crash: write on_crash="},
    {"on_soft_reset", "domains are not reset in place: take it out"},
    {"nestedhvm", "a VM can't run VMs: take it out"},
    {"vtpm", "there are disks and network interfaces only: take it out"},
    {"p9", "there are disks and network interfaces only: take it out"},
    {"channel", "there are disks and network interfaces only: take it out"},
};

const char *weir_config_xl_key(const char *key)
{
    for (size_t i = 0; i < COUNT(xl_keys); i++)
        if (!strcmp(key, xl_keys[i].key))
            return xl_keys[i].why;
    return NULL;
}
