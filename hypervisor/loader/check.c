/* SPDX-License-Identifier: MIT */
#include "hypervisor/loader/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define MIB (UINT64_C(1) << 20)

/* stdio asks descriptors what they are, which is sealed off. */
void weir_ld_say(int fd, const char *fmt, ...)
{
    char line[5000];
    va_list ap;
    int n;

    va_start(ap, fmt);
    n = vsnprintf(line, sizeof(line), fmt, ap);
    va_end(ap);
    if (n >= (int)sizeof(line))
        n = (int)sizeof(line) - 1;
    while (n > 0) {
        ssize_t done = write(fd, line, (size_t)n);

        if (done <= 0)
            return;
        memmove(line, line + done, (size_t)(n - done));
        n -= (int)done;
    }
}

static void print_file(const struct weir_ld_job *job,
                       const struct weir_ld_built *b)
{
    const struct weir_ld_file *f = &b->file;
    unsigned long long size = job->kernel_size, len = b->kernel_len;

    switch (f->format) {
    case WEIR_LD_BZIMAGE:
        weir_ld_say(
            1,
            "file        bzImage of %llu bytes, boot protocol %u.%02u, %s "
            "payload, %llu bytes unpacked\n",
            size, f->protocol >> 8, f->protocol & 0xff,
            weir_ld_pack_name(f->pack), len);
        break;
    case WEIR_LD_PACKED:
        weir_ld_say(1, "file        %s of %llu bytes, %llu bytes unpacked\n",
                    weir_ld_pack_name(f->pack), size, len);
        break;
    default:
        weir_ld_say(1, "file        ELF of %llu bytes\n", size);
    }
}

static void print_elf(const struct weir_ld_elf *e)
{
    weir_ld_say(1, "kernel      %u-bit, PVH entry 0x%x, guest %s\n", e->bits,
                e->entry, e->guest_os[0] ? e->guest_os : "not named");
    for (unsigned i = 0; i < e->nloads; i++)
        weir_ld_say(1, "segment     0x%llx to 0x%llx\n",
                    (unsigned long long)e->load[i].paddr,
                    (unsigned long long)(e->load[i].paddr + e->load[i].memsz));
}

static void print_calls(const struct weir_ld_stubs *s)
{
    switch (s->calls) {
    case WEIR_LD_CALLS_PAGE:
        weir_ld_say(1, "hypercalls  through the hypercall page\n");
        break;
    case WEIR_LD_CALLS_STUBS:
        weir_ld_say(
            1,
            "hypercalls  vmcall in two functions, at 0x%llx and 0x%llx of "
            "the kernel: rewritten where KVM has no Xen support\n",
            (unsigned long long)s->at[0], (unsigned long long)s->at[1]);
        break;
    default:
        weir_ld_say(
            1,
            "hypercalls  vmcall, in %u pairs of functions where one was "
            "expected: starts only where KVM has Xen support\n",
            s->found);
    }
}

/* What the parts take; a kernel wants more to work with. */
static void print_needs(const struct weir_ld_job *job,
                        const struct weir_ld_built *b)
{
    weir_ld_say(1, "needs       memory=%llu at the least\n",
                (unsigned long long)weir_ld_needs(&b->elf, job->ramdisk_size));
    weir_ld_say(1, "takes       a command line of up to %u bytes\n",
                b->file.cmdline_max);
}

void weir_ld_print(const struct weir_ld_job *job,
                   const struct weir_ld_built *built, const char *kernel,
                   const char *ramdisk)
{
    weir_ld_say(1, "%s\n", kernel);
    print_file(job, built);
    print_elf(&built->elf);
    print_calls(&built->stubs);
    if (ramdisk)
        weir_ld_say(1, "ramdisk     %s, %llu bytes\n", ramdisk,
                    (unsigned long long)job->ramdisk_size);
    print_needs(job, built);
    if (job->ram_pages)
        weir_ld_say(1, "fits        into memory=%llu\n",
                    (unsigned long long)(job->ram_pages * WEIR_LD_PAGE / MIB));
}
