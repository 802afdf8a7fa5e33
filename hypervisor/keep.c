/* SPDX-License-Identifier: MIT */
#include "hypervisor/keep.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void hv_keeps_fini(struct hv_keeps *k)
{
    free(k->run);
    memset(k, 0, sizeof(*k));
}

struct hv_keep *hv_keep_find(struct hv_keeps *k, uint64_t key)
{
    for (uint32_t i = 0; i < k->n; i++)
        if (k->run[i].key == key)
            return &k->run[i];
    return NULL;
}

int hv_keep_room(struct hv_keeps *k)
{
    if (!k->run)
        k->run = calloc(HV_KEEPS_MAX, sizeof(*k->run));
    return !k->run ? -ENOMEM : k->n == HV_KEEPS_MAX ? -ENOSPC : 0;
}

void hv_keep_add(struct hv_keeps *k, uint64_t key, mfn_t first, uint32_t count)
{
    k->run[k->n++] = (struct hv_keep){
        .key = key, .first = first, .count = count, .asked = true};
}

void hv_keep_end(struct hv_keeps *k, mfn_t first, uint32_t count)
{
    for (uint32_t i = 0; i < k->n;) {
        const struct hv_keep *r = &k->run[i];

        if (first < r->first + r->count && r->first < first + count)
            k->run[i] = k->run[--k->n];
        else
            i++;
    }
}
