/* SPDX-License-Identifier: MIT */
#include "hypervisor/vm.h"
#include <errno.h>
#include <string.h>
#define WEAK __attribute__((weak))
WEAK int64_t hv_vmcall(struct hv_vcpu *v, uint64_t nr, const uint64_t a[5])
{
    (void)v;
    (void)a;
    return nr == 17 ? 0x40011 : -ENOSYS;
}
WEAK int hv_vm_xen_init(struct hv_vm *vm)
{
    (void)vm;
    return 0;
}
WEAK void hv_vm_xen_fini(struct hv_vm *vm)
{
    (void)vm;
}
WEAK void hv_vm_deliver(struct hv_vm *vm, evtchn_port_t port)
{
    (void)vm;
    (void)port;
}
WEAK void hv_vm_events(struct hv_vm *vm)
{
    (void)vm;
}
WEAK int hv_vm_send(struct hv_vcpu *v, evtchn_port_t port)
{
    (void)v;
    (void)port;
    return -EINVAL;
}
WEAK void hv_vcpu_time_update(struct hv_vcpu *v)
{
    (void)v;
}
WEAK void hv_vm_hypercall_page(const struct hv_vm *vm, bool is_amd,
                               uint8_t page[WEIR_PAGE_SIZE])
{
    (void)vm;
    (void)is_amd;
    memset(page, 0xc3, WEIR_PAGE_SIZE);
}
