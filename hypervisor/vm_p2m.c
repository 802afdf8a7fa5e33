/* SPDX-License-Identifier: MIT
 *
 * What each guest-physical page is: a table of entries in chunks.  Bookkeeping
 * only; vm_mem.c makes the address space say the same.
 */
#include "hypervisor/vm.h"
#include "hypervisor/vm_map.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Slots outside RAM: Linux takes places for foreign pages in sections of this
 * size, so few slots do. */
#define GRANULE     (UINT64_C(128) << 8) /* pages: 128 MiB */
#define LOW_END     (WEIR_VM_LOW_END >> 12)
#define HOLE        (WEIR_VM_HOLE >> 12)
#define HIGH        (WEIR_VM_HIGH >> 12)
#define IOAPIC      UINT64_C(0xFEC00)
#define AFTER_APIC  UINT64_C(0xFEF00)
#define SPECIAL_END UINT64_C(0xFF000)

int hv_p2m_init(struct hv_vm *vm, uint64_t gfns)
{
    vm->gfns = gfns;
    vm->p2m =
        calloc((gfns + HV_P2M_CHUNK - 1) / HV_P2M_CHUNK, sizeof(*vm->p2m));
    return vm->p2m ? 0 : -ENOMEM;
}

void hv_p2m_fini(struct hv_vm *vm)
{
    for (uint64_t i = 0;
         vm->p2m && i < (vm->gfns + HV_P2M_CHUNK - 1) / HV_P2M_CHUNK; i++)
        free(vm->p2m[i]);
    free(vm->p2m);
    vm->p2m = NULL;
}

struct hv_p2m_entry hv_p2m_get(const struct hv_vm *vm, uint64_t gfn)
{
    if (gfn >= vm->gfns || !vm->p2m[gfn / HV_P2M_CHUNK])
        return (struct hv_p2m_entry){0};
    return vm->p2m[gfn / HV_P2M_CHUNK][gfn % HV_P2M_CHUNK];
}

int hv_p2m_room(struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry **chunk;

    if (gfn >= vm->gfns)
        return -EINVAL;
    chunk = &vm->p2m[gfn / HV_P2M_CHUNK];
    if (!*chunk)
        *chunk = calloc(HV_P2M_CHUNK, sizeof(**chunk));
    return *chunk ? 0 : -ENOMEM;
}

int hv_p2m_set(struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what)
{
    int rc = hv_p2m_room(vm, gfn);

    if (rc == 0)
        vm->p2m[gfn / HV_P2M_CHUNK][gfn % HV_P2M_CHUNK] = what;
    return rc;
}

mfn_t hv_vm_own_frame(const struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry e = hv_p2m_get(vm, gfn);

    return e.type == HV_P2M_RAM || e.type == HV_P2M_SPECIAL ? e.frame : 0;
}

/* Does a mapping of the process end between these neighbours?  The kernel
 * makes one of two that continue each other. */
static int seam(struct hv_p2m_entry a, struct hv_p2m_entry b)
{
    if (a.type == HV_P2M_HOLE || b.type == HV_P2M_HOLE)
        return a.type != b.type;
    return b.frame != a.frame + 1 || a.readonly != b.readonly;
}

int hv_p2m_seams(const struct hv_vm *vm, uint64_t gfn, struct hv_p2m_entry what)
{
    struct hv_p2m_entry was = hv_p2m_get(vm, gfn), before = {0};
    struct hv_p2m_entry after = hv_p2m_get(vm, gfn + 1);

    if (gfn > 0)
        before = hv_p2m_get(vm, gfn - 1);
    return seam(before, what) + seam(what, after) - seam(before, was) -
           seam(was, after);
}

static int place(uint64_t from, uint64_t end, uint64_t *first, uint64_t *count)
{
    *first = from;
    *count = end - from;
    return 0;
}

/* The granule around gfn, cut to [from, end). */
static int granule(uint64_t gfn, uint64_t from, uint64_t end, uint64_t *first,
                   uint64_t *count)
{
    uint64_t lo = gfn / GRANULE * GRANULE, hi = lo + GRANULE;

    return place(lo > from ? lo : from, hi < end ? hi : end, first, count);
}

int hv_p2m_slot(uint64_t ram_pages, uint64_t gfns, uint64_t gfn,
                uint64_t *first, uint64_t *count)
{
    uint64_t low = ram_pages < LOW_END ? ram_pages : LOW_END;
    uint64_t high = HIGH + ram_pages - low;

    if (gfn < low)
        return place(0, low, first, count);
    if (gfn < HOLE)
        return granule(gfn, low, HOLE, first, count);
    if (gfn < IOAPIC)
        return place(HOLE, IOAPIC, first, count);
    if (gfn >= AFTER_APIC && gfn < SPECIAL_END)
        return place(AFTER_APIC, SPECIAL_END, first, count);
    if (gfn < HIGH || gfn >= gfns)
        return -EINVAL;
    if (gfn < high)
        return place(HIGH, high, first, count);
    return granule(gfn, high, gfns, first, count);
}
