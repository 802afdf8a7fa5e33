/* SPDX-License-Identifier: MIT
 *
 * Domains that are VMs: from the kernel's file to the first instruction, and
 * what the guest's own end means.  The kernel is unpacked by weir-load, which
 * the loop waits for like for everybody else; weir-hv gets the finished bytes.
 */
#include "driverdomains/devd.h"
#include "hypervisor/loader/load.h"
#include "ring/crash_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGES_PER_MIB  256u
#define DEFAULT_GRANTS 64u
/* Shared info, console and store pages, start of day, and some to spare. */
#define SPECIAL_PAGES 64u

uint32_t weir_vm_overhead(const struct weir_domain_config *c)
{
    return SPECIAL_PAGES + (c->max_grants ? c->max_grants : DEFAULT_GRANTS);
}

/* Random, as RFC 4122 writes such; a restart keeps it. */
void weir_vm_uuid(char text[WEIR_CFG_UUID])
{
    uint8_t b[16];

    if (getrandom(b, sizeof(b), GRND_NONBLOCK) != sizeof(b))
        memset(b, 0, sizeof(b));
    b[6] = (uint8_t)((b[6] & 0x0f) | 0x40);
    b[8] = (uint8_t)((b[8] & 0x3f) | 0x80);
    snprintf(text, WEIR_CFG_UUID,
             "%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-"
             "%02x%02x%02x%02x%02x%02x",
             b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10],
             b[11], b[12], b[13], b[14], b[15]);
}

/* O_NONBLOCK: a fifo must not hold the manager up before fstat tells. */
static int open_file(const char *path, const char *where,
                     struct weir_refusal *why)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    int rc;

    if (fd < 0)
        return weir_refuse(why, -errno, where,
                           "%.300s: %s: give the path of a file", path,
                           strerror(errno));
    rc = fstat(fd, &st) ? -errno : 0;
    if (rc == 0 && S_ISREG(st.st_mode) && st.st_size > 0)
        return fd;
    close(fd);
    return weir_refuse(why, rc ? rc : -EINVAL, where, "%.300s: %s", path,
                       rc                     ? strerror(-rc)
                       : !S_ISREG(st.st_mode) ? "not a regular file"
                                              : "an empty file");
}

int weir_vm_check(const struct weir_domain_config *c, struct weir_refusal *why)
{
    struct weir_cfg_error e;
    const char *key = weir_cfg_check_vm(c, &e);
    int fd;

    if (key)
        return weir_refuse(why, -EINVAL, key, "%s", e.text);
    if (c->nargs || c->private_mib || c->cap || c->cpu_weight || c->max_pids)
        return weir_refuse(why, -EINVAL, "type",
                           "args, private_memory, cap, cpu_weight and max_pids "
                           "are for process domains: take them out");
    if (c->driver_domain && !c->offers)
        return weir_refuse(why, -EINVAL, "driver_domain",
                           "offers= is missing: say what the VM serves");
    fd = open_file(c->kernel, "kernel", why);
    if (fd < 0)
        return fd;
    close(fd);
    if (!c->ramdisk[0])
        return 0;
    fd = open_file(c->ramdisk, "ramdisk", why);
    if (fd < 0)
        return fd;
    close(fd);
    return 0;
}

/* weir-hv may have ended it meanwhile, for want of memory, say. */
static const char *why_not(struct weir_dom *dom, int rc,
                           struct weir_hv_dominfo *info)
{
    if (weir_hvctl_info(dom->devd->hv, dom->domid, info) == 0 &&
        info->state == WEIR_DOM_CRASHED && info->reason[0])
        return info->reason;
    return strerror(-rc);
}

/* A text of weir-load's begins with the name of the file at fault. */
static bool begins_with(const char *text, const char *name)
{
    size_t n = strnlen(name, WEIR_LOAD_MAX_NAME);

    return n > 0 && strncmp(text, name, n) == 0 && text[n] == ':';
}

static void load_failed(struct weir_dom *dom, const char *text)
{
    bool its_fault = begins_with(text, dom->cfg.ramdisk);

    weir_vm_unload(dom);
    weir_devd_log("domain %u (%s) is not started: %s", dom->domid,
                  dom->cfg.name, text);
    weir_dom_fail(dom, its_fault ? "ramdisk" : "kernel", "%s", text);
}

/* Reads, decompresses and checks nothing itself: see load.h. */
static void load_ready(struct weir_source *s, uint32_t events)
{
    struct weir_dom *dom = weir_container(s, struct weir_dom, load_src);
    char why[WEIR_VMLOAD_WHY] = "";
    struct weir_hv_dominfo info;
    struct weir_vm_image image;
    int rc;

    (void)events;
    rc = weir_vmload_finish(dom->load, &image, why);
    if (rc == -EAGAIN)
        return;
    if (rc) {
        load_failed(dom, why[0] ? why : strerror(-rc));
        return;
    }
    weir_vm_unload(dom);
    rc = weir_vm_image_push(&image, dom->devd->hv, dom->domid);
    dom->entry = image.entry;
    dom->start_info = image.start_info;
    weir_vm_image_close(&image);
    if (rc) {
        snprintf(why, sizeof(why), "%.300s: weir-hv did not take it: %s",
                 dom->cfg.kernel, why_not(dom, rc, &info));
        load_failed(dom, why);
        return;
    }
    dom->loaded = true;
    dom->deadline_ns = 0; /* devices have their own */
    weir_dom_check_started(dom);
}

static int watch_load(struct weir_dom *dom)
{
    /* A copy: the handle closes its own. */
    int fd = fcntl(weir_vmload_fd(dom->load), F_DUPFD_CLOEXEC, 3);
    int rc;

    if (fd < 0)
        return -errno;
    rc = weir_source_add(dom->devd, &dom->load_src, fd, load_ready);
    if (rc)
        close(fd);
    dom->deadline_ns =
        weir_devd_now() + weir_vmload_left_ms(dom->load) * 1000000ull;
    return rc;
}

static int start_loader(struct weir_dom *dom, int kernel_fd, int ramdisk_fd,
                        struct weir_refusal *why)
{
    const struct weir_domain_config *c = &dom->cfg;
    char program[sizeof(dom->devd->bin_dir) + 16];
    struct weir_hv_dominfo info;
    struct weir_vmload_config how = {
        .program = program,
        .kernel_fd = kernel_fd,
        .ramdisk_fd = ramdisk_fd,
        .kernel_name = c->kernel,
        .ramdisk_name = ramdisk_fd >= 0 ? c->ramdisk : NULL,
        .ram_pages = (uint64_t)c->memory_mib * PAGES_PER_MIB,
        .vcpus = c->vcpus,
        .cmdline = c->cmdline,
    };
    const char *what = "ask weir-hv";
    int rc = weir_hvctl_info(dom->devd->hv, dom->domid, &info);

    snprintf(program, sizeof(program), "%s/weir-load", dom->devd->bin_dir);
    if (rc == 0) {
        how.xen_hvm = info.xen_hvm;
        rc = weir_vmload_start(&how, &dom->load, &what);
    }
    if (rc == 0) {
        what = "wait for it";
        rc = watch_load(dom);
    }
    return rc ? weir_refuse(why, rc, "kernel", "%s: %s: %s", program, what,
                            strerror(-rc))
              : 0;
}

/* The log has no program to come from: it holds the manager's own notes. */
static int open_log(struct weir_dom *dom, struct weir_refusal *why)
{
    int end = -1;
    int rc = weir_dom_open_log(dom, &end);

    if (rc == 0)
        close(end);
    return rc ? weir_refuse(why, rc, "kernel", "log of %s: %s", dom->cfg.name,
                            strerror(-rc))
              : 0;
}

int weir_vm_load(struct weir_dom *dom, struct weir_refusal *why)
{
    int kernel = -1, ramdisk = -1;
    int rc = open_log(dom, why);

    if (rc == 0) {
        kernel = open_file(dom->cfg.kernel, "kernel", why);
        rc = kernel < 0 ? kernel : 0;
    }
    if (rc == 0 && dom->cfg.ramdisk[0]) {
        ramdisk = open_file(dom->cfg.ramdisk, "ramdisk", why);
        rc = ramdisk < 0 ? ramdisk : 0;
    }
    if (rc == 0)
        rc = start_loader(dom, kernel, ramdisk, why);
    if (kernel >= 0)
        close(kernel);
    if (ramdisk >= 0)
        close(ramdisk);
    return rc;
}

void weir_vm_load_timer(struct weir_dom *dom)
{
    if (dom->load)
        load_ready(&dom->load_src, 0); /* says that it took too long */
}

void weir_vm_unload(struct weir_dom *dom)
{
    weir_source_close(dom->devd, &dom->load_src);
    weir_vmload_free(dom->load);
    dom->load = NULL;
}

void weir_vm_start(struct weir_dom *dom)
{
    struct weir_hv_dominfo info;
    int rc = weir_hvctl_vm_start(dom->devd->hv, dom->domid, dom->entry,
                                 dom->start_info);

    WEIR_CRASH_POINT();
    if (rc) {
        weir_dom_fail(dom, "kernel", "weir-hv did not start the VM: %s",
                      why_not(dom, rc, &info));
        return;
    }
    dom->sealed = dom->ready = true;
    dom->target_kib = dom->cfg.memory_mib * 1024ull;
    weir_dom_running(dom);
}

static const char *how_it_ended(uint32_t code)
{
    switch (code) {
    case WEIR_SHUTDOWN_POWEROFF:
        return "it powered off";
    case WEIR_SHUTDOWN_REBOOT:
        return "it reboots";
    case WEIR_SHUTDOWN_SUSPEND:
        return "it suspended itself, which nobody can undo";
    case WEIR_SHUTDOWN_WATCHDOG:
        return "its watchdog fired";
    default:
        return "it crashed";
    }
}

void weir_vm_ended(struct weir_dom *dom, const struct weir_hv_dominfo *i)
{
    bool crashed = i->state == WEIR_DOM_CRASHED ||
                   (i->shutdown != WEIR_SHUTDOWN_POWEROFF &&
                    i->shutdown != WEIR_SHUTDOWN_REBOOT);
    uint32_t action = crashed ? dom->cfg.on_crash
                      : i->shutdown == WEIR_SHUTDOWN_REBOOT
                          ? dom->cfg.on_reboot
                          : dom->cfg.on_poweroff;

    if (dom->phase == WEIR_PHASE_STARTING && crashed) {
        /* Before its first instruction only memory can fail. */
        weir_dom_fail(dom, "memory", "%s", i->reason);
        return;
    }
    if (dom->phase != WEIR_PHASE_RUNNING && dom->phase != WEIR_PHASE_STOPPING)
        return;
    snprintf(dom->reason, sizeof(dom->reason), "%s",
             i->state == WEIR_DOM_CRASHED && i->reason[0]
                 ? i->reason
                 : how_it_ended(i->shutdown));
    weir_dom_ended(dom, action, crashed);
}
