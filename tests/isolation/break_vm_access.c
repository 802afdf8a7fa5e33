/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "vm-access": weir-hv writes
 * results into pages that the guest may only read; "vm-memfd": it loads from
 * whatever descriptor it is given.
 */
#define WEIR_TEST_BREAK
#include <fcntl.h>

#include "hypervisor/client/breakable.h"
#include "hypervisor/vm.h"

static struct hv_p2m_entry get(const struct hv_vm *vm, uint64_t gfn)
{
    struct hv_p2m_entry e = hv_p2m_get(vm, gfn);

    if (weir_broken("vm-access"))
        e.readonly = 0;
    return e;
}

static int seals(int fd, int cmd)
{
    return weir_broken("vm-memfd") ? 0 : fcntl(fd, cmd);
}
#define hv_p2m_get get
#define fcntl      seals
#include "hypervisor/vm_access.c"
