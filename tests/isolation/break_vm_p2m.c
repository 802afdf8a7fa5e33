/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "vm-p2m": the frame numbers in
 * a VM's grant table are machine frame numbers; "vm-foreign": what it maps of
 * others is as if its own.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/client/breakable.h"
#include "hypervisor/vm.h"

static mfn_t own_frame(const struct hv_vm *vm, uint64_t gfn);
#define hv_vm_own_frame own_frame
#include "hypervisor/vm_p2m.c"
#undef hv_vm_own_frame

mfn_t hv_vm_own_frame(const struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry e = hv_p2m_get(vm, gfn);

    if (weir_broken("vm-p2m"))
        return gfn;
    if (weir_broken("vm-foreign") && e.type == HV_P2M_FOREIGN)
        return e.frame;
    return own_frame(vm, gfn);
}
