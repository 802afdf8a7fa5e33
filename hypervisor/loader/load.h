/* SPDX-License-Identifier: MIT
 *
 * From a kernel file to a VM domain's first memory: the device manager's half.
 * Images are never parsed here nor in weir-hv, but by the program weir-load, a
 * sealed child that lives for one image (load_abi.h).
 *
 *   weir_vmload_start       spawn it; its descriptor polls readable at the end
 *   weir_vmload_finish      its validated answer, or why there is none
 *   weir_vm_image_push      all of it into a BUILDING domain of weir-hv
 *   weir_hvctl_vm_start     with image.entry, image.start_info
 *
 * Nothing here blocks, but weir_vm_image_push, which copies through weir-hv.
 * One thread at a time may use a handle.
 */
#ifndef WEIR_HYPERVISOR_LOAD_H
#define WEIR_HYPERVISOR_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hypervisor/loader/load_abi.h"

struct weir_hvctl;
struct weir_vmload;

#define WEIR_VMLOAD_TIMEOUT_MS 120000u /* when timeout_ms is 0 */
#define WEIR_VMLOAD_WHY        (WEIR_LOAD_MAX_TEXT + 64)

struct weir_vmload_config {
    const char *program;      /* weir-load, absolute path */
    int kernel_fd;            /* a regular file open for reading; stays yours */
    int ramdisk_fd;           /* -1: none; stays yours */
    const char *kernel_name;  /* as in the configuration, for messages */
    const char *ramdisk_name; /* NULL: none */
    uint64_t ram_pages;       /* 4096-byte pages */
    uint32_t vcpus;           /* 1..8 */
    const char *cmdline;      /* NULL or "": none */
    bool xen_hvm;             /* weir_hv_dominfo.xen_hvm: leave the kernel's
                                 hypercalls as they are */
    uint32_t timeout_ms;
};

/* Spawns weir-load.  -errno: nothing runs, *what names the step that failed. */
int weir_vmload_start(const struct weir_vmload_config *config,
                      struct weir_vmload **out, const char **what);
/* Polls readable (EPOLLIN) when weir_vmload_finish may have something; valid
 * until weir_vmload_free, which closes it. */
int weir_vmload_fd(const struct weir_vmload *l);
/* Milliseconds until weir_vmload_finish gives up; 0: call it now. */
uint32_t weir_vmload_left_ms(const struct weir_vmload *l);

struct weir_vm_segment {
    uint64_t gpa;    /* guest-physical address */
    uint64_t offset; /* in the memfd */
    uint64_t length; /* bytes, > 0 */
};

struct weir_vm_image {
    int memfd; /* sealed: neither size nor content change */
    uint32_t entry, start_info;
    uint32_t rewritten; /* hypercall stubs */
    uint32_t nsegments;
    struct weir_vm_segment segments[WEIR_LOAD_MAX_SEGMENTS];
};

/* 0: *out is filled and the program is gone; the image is the caller's
 * (weir_vm_image_close).  -EAGAIN: not yet.  Other -errno: there will be no
 * image, why is one line for the user; -EINVAL and -ENOMEM are the image's
 * fault (it does not fit, it is no kernel), -ETIMEDOUT killed it, -EIO means
 * that the program ended without an answer or with one that is not true. */
int weir_vmload_finish(struct weir_vmload *l, struct weir_vm_image *out,
                       char why[WEIR_VMLOAD_WHY]);
/* At any time; kills the program if it runs.  NULL is none. */
void weir_vmload_free(struct weir_vmload *l);

/* Into the domain, which is BUILDING.  -errno as weir_hvctl_vm_load. */
int weir_vm_image_push(const struct weir_vm_image *image, struct weir_hvctl *hv,
                       uint16_t domid);
void weir_vm_image_close(struct weir_vm_image *image);

#endif
