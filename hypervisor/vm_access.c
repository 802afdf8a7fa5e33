/* SPDX-License-Identifier: MIT
 *
 * Bytes of a guest's memory, for weir-hv's own use.
 */
#include "hypervisor/vm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#ifndef F_GET_SEALS
#define F_GET_SEALS 1034
#endif

#define CR4_LA57 (1u << 12)

/* A piece within one page.  The lock keeps the frame what it is meanwhile. */
static int copy_page(struct hv_vm *vm, uint64_t gpa, void *buf, size_t len,
                     bool write)
{
    struct hv_machine *m = vm->d->m;
    struct hv_p2m_entry e;
    int rc = -EFAULT;

    pthread_mutex_lock(&m->lock);
    e = hv_p2m_get(vm, gpa >> WEIR_PAGE_SHIFT);
    if (e.type != HV_P2M_HOLE && !(write && e.readonly)) {
        uint8_t *at =
            (uint8_t *)hv_memory_at(&m->mem, e.frame) + gpa % WEIR_PAGE_SIZE;

        memcpy(write ? at : buf, write ? buf : at, len);
        rc = 0;
    }
    pthread_mutex_unlock(&m->lock);
    return rc;
}

static bool copies(uint64_t linear, unsigned above)
{
    return (uint64_t)((int64_t)(linear << above) >> above) == linear;
}

int hv_vcpu_gpa(struct hv_vcpu *v, uint64_t linear, uint64_t *gpa)
{
    struct kvm_translation t = {.linear_address = linear};

    /* KVM ignores what a processor faults at: bits above those it translates,
     * which are copies of the highest of them (48, or 57 with LA57). */
    if (!copies(linear, 16) &&
        !(copies(linear, 7) && v->run->s.regs.sregs.cr4 & CR4_LA57))
        return -EFAULT;
    if (v->linear != (linear >> WEIR_PAGE_SHIFT) + 1) {
        if (ioctl(v->fd, KVM_TRANSLATE, &t) < 0 || !t.valid)
            return -EFAULT;
        v->linear = (linear >> WEIR_PAGE_SHIFT) + 1;
        v->gpa = t.physical_address & ~(uint64_t)(WEIR_PAGE_SIZE - 1);
    }
    *gpa = v->gpa | linear % WEIR_PAGE_SIZE;
    return 0;
}

/* v: addresses are linear ones of this vCPU. */
static int copy(struct hv_vm *vm, struct hv_vcpu *v, uint64_t addr,
                uint8_t *buf, size_t len, bool write)
{
    int rc = 0;

    while (len && rc == 0) {
        size_t n = WEIR_PAGE_SIZE - addr % WEIR_PAGE_SIZE;
        uint64_t gpa = addr;

        if (n > len)
            n = len;
        if (v)
            rc = hv_vcpu_gpa(v, addr, &gpa);
        if (rc == 0)
            rc = copy_page(vm, gpa, buf, n, write);
        addr += n;
        buf += n;
        len -= n;
    }
    return rc;
}

int hv_vm_read_gpa(struct hv_vm *vm, uint64_t gpa, void *to, size_t len)
{
    return copy(vm, NULL, gpa, to, len, false);
}

int hv_vm_write_gpa(struct hv_vm *vm, uint64_t gpa, const void *from,
                    size_t len)
{
    return copy(vm, NULL, gpa, (uint8_t *)(uintptr_t)from, len, true);
}

int hv_vcpu_read(struct hv_vcpu *v, uint64_t linear, void *to, size_t len)
{
    return copy(v->vm, v, linear, to, len, false);
}

int hv_vcpu_write(struct hv_vcpu *v, uint64_t linear, const void *from,
                  size_t len)
{
    return copy(v->vm, v, linear, (uint8_t *)(uintptr_t)from, len, true);
}

void *hv_vm_hold(struct hv_vm *vm, uint64_t gpa, mfn_t *frame)
{
    struct hv_machine *m = vm->d->m;

    pthread_mutex_lock(&m->lock);
    *frame = hv_vm_own_frame(vm, gpa >> WEIR_PAGE_SHIFT);
    if (*frame)
        hv_frames_map(&m->frames, *frame);
    pthread_mutex_unlock(&m->lock);
    if (!*frame)
        return NULL;
    return (uint8_t *)hv_memory_at(&m->mem, *frame) + gpa % WEIR_PAGE_SIZE;
}

void hv_vm_unhold(struct hv_vm *vm, mfn_t frame)
{
    struct hv_machine *m = vm->d->m;
    struct hv_scrub s = {.n = 0};

    pthread_mutex_lock(&m->lock);
    if (hv_frames_unmap(&m->frames, frame))
        s.frame[s.n++] = frame;
    pthread_mutex_unlock(&m->lock);
    hv_scrub(m, &s);
}

/* ---- VM_LOAD ------------------------------------------------------------ */

/* So many bytes at gpa lie in one run of frames: *at, and their number.  Such
 * pages keep their frames while the domain is BUILDING. */
static int ram_run(struct hv_vm *vm, uint64_t gpa, uint64_t length,
                   mfn_t *frame, uint64_t *run)
{
    uint64_t off = gpa % WEIR_PAGE_SIZE, gfn = gpa >> WEIR_PAGE_SHIFT, n = 1;
    struct hv_p2m_entry e = hv_p2m_get(vm, gfn);

    if (e.type != HV_P2M_RAM)
        return -ERANGE;
    while (n * WEIR_PAGE_SIZE - off < length) {
        struct hv_p2m_entry next = hv_p2m_get(vm, gfn + n);

        if (next.type != HV_P2M_RAM || next.frame != e.frame + n)
            break;
        n++;
    }
    *frame = e.frame;
    *run = n * WEIR_PAGE_SIZE - off;
    if (*run > length)
        *run = length;
    return 0;
}

static int read_all(int fd, uint8_t *to, uint64_t length, uint64_t offset)
{
    while (length) {
        ssize_t n = pread(fd, to, length, (off_t)offset);

        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -ENODATA;
        to += n;
        offset += (uint64_t)n;
        length -= (uint64_t)n;
    }
    return 0;
}

int hv_vm_load(struct hv_vm *vm, int memfd, uint64_t offset, uint64_t length,
               uint64_t gpa)
{
    struct hv_memory *mem = &vm->d->m->mem;
    uint64_t end;

    /* Only memory answers this: nothing that could make main wait. */
    if (fcntl(memfd, F_GET_SEALS) < 0)
        return -ENOTTY;
    if (length == 0 || length > WEIR_HVCTL_LOAD_MAX)
        return -EINVAL;
    if (__builtin_add_overflow(gpa, length, &end) ||
        __builtin_add_overflow(offset, length, &end) || end > INT64_MAX)
        return -ERANGE;
    while (length) {
        uint64_t run, off = gpa % WEIR_PAGE_SIZE;
        mfn_t frame;
        int rc = ram_run(vm, gpa, length, &frame, &run);

        if (rc == 0)
            rc = hv_memory_populate(mem, frame,
                                    (off + run + WEIR_PAGE_SIZE - 1) >>
                                        WEIR_PAGE_SHIFT);
        if (rc == 0)
            rc = read_all(memfd, (uint8_t *)hv_memory_at(mem, frame) + off, run,
                          offset);
        if (rc < 0)
            return rc;
        gpa += run;
        offset += run;
        length -= run;
    }
    return 0;
}
