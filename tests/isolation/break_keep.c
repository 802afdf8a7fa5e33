/* SPDX-License-Identifier: MIT
 *
 * The same code with its rule made breakable.  "keeper": a key names what any
 * domain kept.
 */
#define WEIR_TEST_BREAK
#include "hypervisor/client/breakable.h"

#define hv_keep_find find_own
#include "hypervisor/keep.c"
#undef hv_keep_find

struct hv_keep *hv_keep_find(struct hv_keeps *k, uint64_t key);

/* Whoever asked once; tests end before one of these is freed. */
static struct hv_keeps *seen[64];

struct hv_keep *hv_keep_find(struct hv_keeps *k, uint64_t key)
{
    struct hv_keep *run = find_own(k, key);

    for (unsigned i = 0; i < 64 && weir_broken("keeper"); i++) {
        if (!seen[i])
            seen[i] = k;
        if (seen[i] == k)
            break;
        if (!run)
            run = find_own(seen[i], key);
    }
    return run;
}
