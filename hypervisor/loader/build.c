/* SPDX-License-Identifier: MIT */
#include "hypervisor/loader/build.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MIB     (UINT64_C(1) << 20)
#define RAMDISK (UINT64_C(3) << 30) /* more can never fit */

static uint64_t page_up(uint64_t n)
{
    return (n + WEIR_LD_PAGE - 1) & ~(WEIR_LD_PAGE - 1);
}

static int look(int fd, uint64_t max, bool ramdisk, uint64_t *size,
                struct weir_ld_why *why)
{
    const char *need = ramdisk ? "a ramdisk (a regular file)"
                               : "a bzImage or an ELF kernel with a PVH entry";
    struct stat st;

    why->ramdisk = ramdisk;
    if (fstat(fd, &st))
        return weir_ld_refuse(why, -errno,
                              "found a file that can't be looked at (%s); "
                              "needed %s",
                              strerror(errno), need);
    if (!S_ISREG(st.st_mode))
        return weir_ld_refuse(why, -EINVAL, "found %s; needed %s",
                              S_ISDIR(st.st_mode)    ? "a directory"
                              : S_ISBLK(st.st_mode)  ? "a block device"
                              : S_ISCHR(st.st_mode)  ? "a character device"
                              : S_ISFIFO(st.st_mode) ? "a pipe"
                                                     : "a socket",
                              need);
    if (st.st_size == 0)
        return weir_ld_refuse(why, -EINVAL, "found an empty file; needed %s",
                              need);
    if ((uint64_t)st.st_size > max)
        return weir_ld_refuse(why, -EINVAL,
                              "found a file of %llu MiB; needed one of at "
                              "most %llu%s",
                              (unsigned long long)st.st_size / MIB,
                              (unsigned long long)(max / MIB),
                              ramdisk ? "" : ", without debugging symbols");
    why->ramdisk = false;
    *size = (uint64_t)st.st_size;
    return 0;
}

int weir_ld_job_look(struct weir_ld_job *job, struct weir_ld_why *why)
{
    int rc =
        look(job->kernel_fd, WEIR_LD_MAX_KERNEL, false, &job->kernel_size, why);

    if (rc == 0 && job->ramdisk_fd >= 0)
        rc = look(job->ramdisk_fd, RAMDISK, true, &job->ramdisk_size, why);
    return rc;
}

uint64_t weir_ld_job_memfd(const struct weir_ld_job *job)
{
    return WEIR_LD_MAX_KERNEL + 4 * WEIR_LD_MAX_TABLES +
           page_up(job->ramdisk_size);
}

uint64_t weir_ld_job_memory(const struct weir_ld_job *job)
{
    return weir_ld_job_memfd(job) + page_up(job->kernel_size) +
           WEIR_LD_UNPACK_MEMORY;
}

/* Everything of the file, which may be changed by others meanwhile: what is
 * looked at is this copy. */
static int read_all(int fd, uint8_t *to, uint64_t n, struct weir_ld_why *why)
{
    uint64_t done = 0;

    while (done < n) {
        ssize_t got = pread(fd, to + done, n - done, (off_t)done);

        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return weir_ld_refuse(why, -errno,
                                  "found a file that can't be read at byte "
                                  "%llu (%s); needed an intact one",
                                  (unsigned long long)done, strerror(errno));
        if (got == 0)
            return weir_ld_refuse(why, -EINVAL,
                                  "found a file that became shorter while it "
                                  "was read; needed one that stays as it is");
        done += (uint64_t)got;
    }
    return 0;
}

static int no_memory(struct weir_ld_why *why, uint64_t n)
{
    int err = errno;

    return weir_ld_refuse(why, -err,
                          "found no memory for %llu MiB (%s); needed a host "
                          "with more",
                          (unsigned long long)(n / MIB), strerror(err));
}

/* n bytes at offset of the memfd, which grows to that. */
static int map_memfd(int memfd, uint64_t offset, uint64_t n, uint8_t **out,
                     struct weir_ld_why *why)
{
    void *p = MAP_FAILED;

    if (ftruncate(memfd, (off_t)(offset + n)) == 0)
        p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, memfd,
                 (off_t)offset);
    if (p == MAP_FAILED)
        return no_memory(why, n);
    *out = p;
    return 0;
}

/* The kernel's ELF file, at the memfd's start. */
struct kernel {
    uint8_t *bytes;
    uint64_t room; /* mapped */
};

static int unpack(const struct weir_ld_file *f, const uint8_t *raw,
                  struct kernel *k, uint64_t *len, struct weir_ld_why *why)
{
    size_t n = 0;
    int rc;

    if (f->format == WEIR_LD_ELF) {
        memcpy(k->bytes, raw, k->room);
        *len = k->room;
        return 0;
    }
    rc = weir_ld_unpack(f->pack, raw + f->payload, f->payload_len, k->bytes,
                        k->room, &n, why);
    *len = n;
    if (rc == 0 && f->sized && n != f->unpacked_len)
        return weir_ld_refuse(why, -EINVAL,
                              "found a payload of %llu bytes unpacked, where "
                              "the image says %llu; needed an intact file",
                              (unsigned long long)n,
                              (unsigned long long)f->unpacked_len);
    if (rc == 0 && (n < 4 || memcmp(k->bytes, "\177ELF", 4) != 0))
        return weir_ld_refuse(why, -EINVAL,
                              "found %s data that is no ELF file inside; "
                              "needed a kernel",
                              weir_ld_pack_name(f->pack));
    return rc;
}

static int room_for(const struct weir_ld_file *f, uint64_t size, uint64_t *room,
                    struct weir_ld_why *why)
{
    *room = f->format == WEIR_LD_ELF ? size
            : f->sized               ? f->unpacked_len
                                     : WEIR_LD_MAX_KERNEL;
    if (*room == 0 || *room > WEIR_LD_MAX_KERNEL)
        return weir_ld_refuse(why, -EINVAL,
                              "found a payload that says it unpacks to %llu "
                              "bytes; needed 1 to %llu",
                              (unsigned long long)*room,
                              (unsigned long long)WEIR_LD_MAX_KERNEL);
    return 0;
}

static int load_kernel(const struct weir_ld_job *job, int memfd,
                       struct kernel *k, struct weir_ld_built *out,
                       struct weir_ld_why *why)
{
    uint8_t *raw = mmap(NULL, job->kernel_size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int rc;

    if (raw == MAP_FAILED)
        return no_memory(why, job->kernel_size);
    rc = read_all(job->kernel_fd, raw, job->kernel_size, why);
    if (rc == 0)
        rc = weir_ld_file(raw, job->kernel_size, &out->file, why);
    if (rc == 0)
        rc = room_for(&out->file, job->kernel_size, &k->room, why);
    if (rc == 0)
        rc = map_memfd(memfd, 0, k->room, &k->bytes, why);
    if (rc == 0)
        rc = unpack(&out->file, raw, k, &out->kernel_len, why);
    munmap(raw, job->kernel_size);
    if (rc == 0)
        rc = weir_ld_elf(k->bytes, out->kernel_len, &out->elf, why);
    return rc;
}

static void add_segment(struct weir_vm_image *image, uint64_t gpa,
                        uint64_t offset, uint64_t length)
{
    if (length)
        image->segments[image->nsegments++] =
            (struct weir_vm_segment){gpa, offset, length};
}

/* Bytes up to the last that is not zero: a VM's memory is.  The answer shows
 * that the entry is the kernel's, so that stays. */
static uint64_t trimmed(const uint8_t *bytes, const struct weir_ld_load *l,
                        uint32_t entry)
{
    static const uint8_t zeros[WEIR_LD_PAGE];
    const uint8_t *p = bytes + l->offset;
    uint64_t n = l->filesz;

    while (n >= sizeof(zeros) &&
           memcmp(p + n - sizeof(zeros), zeros, sizeof(zeros)) == 0)
        n -= sizeof(zeros);
    while (n > 0 && p[n - 1] == 0)
        n--;
    if (entry >= l->paddr && entry - l->paddr < l->filesz &&
        entry - l->paddr >= n)
        n = entry - l->paddr + 1;
    return n;
}

static int put_tables(const struct weir_ld_plan *plan, int memfd,
                      uint64_t offset, struct weir_vm_image *image,
                      struct weir_ld_why *why)
{
    uint8_t *to = NULL;
    int rc = map_memfd(memfd, offset, WEIR_LD_MAX_TABLES, &to, why);

    if (rc)
        return rc;
    memcpy(to, plan->tables, plan->tables_len);
    munmap(to, WEIR_LD_MAX_TABLES);
    add_segment(image, plan->tables_gpa, offset, plan->tables_len);
    return 0;
}

static int put_ramdisk(const struct weir_ld_job *job, int memfd,
                       uint64_t offset, struct weir_ld_why *why)
{
    uint8_t *to = NULL;
    int rc = map_memfd(memfd, offset, job->ramdisk_size, &to, why);

    if (rc)
        return rc;
    rc = read_all(job->ramdisk_fd, to, job->ramdisk_size, why);
    why->ramdisk = rc != 0;
    munmap(to, job->ramdisk_size);
    return rc;
}

/* Memory after the kernel: a page boundary, tables, a page boundary, ramdisk.
 */
static int place(const struct weir_ld_job *job, int memfd,
                 const struct kernel *k, struct weir_ld_built *out,
                 struct weir_ld_why *why)
{
    struct weir_ld_vm vm = {
        .ram_pages = job->ram_pages ? job->ram_pages : WEIR_LD_MAX_PAGES,
        .vcpus = job->vcpus,
        .cmdline = job->cmdline && *job->cmdline ? job->cmdline : NULL,
        .cmdline_max = out->file.cmdline_max,
        .has_ramdisk = job->ramdisk_fd >= 0,
        .ramdisk_size = job->ramdisk_size,
    };
    struct weir_vm_image *image = &out->image;
    uint64_t tables = page_up(out->kernel_len);
    uint64_t ramdisk = tables + WEIR_LD_MAX_TABLES;
    struct weir_ld_plan plan;
    int rc = weir_ld_place(&out->elf, &vm, &plan, why);

    if (rc || !job->ram_pages)
        return rc;
    for (unsigned i = 0; i < out->elf.nloads; i++) {
        const struct weir_ld_load *l = &out->elf.load[i];

        add_segment(image, l->paddr, l->offset,
                    trimmed(k->bytes, l, plan.entry));
    }
    rc = put_tables(&plan, memfd, tables, image, why);
    if (rc == 0 && vm.has_ramdisk) {
        rc = put_ramdisk(job, memfd, ramdisk, why);
        add_segment(image, plan.ramdisk_gpa, ramdisk, vm.ramdisk_size);
    }
    image->entry = plan.entry;
    image->start_info = plan.start_info;
    return rc;
}

static int build(const struct weir_ld_job *job, int memfd, struct kernel *k,
                 struct weir_ld_built *out, struct weir_ld_why *why)
{
    int rc = load_kernel(job, memfd, k, out, why);

    if (rc)
        return rc;
    weir_ld_stubs(k->bytes, &out->elf, &out->stubs);
    if (job->rewrite) {
        rc = weir_ld_rewrite(k->bytes, &out->stubs, why);
        if (rc < 0)
            return rc;
        out->image.rewritten = (uint32_t)rc;
    }
    return place(job, memfd, k, out, why);
}

int weir_ld_build(const struct weir_ld_job *job, struct weir_ld_built *out,
                  struct weir_ld_why *why)
{
    int memfd = memfd_create("weir-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    struct kernel k = {0};
    int rc;

    memset(out, 0, sizeof(*out));
    out->image.memfd = -1;
    if (memfd < 0)
        return no_memory(why, 0);
    rc = build(job, memfd, &k, out, why);
    if (k.bytes)
        munmap(k.bytes, k.room);
    if (rc == 0 && job->ram_pages &&
        fcntl(memfd, F_ADD_SEALS,
              F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL))
        rc = weir_ld_refuse(why, -errno,
                            "found no way to seal memory (%s); "
                            "needed Linux with memfd seals",
                            strerror(errno));
    if (rc || !job->ram_pages) {
        close(memfd);
        return rc;
    }
    out->image.memfd = memfd;
    return 0;
}
