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
    uint32_t size = k->size ? k->size * 2 : 16;
    struct hv_keep *run;

    if (k->n < k->size)
        return 0;
    if (size > HV_KEEPS_MAX)
        return -ENOSPC;
    run = reallocarray(k->run, size, sizeof(*run));
    if (!run)
        return -ENOMEM;
    k->run = run;
    k->size = size;
    return 0;
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
