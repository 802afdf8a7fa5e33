/* SPDX-License-Identifier: MIT
 *
 * weir-load's work: from open files to one memfd that holds everything a VM
 * starts with.  Blocks on the files; allocates address space by their sizes
 * only (weir_ld_job_look), so that limits can be set before a byte is read.
 */
#ifndef WEIR_HYPERVISOR_LOADER_BUILD_H
#define WEIR_HYPERVISOR_LOADER_BUILD_H

#include "hypervisor/loader/image.h"
#include "hypervisor/loader/load.h"

struct weir_ld_job {
    int kernel_fd, ramdisk_fd; /* -1: none */
    uint64_t ram_pages;        /* 0: only look, whether any VM will do */
    uint32_t vcpus;
    const char *cmdline;                /* NULL or "": none */
    bool rewrite;                       /* mode s */
    uint64_t kernel_size, ramdisk_size; /* bytes, by weir_ld_job_look */
};

struct weir_ld_built {
    struct weir_ld_file file;
    struct weir_ld_elf elf;
    struct weir_ld_stubs stubs;
    uint64_t kernel_len;        /* unpacked */
    struct weir_vm_image image; /* memfd -1 when not placed */
};

/* Regular files of bearable sizes?  Fills the sizes in. */
int weir_ld_job_look(struct weir_ld_job *job, struct weir_ld_why *why);
/* Address space, and bytes of the memfd, that weir_ld_build may take. */
uint64_t weir_ld_job_memory(const struct weir_ld_job *job);
uint64_t weir_ld_job_memfd(const struct weir_ld_job *job);

/* out->image.memfd is the caller's. */
int weir_ld_build(const struct weir_ld_job *job, struct weir_ld_built *out,
                  struct weir_ld_why *why);

#endif
