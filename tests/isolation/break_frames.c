/* SPDX-License-Identifier: MIT
 *
 * The same code with its rules made breakable.  "owner": any frame may be
 * granted, whoever has it and whatever it is.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/client/breakable.h"
#include "hypervisor/frames.h"

static bool grantable(struct hv_frames *f, mfn_t m, domid_t owner);
#define hv_frames_grantable grantable
#include "hypervisor/frames.c"
#undef hv_frames_grantable

bool hv_frames_grantable(struct hv_frames *f, mfn_t m, domid_t owner)
{
    return grantable(f, m, owner) ||
           (weir_broken("owner") && m > 0 && m < f->count);
}
