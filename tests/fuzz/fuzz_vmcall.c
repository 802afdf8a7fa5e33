/* SPDX-License-Identifier: MIT
 *
 * Hypercalls of VM domains: two guests, the first with two vCPUs, call
 * whatever the input says with arguments of its bytes, and change their grant
 * tables and shared info in between.  Each page of their address spaces is
 * what the tables say, and when both are gone nothing is left.
 *
 * Input: 1 byte (bit 0: KVM has Xen's ABI, bit 1: it refuses eventfds); then
 * records: 1 byte how, 1 byte number, 1 byte command, 1 byte count, 1 byte
 * length, bytes.
 *   how  bit 0: which guest; 1: which of its vCPUs; 2: the argument lies
 *        across the end of RAM; 3: at no place; 4-5: 0 a hypercall, 1 bytes
 *        for a special page (number: which), 2 the domain's thread has a turn,
 *        3 a send by the stub of the hypercall page (count: port); 6: the
 *        first 16 bytes are the address of 0 in the argument's pointers
 */
#include "hypervisor/hypercall.h"
#include "hypervisor/vm.h"
#include "ring/hypercall_abi.h"
#include "tests/fuzz/hv_fake.h"
#include "tests/fuzz/vm_fake.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define SCRATCH 0x4000u /* gpa: arguments, 2 pages */
#define LIST    0x6000u /* what arguments point to */
#define RAM_END (VM_FAKE_RAM * 4096u)

static void put(struct hv_vm *vm, uint64_t gpa, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (hv_vm_own_frame(vm, (gpa + i) >> WEIR_PAGE_SHIFT))
            *vm_fake_at(vm, gpa + i) = p[i];
}

/* Pointers in arguments that are worth a try: to a list of small numbers. */
static void set_list(struct hv_vm *vm, const uint8_t *p, size_t len)
{
    for (size_t i = 0; i < len && i < 64; i++) {
        uint64_t n = p[i];

        put(vm, LIST + i * 8, (const uint8_t *)&n, 8);
    }
}

static uint64_t place(uint8_t how, size_t len)
{
    if (how & 8)
        return RAM_END + 0x100000;
    return how & 4 ? RAM_END - len / 2 : SCRATCH;
}

static void call(struct hv_vcpu *v, const uint8_t rec[5], const uint8_t *p,
                 size_t len)
{
    uint64_t at = place(rec[0], len), count = rec[3];
    uint64_t a[5] = {rec[2], at, count, count, count};
    uint8_t arg[256];
    uint64_t list = LIST;

    if (rec[1] == WEIR_HYPERCALL_VCPU_OP ||
        rec[1] == WEIR_HYPERCALL_CONSOLE_IO) {
        a[1] = count;
        a[2] = at;
    }
    memcpy(arg, p, len);
    if (rec[0] & 0x40 && len >= 8) {
        set_list(v->vm, p + 8, len - 8);
        if (rec[1] == WEIR_HYPERCALL_MEMORY_OP &&
            rec[2] == WEIR_XENMEM_ADD_TO_PHYSMAP_BATCH && len >= 32)
            for (int i = 8; i < 32; i += 8)
                memcpy(arg + i, &list, 8);
        else if (rec[1] != WEIR_HYPERCALL_GRANT_TABLE_OP)
            memcpy(arg, &list, 8);
    }
    put(v->vm, at, arg, len);
    /* It would wait for ever: nobody else does anything here. */
    if (rec[1] == WEIR_HYPERCALL_SCHED_OP && rec[2] != WEIR_SCHEDOP_SHUTDOWN)
        v->vm->stop = 1;
    hv_vmcall(v, rec[1], a);
    if (!v->vm->ended)
        v->vm->stop = 0;
}

static void special(struct hv_vm *vm, const uint8_t rec[5], const uint8_t *p,
                    size_t len)
{
    struct hv_memory *mem = &vm->d->m->mem;

    if (rec[1] & 1)
        memcpy(hv_memory_at(mem, vm->d->grants.first), p, len);
    else if (rec[1] & 2)
        memcpy((uint8_t *)vm->xen_state.shared + (rec[2] % 12u) * 256, p, len);
    else
        memcpy(hv_memory_at(mem, vm->d->console_frame), p, len);
}

static void play(struct hv_vm *vm, const uint8_t rec[5], const uint8_t *p,
                 size_t len)
{
    struct hv_vcpu *v = &vm->vcpu[(rec[0] & 2) && vm->nvcpus > 1];

    if (vm->ended)
        return;
    switch (rec[0] >> 4 & 3) {
    case 0:
        call(v, rec, p, len);
        hv_vcpu_xen_enter(v);
        break;
    case 1:
        special(vm, rec, p, len);
        break;
    case 2:
        hv_vm_events(vm);
        break;
    case 3:
        hv_vm_send(v, rec[3]);
        break;
    }
    vm_fake_check(vm);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct hv_vm *vm[2];

    memset(&vm_fake, 0, sizeof(vm_fake));
    vm_fake.xen = size && (data[0] & 1);
    vm[0] = vm_fake_new(1, 2);
    vm[1] = vm_fake_new(2, 1);
    vm_fake.refuse = size && (data[0] & 2);
    for (size_t at = 1; at + 5 <= size;) {
        const uint8_t *rec = data + at;
        size_t len = rec[4];

        at += 5;
        if (len > size - at)
            len = size - at;
        play(vm[rec[0] & 1], rec, data + at, len);
        at += len;
    }
    vm_fake_check(vm[0]);
    vm_fake_check(vm[1]);
    vm_fake_end(vm[0]);
    vm_fake_end(vm[1]);
    fake_check_empty();
    if (fake_machine()->vmas)
        abort();
    return 0;
}
