/* SPDX-License-Identifier: MIT
 *
 * The same code with its rule made breakable: "vm-seccomp" leaves the threads
 * of a VM all system calls.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/client/breakable.h"
#include "hypervisor/vm.h"

static int confine(void);
#define hv_vm_seccomp confine
#include "hypervisor/vm_seccomp.c"
#undef hv_vm_seccomp

int hv_vm_seccomp(void)
{
    return weir_broken("vm-seccomp") ? 0 : confine();
}
