/* SPDX-License-Identifier: MIT
 *
 * The hypercall page's code.
 */
#include "hypervisor/vm.h"

#include "ring/hypercall_abi.h"

#include <string.h>

/* mov $nr, %eax; out %eax, $HV_PORT_CALL; ret */
static const uint8_t by_port[] = {0xb8, 0, 0, 0, 0, 0xe7, HV_PORT_CALL, 0xc3};
/* mov $nr, %eax; vmcall; ret */
static const uint8_t by_call[] = {0xb8, 0, 0, 0, 0, 0x0f, 0x01, 0xc1, 0xc3};

/* EVTCHNOP_send in a way that KVM's ioeventfds hear: cmp $4, %edi; jne;
 * mov (%rsi), %eax; out %eax, $HV_PORT_SEND; sub (%rsi), %eax; cdqe; ret.  eax
 * less the port is what weir-hv added to it: 0 or an error. */
static const uint8_t send_first[] = {
    0x83, 0xff, WEIR_EVTCHNOP_SEND, 0x75, 0x09, 0x8b,
    0x06, 0xe7, HV_PORT_SEND,       0x2b, 0x06, 0x48,
    0x98, 0xc3,
};

void hv_vm_hypercall_page(const struct hv_vm *vm, bool amd,
                          uint8_t page[WEIR_PAGE_SIZE])
{
    memset(page, 0xcc, WEIR_PAGE_SIZE);
    for (uint32_t nr = 0; nr < WEIR_HYPERCALL_STUBS; nr++) {
        uint8_t *at = page + (size_t)nr * WEIR_HYPERCALL_STUB;

        if (nr == WEIR_HYPERCALL_EVENT_CHANNEL_OP && !vm->xen) {
            memcpy(at, send_first, sizeof(send_first));
            at += sizeof(send_first);
        }
        if (vm->xen)
            memcpy(at, by_call, sizeof(by_call));
        else
            memcpy(at, by_port, sizeof(by_port));
        at[1] = (uint8_t)nr;
        if (vm->xen && amd)
            at[7] = 0xd9; /* vmmcall */
    }
}
