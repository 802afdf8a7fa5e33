/* SPDX-License-Identifier: MIT
 *
 * What a guest's CPUID says: the host's processor as KVM supports it, so many
 * cores in one package, and Xen.
 */
#include "hypervisor/vm_call.h"
#include "ring/start_abi.h"

#include <cpuid.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>

#define ENTRIES 256
#define XEN     WEIR_CPUID_FIRST
#define XEN_HVM                                                                \
    (WEIR_CPUID_HVM_VCPU_ID | WEIR_CPUID_HVM_DOMID |                           \
     WEIR_CPUID_HVM_UPCALL_VECTOR)

static unsigned log2_up(unsigned n)
{
    unsigned bits = 0;

    while (1u << bits < n)
        bits++;
    return bits;
}

/* Caches: the third level is shared by all, the others by nobody. */
static uint32_t sharing(uint32_t eax, unsigned n)
{
    eax &= ~(0xfffu << 14);
    return (eax >> 5 & 7) >= 3 ? eax | (n - 1) << 14 : eax;
}

/* False: the leaf is left out. */
static bool patch(const struct hv_vcpu *v, struct kvm_cpuid_entry2 *e)
{
    unsigned n = v->vm->nvcpus;

    switch (e->function) {
    case 1:
        e->ebx = (e->ebx & 0xffff) | n << 16 | v->id << 24;
        e->ecx &= ~(1u << 5 | 1u << 3); /* VMX, MONITOR */
        e->ecx |= 1u << 31;             /* there is a hypervisor */
        if (ioctl(v->vm->d->m->kvm, KVM_CHECK_EXTENSION,
                  KVM_CAP_TSC_DEADLINE_TIMER) > 0)
            e->ecx |= 1u << 24;
        if (n > 1)
            e->edx |= 1u << 28; /* several in a package */
        break;
    case 4:
        if (e->eax & 0x1f)
            e->eax = (sharing(e->eax, n) & 0x03ffffff) | (n - 1) << 26;
        break;
    case 0xb:
    case 0x1f:
    case 0x8000000a:
        return false;
    case 0x80000001:
        e->ecx &= ~(1u << 2); /* SVM */
        break;
    case 0x80000008:
        e->ecx = (n - 1) | log2_up(n) << 12;
        break;
    case 0x8000001d:
        if (e->eax & 0x1f)
            e->eax = sharing(e->eax, n);
        break;
    case 0x8000001e:
        e->eax = v->id;
        e->ebx = v->id;
        e->ecx = 0;
        break;
    }
    return e->function < XEN || e->function > XEN + 0xffffff;
}

static struct kvm_cpuid_entry2 *add(struct kvm_cpuid2 *c, uint32_t function,
                                    uint32_t index, bool indexed)
{
    struct kvm_cpuid_entry2 *e = &c->entries[c->nent++];

    memset(e, 0, sizeof(*e));
    e->function = function;
    e->index = index;
    e->flags = indexed ? KVM_CPUID_FLAG_SIGNIFCANT_INDEX : 0;
    return e;
}

/* One thread a core, n cores a package. */
static void add_topology(const struct hv_vcpu *v, struct kvm_cpuid2 *c)
{
    for (unsigned level = 0; level < 3; level++) {
        struct kvm_cpuid_entry2 *e = add(c, 0xb, level, true);

        e->edx = v->id;
        e->ecx = level | (level < 2 ? (level + 1) << 8 : 0);
        e->ebx = level == 0 ? 1 : level == 1 ? v->vm->nvcpus : 0;
        e->eax = level == 1 ? log2_up(v->vm->nvcpus) : 0;
    }
}

static void add_xen(const struct hv_vcpu *v, struct kvm_cpuid2 *c)
{
    struct kvm_cpuid_entry2 *e = add(c, XEN, 0, false);
    int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);

    e->eax = XEN + 4;
    e->ebx = WEIR_CPUID_SIGNATURE_EBX;
    e->ecx = WEIR_CPUID_SIGNATURE_ECX;
    e->edx = WEIR_CPUID_SIGNATURE_EDX;
    e = add(c, XEN + 1, 0, false);
    e->eax = HV_XEN_VERSION;
    e = add(c, XEN + 2, 0, false);
    e->eax = 1; /* hypercall pages */
    e->ebx = WEIR_XEN_HYPERCALL_MSR;
    e = add(c, XEN + 3, 0, true);
    e->ecx = khz > 0 ? (uint32_t)khz : 0;
    e = add(c, XEN + 4, 0, true);
    e->eax = XEN_HVM;
    e->ebx = v->id;
    e->ecx = v->vm->d->domid;
}

int hv_vcpu_cpuid(struct hv_vcpu *v)
{
    struct kvm_cpuid2 *has, *c;
    int rc = 0;

    has = calloc(1, sizeof(*has) + ENTRIES * sizeof(has->entries[0]));
    c = calloc(1, sizeof(*c) + (ENTRIES + 16) * sizeof(c->entries[0]));
    if (has)
        has->nent = ENTRIES;
    if (!has || !c)
        rc = -ENOMEM;
    else if (ioctl(v->vm->d->m->kvm, KVM_GET_SUPPORTED_CPUID, has) < 0)
        rc = -errno;
    for (unsigned i = 0; rc == 0 && i < has->nent; i++)
        if (patch(v, &has->entries[i]))
            c->entries[c->nent++] = has->entries[i];
    if (rc == 0) {
        add_topology(v, c);
        add_xen(v, c);
        if (ioctl(v->fd, KVM_SET_CPUID2, c) < 0)
            rc = -errno;
    }
    free(has);
    free(c);
    return rc;
}

static bool amd(void)
{
    unsigned eax, ebx, ecx, edx;

    return __get_cpuid(0, &eax, &ebx, &ecx, &edx) &&
           (ecx == signature_AMD_ecx || ecx == 0x656e6975 /* HygonGenuine */);
}

bool hv_vcpu_msr(struct hv_vcpu *v, bool write, uint32_t msr, uint64_t *value)
{
    uint8_t page[WEIR_PAGE_SIZE];

    if (msr != WEIR_XEN_HYPERCALL_MSR)
        return false;
    if (!write) {
        *value = 0;
        return true;
    }
    /* The low bits are the number of the page: there is one. */
    if (*value % WEIR_PAGE_SIZE)
        return false;
    hv_vm_hypercall_page(v->vm, amd(), page);
    if (hv_vm_write_gpa(v->vm, *value, page, sizeof(page)) < 0)
        return false;
    return true;
}
