/* SPDX-License-Identifier: MIT
 *
 * What the fuzzing guest learns from results, and its own grant table.
 */
#include "tests/guests/fuzzguest/make.h"

#include "ring/event_abi.h"
#include "ring/grant_abi.h"
#include "ring/hypercall_abi.h"

void fuzz_make_poweroff(struct fuzz_call *c, uint8_t *arg)
{
    *(uint32_t *)(void *)arg = WEIR_SHUTDOWN_POWEROFF;
    *c = (struct fuzz_call){.nr = WEIR_HYPERCALL_SCHED_OP,
                            .a = {WEIR_SCHEDOP_SHUTDOWN, (uintptr_t)arg}};
}

static void learn_handles(struct fuzz_cpu *f, const struct fuzz_call *c)
{
    const struct weir_gnttab_map_grant_ref *m = (void *)(uintptr_t)c->a[1];
    uint64_t n = c->a[2] < 6 ? c->a[2] : 6;

    for (uint64_t i = 0; i < n; i++)
        if (m[i].status == 0 && m[i].handle != UINT32_MAX) {
            f->handle[f->handles % FUZZ_KEPT] = m[i].handle;
            f->handle_gpa[f->handles++ % FUZZ_KEPT] = m[i].host_addr;
        }
}

void fuzz_learn(struct fuzz_cpu *f, const struct fuzz_call *c, int64_t rc)
{
    const uint32_t *word = (void *)(uintptr_t)c->a[1];
    uint32_t port = 0;

    /* Only from structs that are where they should be. */
    if (rc || c->a[1] < (uintptr_t)f->arg ||
        c->a[1] > (uintptr_t)f->arg[FUZZ_BATCH - 1] || c->a[1] % FUZZ_ARG % 64)
        return;
    if (c->nr == WEIR_HYPERCALL_GRANT_TABLE_OP &&
        c->a[0] == WEIR_GNTTABOP_MAP_GRANT_REF)
        learn_handles(f, c);
    if (c->nr != WEIR_HYPERCALL_EVENT_CHANNEL_OP)
        return;
    if (c->a[0] == WEIR_EVTCHNOP_ALLOC_UNBOUND ||
        c->a[0] == WEIR_EVTCHNOP_BIND_IPI)
        port = word[1];
    else if (c->a[0] == WEIR_EVTCHNOP_BIND_INTERDOMAIN ||
             c->a[0] == WEIR_EVTCHNOP_BIND_VIRQ)
        port = word[2];
    if (port)
        f->port[f->ports++ % FUZZ_KEPT] = port;
}

void fuzz_forge_entries(struct fuzz_cpu *f)
{
    volatile struct weir_grant_entry_v1 *table = (void *)(uintptr_t)FUZZ_TABLE;
    static const uint16_t flags[] = {0x01, 0x01, 0x05,  0x01, 0x19, 0x09,
                                     0x02, 0x03, 0x101, 0xe1, 0x00, 0xffff};

    for (unsigned i = 0; i < 16; i++) {
        volatile struct weir_grant_entry_v1 *e =
            &table[fuzz_one_in(f, 3) ? fuzz_below(f, 1024) : fuzz_below(f, 24)];

        e->frame = (uint32_t)fuzz_gfn(f);
        e->domid = fuzz_domid(f);
        e->flags = flags[fuzz_below(f, sizeof(flags) / sizeof(flags[0]))];
        if (fuzz_one_in(f, 16))
            e->flags = (uint16_t)fuzz_random(f);
    }
}
